package world

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// TestFault_A4_SilenceOfTerminalsIsNoConsent: without a witness, a standby that was cut off from everybody, or that its terminals answered
// late, took over: a terminal that did not answer counted as one that is not served. The active went on alone and died; the other host, back
// again, served without what had been acknowledged.
func TestFault_A4_SilenceOfTerminalsIsNoConsent(t *testing.T) {
	for name, stuck := range map[string]func(w *clocked){
		"cut off from everybody": func(w *clocked) {
			w.cutBoth(pair.HostB, pair.HostA)
			for n := range terminals {
				w.cutBoth(pair.HostB, pair.TerminalID(n))
			}
		},
		"terminals that are far away": func(w *clocked) {
			for n := range terminals {
				w.network.Slow(Address(pair.HostB), Address(pair.TerminalID(n)), 300*time.Millisecond)
				w.network.Slow(Address(pair.TerminalID(n)), Address(pair.HostB), 300*time.Millisecond)
			}
			time.Sleep(time.Second) // what is on its way takes that long now
			w.cutBoth(pair.HostB, pair.HostA)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newClocked(t)
				defer w.Close()
				w.witnessless()
				w.Start()
				if err := w.AwaitPaired(t.Context()); err != nil {
					t.Fatal(err)
				}
				stuck(w)
				time.Sleep(10 * time.Second) // of the world's time: what must not happen has had time to
				if s, err := w.Status(t.Context(), pair.HostB); err != nil || s.Role != "standby" || s.Epoch != 2 {
					t.Errorf("while a serves, b is %s in epoch %d: %v", s.Role, s.Epoch, err)
				}
				if code := w.put(0); code != "" { // a alone acknowledges it
					t.Fatal(code)
				}
				w.down(pair.HostA)
				w.network.RepairAll()
				time.Sleep(20 * time.Second) // likewise
				if s, err := w.Status(t.Context(), pair.HostB); err != nil || s.Serves() || s.Terminals.Warm != terminals {
					t.Errorf("b, which lacks what a acknowledged, is %s in epoch %d: %v", s.Role, s.Epoch, err)
				}
				w.start(pair.HostA)
				if err := w.AwaitPaired(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
