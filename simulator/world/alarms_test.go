package world

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// raising is what makes an alarm: what is done before the hosts start, and what to a pair that is in sync; where it must show then. remedy
// is done as the alarm says, and ends it.
type raising struct {
	before func(*clocked)
	then   func(*clocked)
	at     string
	remedy func(*clocked)
}

// cutBoth cuts both directions between two machines.
func (w *clocked) cutBoth(a, b string) {
	w.network.Cut(Address(a), Address(b))
	w.network.Cut(Address(b), Address(a))
}

// dir is the data directory of a machine.
func (w *clocked) dir(machine string) string { return filepath.Join(w.options.Dir, machine) }

// move renames a directory, and must succeed.
func (w *clocked) move(from, to string) {
	w.t.Helper()
	if err := os.Rename(from, to); err != nil {
		w.t.Fatal(err)
	}
}

// foreign gives a host the data of a pair of its own.
func (w *clocked) foreign(host string) {
	w.t.Helper()
	other := newClocked(w.t)
	other.Start()
	if err := other.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	from := other.dir(host)
	other.Close()
	w.Host(host).Kill()
	w.Host(host).Wait()
	w.move(w.dir(host), w.dir(host)+".own")
	w.move(from, w.dir(host))
	w.Host(host).Start()
}

// served gives a terminal the directory of one that another pair of the same secret has served in a higher epoch.
func (w *clocked) served(terminal string) {
	w.t.Helper()
	other := newClocked(w.t)
	other.Start()
	if err := other.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	for _, host := range []string{pair.HostA, pair.HostB, pair.HostA} {
		other.Host(host).Kill()
		if err := other.Await(w.t.Context(), time.Minute, "takeover", func() bool {
			s, err := other.Status(w.t.Context(), pair.Other(host))
			return err == nil && s.Serves()
		}); err != nil {
			w.t.Fatal(err)
		}
		other.Host(host).Start()
		if err := other.AwaitPaired(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	from := other.dir(terminal)
	other.Close()
	w.move(from, w.dir(terminal))
}

// older has nobody serve, and the witness restored from a copy of before the last change of the record.
func (w *clocked) older() {
	w.t.Helper()
	w.copyWitness()
	w.StartWitness()
	w.Host(pair.HostA).Kill()
	w.await(time.Minute, "takeover by b", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostB)
		return err == nil && s.Serves()
	})
	w.Host(pair.HostB).Kill()
	w.Host(pair.HostB).Wait()
	w.KillWitness()
	w.move(w.dir(pair.Witness), w.dir(pair.Witness)+".newer")
	w.move(w.dir("copy"), w.dir(pair.Witness))
	w.StartWitness()
	w.Host(pair.HostB).Start()
}

// forced has b promoted over updates that only a has and that were acknowledged, and a return.
func (w *clocked) forced() {
	w.t.Helper()
	w.Host(pair.HostB).Kill()
	w.await(time.Minute, "a alone", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostA)
		return err == nil && len(s.InSync) == 1
	})
	for range 3 {
		if code := w.put(0); code != "" {
			w.t.Fatal(code)
		}
	}
	w.Host(pair.HostA).Kill()
	w.Host(pair.HostB).Start()
	w.await(time.Minute, "promotion of b by force", func() bool {
		_, err := operator.CallPromote.Ask(w.t.Context(), w.clients[pair.HostB], operator.PromoteRequest{AcceptLoss: operator.UnknownLoss})
		return err == nil
	})
	w.Host(pair.HostA).Start()
}

// TestFault_B12_CausesRaiseTheirAlarms: alarms were tested by handing the watch what it judges by, so that one whose facts nobody gathers
// could be promised and never raised. Here the cause is made, to real hosts, and the alarm must show in the status. What
// an alarm says to do is done, word for word, and ends it.
func TestFault_B12_CausesRaiseTheirAlarms(t *testing.T) {
	for id, c := range map[string]raising{
		alarms.NoWitness:   {then: func(w *clocked) { w.KillWitness() }, at: pair.HostA, remedy: func(w *clocked) { w.follow(pair.HostA, "start the witness") }},
		alarms.SoloTooLong: {then: func(w *clocked) { w.Host(pair.HostB).Kill() }, at: pair.HostA, remedy: func(w *clocked) { w.follow(pair.HostA, "start the other host") }},
		alarms.WitnessReplaced: {then: func(w *clocked) {
			w.KillWitness()
			w.move(w.dir(pair.Witness), w.dir(pair.Witness)+".old")
			w.StartWitness()
		}, at: pair.HostA, remedy: func(w *clocked) { w.follow(pair.HostA, "hotpair admit witness") }},
		alarms.PeerRefuses: {before: func(w *clocked) {
			w.Host(pair.HostB).config.PairSecret = config.Secret("another secret of this test alone")
		}, at: pair.HostA},
		alarms.RestartStorm: {then: func(w *clocked) {
			for range 6 {
				w.Host(pair.HostA).KillProcess("business.kv")
				time.Sleep(10 * time.Second) // the world's: until it runs again
			}
		}, at: pair.HostA, remedy: func(w *clocked) { w.follow(pair.HostA, "hotpair switchover") }},
		alarms.FewerTerminals: {then: func(w *clocked) { w.cutBoth(pair.HostB, pair.TerminalID(0)) }, at: pair.HostA, remedy: func(w *clocked) {
			w.follow(pair.HostA, "hotpair terminals probe")
			w.network.RepairAll()
		}},
		alarms.PairTimeAhead: {then: func(w *clocked) {
			w.set(time.Hour, time.Hour)
			w.restart() // processes that know how much time has passed do not follow
			w.await(5*time.Minute, "pair time of both clocks", func() bool { return w.ahead() == time.Hour })
			w.set(0, 0)
		}, at: pair.HostA},
		alarms.ClocksApart: {then: func(w *clocked) { w.set(time.Hour, 0) }, at: pair.HostB, remedy: func(w *clocked) { w.follow(pair.HostB, "set the wrong clock") }},
		alarms.ProcessFailed: {before: func(w *clocked) {
			c := &w.Host(pair.HostB).config
			c.Business = append(slices.Clone(c.Business), config.Service{Name: "tickets", Path: "/nowhere/tickets"})
		}, at: pair.HostB},
		alarms.RecordLost: {then: func(w *clocked) { w.older() }, at: pair.HostB, remedy: func(w *clocked) { w.follow(pair.HostB, "start the other host") }},
		alarms.EpochAhead: {before: func(w *clocked) { w.served(pair.TerminalID(0)) }, at: pair.HostA},
		alarms.DivergentCommitted: {then: func(w *clocked) { w.forced() }, at: pair.HostA, remedy: func(w *clocked) {
			w.follow(pair.HostA, "hotpair history diverged")
			w.follow(pair.HostA, "hotpair history diverged --forget")
		}},
		alarms.EventsUnsaved: {before: func(w *clocked) {
			if err := os.MkdirAll(filepath.Join(w.dir(pair.HostB), "events.spool"), 0o700); err != nil { // no file can be there
				w.t.Fatal(err)
			}
		}, at: pair.HostB, remedy: func(w *clocked) {
			if err := os.RemoveAll(filepath.Join(w.dir(pair.HostB), "events.spool")); err != nil {
				w.t.Fatal(err)
			}
			w.follow(pair.HostB, "restart the host")
		}},
		alarms.LoginsRefused: {then: func(w *clocked) {
			guesser := *w.clients[pair.HostB]
			for range 5 {
				if _, err := guesser.WithToken("hpt_guess").Status(w.t.Context()); !errors.Is(err, operator.ErrToken) {
					w.t.Errorf("a guess: %v", err)
				}
			}
		}, at: pair.HostB, remedy: func(w *clocked) {
			w.set(0, 11*time.Minute) // in which nobody guesses
		}},
		alarms.TrailIncomplete: {before: func(w *clocked) {
			c := &w.Host(pair.HostB).config
			c.AuditTrail = filepath.Join(w.options.Dir, "trail") // a directory, at first
			if err := os.MkdirAll(c.AuditTrail, 0o700); err != nil {
				w.t.Fatal(err)
			}
		}, at: pair.HostB, remedy: func(w *clocked) {
			if err := os.Remove(filepath.Join(w.options.Dir, "trail")); err != nil {
				w.t.Fatal(err)
			}
		}},
		alarms.TwoActives: {then: func(w *clocked) { w.apart() }, at: pair.HostA, remedy: func(w *clocked) {
			w.follow(pair.HostA, "hotpair explain")
			w.follow(pair.HostA, "stop the host with the lower epoch")
		}},
		alarms.Paused: {then: func(w *clocked) { w.pause() }, at: pair.HostA, remedy: func(w *clocked) { w.follow(pair.HostA, "hotpair resume") }},
		alarms.PauseEnding: {then: func(w *clocked) {
			if _, err := operator.CallPause.Ask(w.t.Context(), w.clients[pair.HostA], operator.PauseRequest{For: "20s"}); err != nil {
				w.t.Fatal(err)
			}
		}, at: pair.HostA, remedy: func(w *clocked) { w.follow(pair.HostA, "hotpair pause") }},
		alarms.SettingsDiffer: {before: func(w *clocked) { w.needy(pair.HostB) }, at: pair.HostA, remedy: func(w *clocked) {
			c, whole := &w.Host(pair.HostB).config, w.Host(pair.HostA).config
			c.Business, c.TakeoverNeeds = whole.Business, whole.TakeoverNeeds
			w.follow(pair.HostA, "restart the host that is wrong")
		}},
		alarms.ClockWrong: {then: func(w *clocked) { w.set(-time.Hour, -time.Hour) }, at: pair.HostB, remedy: func(w *clocked) { w.follow(pair.HostB, "set the clock") }},
		alarms.DiskNearlyFull: {before: func(w *clocked) { w.small("200m", 10_000) }, then: func(w *clocked) { w.fill(40 << 20) }, at: pair.HostB,
			remedy: func(w *clocked) { w.follow(pair.HostB, "make room") }},
		alarms.DiskUnfit: {before: func(w *clocked) { w.small("300m", 1000) }, then: func(w *clocked) { w.crowd() }, at: pair.HostB,
			remedy: func(w *clocked) { w.follow(pair.HostB, "make the disk of HOTPAIR_DATA writable again") }},
		alarms.OtherPair: {then: func(w *clocked) { w.foreign(pair.HostB) }, at: pair.HostB},
	} {
		t.Run(id, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newClocked(t)
				defer w.Close()
				if c.before != nil {
					c.before(w)
				}
				w.Start()
				if c.then != nil {
					if err := w.AwaitPaired(t.Context()); err != nil {
						t.Fatal(err)
					}
					if w.alarmed(c.at, id) {
						t.Error("it is raised without its cause")
					}
					c.then(w)
				}
				w.await(10*time.Minute, "alarm "+id+" at "+c.at, func() bool { return w.alarmed(c.at, id) })
				if c.remedy != nil {
					c.remedy(w)
				}
				if c.remedy != nil && id != alarms.RestartStorm { // which ends minutes later
					w.await(10*time.Minute, "end of alarm "+id, func() bool { return !w.alarmed(c.at, id) })
				}
			})
		})
	}
}
