package lab

import (
	"testing"

	"github.com/hotpair/hotpair/simulator/pair"
)

// A pair that has run with secrets alone moves to certificates while it serves, by the steps of the operations guide: each process is
// restarted with its certificate, and plain text beside it, the active after a switchover; and once more without plain text. Nothing is lost, and
// no request fails of an application that asks until it knows.
func TestLab_MovesFromSecretsToCertificates(t *testing.T) {
	sideBySide(t)
	f := begin(t, Options{Plain: true})
	for _, optional := range []bool{true, false} {
		restart := func(name string) {
			f.Helper()
			f.Certify(name, optional)
			f.must(f.Stop(f.ctx, name))
			f.must(f.Run(name))
		}
		restart(pair.Witness)
		f.progress()
		for i := range f.options.Terminals {
			restart(pair.TerminalID(i))
			f.awaitAttached(f.options.Terminals)
		}
		active, before := f.mustActive()
		restart(pair.Other(active))
		f.await("both in sync", func() bool { return f.paired(f.ctx) })
		f.must(f.Switchover(f.ctx, active))
		f.awaitTakeover(before)
		restart(active)
		f.await("both in sync", func() bool { return f.paired(f.ctx) })
		f.progress()
	}
	v := f.finish()
	if v.Failed > 0 || v.Crossed == 0 || v.Uniques == 0 || v.Balances == 0 {
		t.Errorf("%d requests failed, of those of applications that ask until they know; %d operations were on keys of several epochs", v.Failed, v.Crossed)
	}
	for _, host := range pair.Hosts() {
		s, err := f.Status(f.ctx, host)
		if err != nil || !s.Wires.TLS || s.Wires.Optional || s.Wires.Insecure || s.Wires.Clear > 0 {
			t.Errorf("host %s: %+v (%v)", host, s.Wires, err)
		}
	}
	t.Logf("measured: moved with %d findings of lost, doubled or wrong, and %d failed", len(v.All()), v.Failed)
}
