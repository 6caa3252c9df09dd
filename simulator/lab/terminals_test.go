package lab

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// T5, the other side of it: terminals are frozen, first one and then all. Their kernels still acknowledge, so no connection
// breaks, but neither host is answered, and the other one would serve no better: the term stays. Terminals that live are
// served meanwhile, and those that go on are attached again in the same term.
func sequenceT5FrozenTerminals(t *testing.T) {
	f := begin(t, Options{})
	_, before := f.mustActive()
	all := f.options.Terminals
	f.must(f.Freeze(pair.TerminalID(0)))
	f.progress()
	f.same(before)
	for i := range all {
		f.must(f.Freeze(pair.TerminalID(i)))
	}
	// The active notices within two seconds that nobody answers, and would hand over two later if that could help; the
	// sessions end later still.
	f.await("end of all sessions", func() bool {
		f.same(before)
		_, s := f.Active(f.ctx)
		return s.Host != "" && s.Terminals.Attached == 0
	})
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(askEvery) {
		f.same(before)
	}
	for i := range all {
		f.must(f.Thaw(pair.TerminalID(i)))
	}
	f.await("sessions of all", func() bool {
		_, s := f.Active(f.ctx)
		return s.Terminals.Attached == all
	})
	f.same(before)
	f.finish()
	f.same(before)
}
