package receipt

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// again is the pause before the updater is asked again that did not give the keys, and within bounds a question: the first one may have one
// made, which is a frame.
const (
	again  = 200 * time.Millisecond
	within = 10 * time.Second
)

// Follow asks the updater for the keys, now and whenever changed signals that they may have changed, and passes them
// to take. It is beside the path of requests: until there is a key, answers are sent without a code. wanted reports
// whether there must be a key, because this host serves.
func Follow(ctx context.Context, updater bus.Asker, changed <-chan struct{}, wanted func() bool, take func(Keys), log *slog.Logger) error {
	for {
		asking, cancel := context.WithTimeout(ctx, within)
		keys, err := CallKeys.Ask(asking, updater, KeysQuestion{})
		cancel()
		if err == nil && len(keys.Keys) > 0 {
			take(keys)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, bus.ErrNobody) {
			log.Warn("the updater does not return the keys of receipts", "error", err)
		}
		pause := (<-chan time.Time)(nil)
		if err != nil || len(keys.Keys) == 0 && wanted() {
			pause = time.After(again)
		}
		select {
		case <-changed:
		case <-pause:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
