package inspection

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/services/fault"
)

// ErrInTurn says that others read the history for all the time that a question could wait.
var ErrInTurn = fault.New("reads-in-turn", "others are reading the history; they take turns, so ask again")

// turnWithin is how long a question waits for its turn. Main waits longer for its answer.
const turnWithin = 2 * time.Second

// turns lets one read of much at a time through. Updates are committed by this process too: however many ask, they cost no more than one.
type turns struct{ one *semaphore.Weighted }

func newTurns() turns { return turns{semaphore.NewWeighted(1)} }

// inTurn carries out a read in its turn, or gives ErrInTurn.
func inTurn[A any](ctx context.Context, t turns, read func(context.Context) (A, error)) (A, error) {
	within, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	if err := t.one.Acquire(within, 1); err != nil {
		var none A
		return none, fmt.Errorf("%w (waited %s)", ErrInTurn, turnWithin)
	}
	defer t.one.Release(1)
	return read(ctx)
}
