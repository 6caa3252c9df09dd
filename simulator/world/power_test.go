package world

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// TestFault_A4_WithoutAWitnessALostHostIsReplaced: an active that lost its power left its connections to the terminals behind. They said that it
// serves them, and without a witness the other host waited for it for ever.
func TestFault_A4_WithoutAWitnessALostHostIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		cut    int // terminals that b does not reach either
		reach  bool
		serves string
	}{
		"active":                          {0, false, pair.HostB},
		"active and one terminal of two":  {1, false, pair.HostB},
		"the wire between the hosts only": {0, true, pair.HostA}, // terminals hear a answer, so it goes on
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
				w.cutBoth(pair.HostA, pair.HostB)
				for n := range terminals {
					if !c.reach {
						w.cutBoth(pair.HostA, pair.TerminalID(n))
					}
					if n >= terminals-c.cut {
						w.cutBoth(pair.HostB, pair.TerminalID(n))
					}
				}
				began := time.Now()
				w.await(time.Minute, "service by "+c.serves+" alone", func() bool {
					s, err := w.Status(t.Context(), c.serves)
					return err == nil && s.Serves() && len(s.InSync) == 1 && s.Terminals.Attached == terminals-c.cut
				})
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("after %s", took)
				}
				if code := w.put(0); code != "" {
					t.Errorf("an application got %s", code)
				}
				time.Sleep(10 * time.Second) // of the world's time, in which nothing else may come of it
				if s, err := w.Status(t.Context(), pair.Other(c.serves)); err == nil && s.Serves() {
					t.Errorf("%s serves too", s.Host)
				}
				w.network.RepairAll()
				if err := w.AwaitPaired(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
