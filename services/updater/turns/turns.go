// Package turns lets the process that commits updates read much of what is stored one question at a time. However many ask, they cost
// no more than one, and one that goes on rests as long as it looked ([pace.Rest]).
package turns

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/services/fault"
)

// ErrInTurn says that others read for all the time that a question could wait.
var ErrInTurn = fault.New("reads-in-turn", "other searches of this host's data are running; try again")

// Within is how long a question waits for its turn. Main waits longer for its answer.
const Within = 2 * time.Second

// Turns lets one read of much at a time through.
type Turns struct{ one *semaphore.Weighted }

// New makes Turns of which none is taken.
func New() Turns { return Turns{semaphore.NewWeighted(1)} }

// Take carries out a read in its turn, or gives ErrInTurn.
func Take[A any](ctx context.Context, t Turns, read func(context.Context) (A, error)) (A, error) {
	within, cancel := context.WithTimeout(ctx, Within)
	defer cancel()
	if err := t.one.Acquire(within, 1); err != nil {
		var none A
		return none, fmt.Errorf("%w (waited %s)", ErrInTurn, Within)
	}
	defer t.one.Release(1)
	return read(ctx)
}
