package inspection

import (
	"context"
	"fmt"
	"math"

	"github.com/hotpair/hotpair/services/terminalif/numbers"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// numbers answers numbers.Question: above the floor of a terminal by two windows of answers, so that nothing is recorded there,
// and above what terminal-if has seen by one, for what may still be under way. A clock has no say in it.
func (i *Inspector) numbers(_ context.Context, q numbers.Question) (numbers.Base, error) {
	if err := i.config.Updater.Serves(q.Epoch); err != nil {
		return numbers.Base{}, err
	}
	var floor, queueFloor uint64
	err := i.config.Store.View(func(r *storage.Reader) error {
		floor, queueFloor = r.Floor(q.Terminal), r.Floor(bus.QueueSeries(q.Terminal))
		return nil
	})
	if err != nil {
		return numbers.Base{}, err
	}
	own, err := base(floor, q.Seen)
	if err != nil {
		return numbers.Base{}, fmt.Errorf("terminal %s: %w", q.Terminal, err)
	}
	queue, err := base(queueFloor, 0)
	if err != nil {
		return numbers.Base{}, fmt.Errorf("queue of terminal %s: %w", q.Terminal, err)
	}
	return numbers.Base{Base: own, Queue: queue}, nil
}

// base is where numbers begin above a floor. What was seen counts as far as it can be honest: a terminal says it.
func base(floor, seen uint64) (uint64, error) {
	if floor > math.MaxUint64-2*history.Leap {
		return 0, fmt.Errorf("%w: its numbers are used up; add it to the pair under another id", bus.ErrRefused)
	}
	at := floor + 2*history.AnswerWindow
	if seen <= floor+history.Leap/2 {
		at = max(at, seen+history.AnswerWindow)
	}
	return at, nil
}
