package lab

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// awaitAttached waits until the active serves so many terminals.
func (f *fixture) awaitAttached(want int) {
	f.Helper()
	f.await(fmt.Sprintf("%d terminals attached", want), func() bool {
		host, s := f.Active(f.ctx)
		return host != "" && s.Terminals.Attached == want
	})
}

// A terminal is frozen. Its kernel still acknowledges, so no connection breaks and only silence tells. Its session ends, the
// others are served meanwhile, and when it goes on it is attached again: all of it in the same term.
func sequenceTerminalFrozen(t *testing.T) {
	f := begin(t, Options{})
	_, before := f.mustActive()
	f.must(f.Freeze(pair.TerminalID(0)))
	f.progress()
	f.awaitAttached(f.options.Terminals - 1)
	f.progress()
	f.same(before)
	f.must(f.Thaw(pair.TerminalID(0)))
	f.awaitAttached(f.options.Terminals)
	f.same(before)
	f.finish()
	f.same(before)
}

// T5: all terminals are frozen, so neither host reaches any. Both notice it at the same time, and nothing is handed over: the other
// one can't serve them either.
func sequenceT5AllTerminalsFrozen(t *testing.T) {
	f := begin(t, Options{})
	_, before := f.mustActive()
	for i := range f.options.Terminals {
		f.must(f.Freeze(pair.TerminalID(i)))
	}
	f.awaitAttached(0)
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end) && !f.Failed(); time.Sleep(askEvery) { // an active hands over after two
		f.same(before)
	}
	for i := range f.options.Terminals {
		f.must(f.Thaw(pair.TerminalID(i)))
	}
	f.awaitAttached(f.options.Terminals)
	f.same(before)
	f.finish()
}
