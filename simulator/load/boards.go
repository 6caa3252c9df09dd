package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/nats-io/nats.go"
)

// board is what a terminal was told of seats, from the notices that it keeps.
type board struct {
	sold, released map[string]int // seats, with how often
	notices        int
	gap            bool // it misses some, and was told so
}

// Told reads all that a terminal keeps of what it was told, and whether it was told more before that.
func Told(ctx context.Context, conn *nats.Conn) (all []notice.Told, trimmed bool, err error) {
	for after := (notice.After{Limit: 1000}); ; {
		body, err := json.Marshal(after)
		if err != nil {
			return nil, false, err
		}
		reply, err := conn.RequestWithContext(ctx, notice.SubjectAfter, body)
		if err != nil {
			return nil, false, err
		}
		if why := reply.Header.Get(bus.HeaderErrorCode); why != "" {
			return nil, false, fmt.Errorf("%s: %s", why, reply.Header.Get(bus.HeaderError))
		}
		var page notice.Kept
		if err := json.Unmarshal(reply.Data, &page); err != nil {
			return nil, false, err
		}
		if len(page.Notices) == 0 && page.More {
			return nil, false, errors.New("an empty page, and more")
		}
		if all = append(all, page.Notices...); !page.More {
			return all, page.First > 1, nil
		}
		after.Number = all[len(all)-1].Number
	}
}

// boardOf counts what was told, in order, without what was void.
func boardOf(all []notice.Told) (b *board, wrong string) {
	b = &board{sold: map[string]int{}, released: map[string]int{}, notices: len(all)}
	var valid []notice.Told
	last := notice.Number{}
	for i, told := range all {
		if i > 0 && told.Number != all[i-1].Number+1 {
			return b, fmt.Sprintf("number %d comes after %d", told.Number, all[i-1].Number)
		}
		switch {
		case told.Service == notice.System && told.Topic == notice.TopicGap:
			b.gap = true
		case told.Service == notice.System: // what comes after From is void
			_, from, err := notice.ParseID(told.From)
			if err != nil && told.From != "" {
				return b, err.Error()
			}
			for len(valid) > 0 {
				if _, n, err := notice.ParseID(valid[len(valid)-1].ID); err == nil && !n.After(from) {
					break
				}
				valid = valid[:len(valid)-1]
			}
			last = from
		default:
			_, n, err := notice.ParseID(told.ID)
			if err != nil {
				return b, err.Error()
			}
			if !n.After(last) {
				return b, fmt.Sprintf("%s is told after %+v", told.ID, last)
			}
			last = n
			valid = append(valid, told)
		}
	}
	for _, told := range valid {
		var s struct {
			Seat string `json:"seat"`
		}
		if told.Service != hallService || json.Unmarshal(told.Body, &s) != nil {
			continue
		}
		switch told.Topic {
		case "sold":
			b.sold[s.Seat]++
		case "released":
			b.released[s.Seat]++
		}
	}
	return b, ""
}

// readBoards looks at what terminals were told of the seats, until it is what became of them. It gives how many notices that were.
func (w *Load) readBoards(ctx context.Context) (notices int) {
	for i, c := range w.clients[:min(len(w.clients), w.config.Terminals)] { // one at each terminal
		told, ok := w.readBoard(ctx, i, c)
		if notices += told; !ok {
			break
		}
	}
	return notices
}

// readBoard is readBoards of one terminal; ok is false when the others need not be looked at.
func (w *Load) readBoard(ctx context.Context, i int, c *client) (notices int, ok bool) {
	for {
		all, trimmed, err := Told(ctx, c.conn)
		if err != nil && ctx.Err() != nil {
			w.wrong("what terminal %d was told can't be read: %v", i, err)
			return 0, false
		}
		if err == nil {
			b, wrong := boardOf(all)
			if wrong != "" {
				w.wrong("what terminal %d was told: %s", i, wrong)
				return 0, false
			}
			missing, doubled := w.compareBoard(b)
			if len(doubled) > 0 {
				w.findings.Doubled = append(w.findings.Doubled, fmt.Sprintf("terminal %d was told twice of seats %s", i, strings.Join(doubled, ", ")))
			}
			if b.gap {
				w.wrong("terminal %d was told that it misses notices", i)
			}
			switch {
			case len(missing) == 0, trimmed, b.gap:
				return b.notices, true
			case ctx.Err() != nil:
				w.findings.Lost = append(w.findings.Lost, fmt.Sprintf("terminal %d was never told of seats %s", i, strings.Join(missing, ", ")))
				return 0, false
			}
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

// compareBoard names the seats of which a terminal was told too seldom or too often.
func (w *Load) compareBoard(b *board) (missing, doubled []string) {
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
		note(r.seat+" (sold)", b.sold[r.seat], sold)
		note(r.seat+" (released)", b.released[r.seat], r.released)
	}
	return missing, doubled
}
