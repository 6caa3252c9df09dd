package load

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/boards"
)

// readBoards reads the notices of terminals about the seats until they match the outcomes. It returns the number of
// notices.
func (w *Load) readBoards(ctx context.Context) (notices int) {
	for i, c := range w.clients[:min(len(w.clients), w.config.Terminals)] { // one at each terminal
		told, ok := w.readBoard(ctx, i, c)
		if notices += told; !ok {
			break
		}
	}
	return notices
}

// readBoard is readBoards for one terminal; ok is false if the others need not be read.
func (w *Load) readBoard(ctx context.Context, i int, c *client) (notices int, ok bool) {
	b := boards.New("")
	for {
		err := b.Read(ctx, c.conn)
		switch {
		case errors.Is(err, boards.ErrWrong):
			w.wrong("what terminal %d was told: %v", i, err)
			return 0, false
		case err != nil && ctx.Err() != nil:
			w.wrong("unreadable notices of terminal %d: %v", i, err)
			return 0, false
		}
		if err == nil {
			missing, doubled := w.compareBoard(b)
			enough := len(missing) == 0 || b.Trimmed || b.Gap
			if len(doubled) > 0 && (enough || ctx.Err() != nil) {
				w.findings.Doubled = append(w.findings.Doubled, fmt.Sprintf("terminal %d was told twice of seats %s", i, strings.Join(doubled, ", ")))
			}
			switch {
			case enough:
				if b.Gap {
					w.wrong("terminal %d was told that it misses notices", i)
				}
				return b.Notices, true
			case ctx.Err() != nil:
				w.findings.Lost = append(w.findings.Lost, fmt.Sprintf("terminal %d was never told of seats %s", i, strings.Join(missing, ", ")))
				return 0, false
			}
		}
		_ = pace.Rest(ctx, again) // then it is checked once more
	}
}

// compareBoard names the seats with too few or too many notices at a terminal.
func (w *Load) compareBoard(b *boards.Board) (missing, doubled []string) {
	note := func(seat string, told, want int) {
		switch {
		case told < want:
			missing = append(missing, seat)
		case told > want:
			doubled = append(doubled, seat)
		}
	}
	for _, r := range w.reservations {
		sold := 0
		if r.sold {
			sold = 1
		}
		note(r.seat+" (sold)", b.Sold[r.seat], sold)
		note(r.seat+" (released)", b.Released[r.seat], r.released)
	}
	return missing, doubled
}
