package terminalif

import (
	"context"
	"errors"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

// keysAgain is the pause before the updater is asked again that did not give the keys of receipts, and keysWithin bounds a
// question: the first one may have one made, which is a frame.
const (
	keysAgain  = 200 * time.Millisecond
	keysWithin = 10 * time.Second
)

// learnKeys asks the updater for the keys of receipts, at the start, and whenever main says that they may be others. It is
// beside the path of requests: until there is a key, answers leave without a code.
func (i *Interface) learnKeys(ctx context.Context) error {
	for {
		within, cancel := context.WithTimeout(ctx, keysWithin)
		keys, err := receipt.CallKeys.Ask(within, i.conns.Traffic, receipt.KeysQuestion{})
		cancel()
		if err == nil && len(keys.Keys) > 0 {
			i.receiptKeys.Store(&keys)
			i.relay.signWith(receipt.New(keys))
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, bus.ErrNobody) {
			i.log.Warn("the updater does not give the keys of receipts", "error", err)
		}
		again := (<-chan time.Time)(nil)
		if err != nil || len(keys.Keys) == 0 && i.present() != nil {
			again = time.After(keysAgain)
		}
		select {
		case <-i.systemChanged:
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lookAgain says that the pair's own key space may have changed. It never blocks.
func (i *Interface) lookAgain() {
	select {
	case i.systemChanged <- struct{}{}:
	default:
	}
}
