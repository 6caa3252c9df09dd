package updater

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/storage/facts"
)

// TestDeferred_FromTheFrameThatOpensTheEpoch: emissions are held as soon as a term is served that begins behind a history that was taken back, by
// force or by a restore, and not in the one after it when an operator has released them.
func TestDeferred_FromTheFrameThatOpensTheEpoch(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	epoch := uint64(0)
	serves := func(forced uint64, want bool) {
		t.Helper()
		epoch++
		ordered(a, bus.CallPrepare, bus.Prepare{Epoch: epoch})
		a.serve(bus.Serve{Epoch: epoch, RecordVersion: epoch, Forced: forced})
		if p := ordered(a, waybill.CallPending, waybill.Question{Epoch: epoch}); p.Deferred != want {
			t.Errorf("epoch %d, forced %d: %+v", epoch, forced, p)
		}
	}
	restored := func() {
		t.Helper()
		a.stop()
		f, err := facts.Open(a.config.Data, a.name)
		if err == nil {
			err = f.Update(func(d *facts.Data) error { d.Recovered = a.state.Committed; return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
		a.start()
	}
	serves(0, false)
	a.put(1, "x", "1")
	serves(0, false)
	serves(3, true)
	serves(3, true)
	ordered(a, waybill.CallRelease, bus.Done{})
	serves(3, false) // it is of the past
	serves(5, false) // likewise: this history goes on from there
	a.put(epoch, "x", "2")
	a.await("all is committed", func(s bus.UpdaterState) bool { return s.Committed == s.Position && s.Applied == s.Position })
	restored()
	serves(5, true)
	ordered(a, waybill.CallRelease, bus.Done{})
	serves(5, false)
	serves(99, true) // the host that was forced ended before it wrote anything
	a.stop()
}
