package lab

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
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

// TestFault_A15_ATerminalIsReplaced: real processes. A terminal's directory is lost and replaced, again and again; its clock plays no part.
// The new one is served at once, in the same term, and what the load had acknowledged before stands.
func TestFault_A15_ATerminalIsReplaced(t *testing.T) {
	sideBySide(t)
	f := begin(t, Options{})
	_, before := f.mustActive()
	id := pair.TerminalID(0)
	for life := range 2 {
		f.must(f.Kill(f.ctx, id))
		f.must(os.RemoveAll(f.Data(id)))
		f.must(f.Run(id))
		f.awaitAttached(f.options.Terminals)
		conn, err := nats.Connect(TerminalAddress, nats.SetCustomDialer(f.Dialer(id)))
		f.must(err)
		for n := range 5 {
			m, err := conn.Request("request.ledger.open", fmt.Appendf(nil, `{"account":"new-%d-%d"}`, life, n), healWithin)
			f.must(err)
			if code := m.Header.Get(bus.HeaderErrorCode); code != "" {
				t.Errorf("directory %d: %s %s", life, code, m.Header.Get(bus.HeaderError))
			}
		}
		conn.Close()
		f.progress()
	}
	f.same(before)
	f.finish()
}
