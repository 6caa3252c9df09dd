package world

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// follow does what a host says to do, in the words of what it says: its sentence, an alarm or a refusal before.
func (w *clocked) follow(at, words string, refusals ...error) {
	w.t.Helper()
	s, err := w.Status(w.t.Context(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	said := s.Sentence + fmt.Sprint(s.Alarms) + fmt.Sprint(refusals)
	if e, err := operator.CallExplain.Ask(w.t.Context(), w.clients[at], operator.None{}); err == nil {
		said += fmt.Sprint(e.Hosts)
	}
	if begin := strings.ToUpper(words[:1]) + words[1:]; !strings.Contains(said, words) && !strings.Contains(said, begin) {
		w.t.Errorf("%s does not say %q: %s", at, words, said)
	}
	if err := w.order(at, words); err != nil {
		w.t.Fatalf("%s at %s: %v", words, at, err)
	}
}

// order has an operator do at a host what words say, who looks what came of it before anything else is done: a host that was just stopped
// is known to be gone by then.
func (w *clocked) order(at, words string) error {
	err := w.orders(at)[words]()
	time.Sleep(untilRead)
	return err
}

// orders are what an operator does at a host, by the words of the guide.
func (w *clocked) orders(at string) map[string]func() error {
	other := pair.Other(at)
	return map[string]func() error{
		"start the other host": func() error { w.Host(other).Start(); return nil },
		"start the witness":    func() error { w.StartWitness(); return nil },
		"start one with an empty directory in its place": func() error {
			w.newWitness()
			return nil
		},
		"fix the network to it": func() error { w.network.RepairAll(); return nil },
		"fix what they name": func() error { // which is to use this host's own data directory
			s, err := w.Status(w.t.Context(), at)
			if err != nil || !strings.Contains(fmt.Sprint(s.Alarms), "use this host's own data directory") {
				return fmt.Errorf("the alarms are %v, %w", s.Alarms, err)
			}
			return os.Rename(w.dir("facts"), filepath.Join(w.dir(at), "facts.json"))
		},
		"start one": func() error { w.StartWitness(); return nil },
		"start it":  func() error { w.StartWitness(); w.start(other); return nil }, // whatever of the others is down
		"bring that back": func() error {
			w.KillWitness()
			defer w.StartWitness()
			return errors.Join(os.Rename(w.dir(pair.Witness), w.dir("new")), os.Rename(w.dir(pair.Witness)+".old", w.dir(pair.Witness)))
		},
		"stop the host with the lower epoch": func() error { w.down(pair.HostA); return nil },
		"move the whole data directory away": func() error { w.down(at); w.replace(at); w.start(at); return nil },
		"restart the host that is wrong":     func() error { w.down(other); w.start(other); return nil },
		"move it away":                       func() error { return os.Rename(filepath.Join(w.dir(at), database), w.dir("aside")) },
		"move it out of the data directory":  func() error { return os.Rename(filepath.Join(w.dir(at), database), w.dir("aside")) },
		"restart the host":                   func() error { w.down(at); w.start(at); return nil },
		"stop it":                            func() error { w.down(other); return nil },
		"promote it there":                   func() error { return w.order(other, "hotpair promote --force") },
		"empty its data directory": func() error {
			w.newWitness()
			return nil
		},
		"hotpair switchover": func() error {
			_, err := operator.CallSwitchover.Ask(w.t.Context(), w.clients[at], operator.None{})
			return err
		},
		"hotpair terminals probe": func() error {
			page, err := operator.CallProbeTerminals.Ask(w.t.Context(), w.clients[at], operator.ProbeRequest{IDs: []string{pair.TerminalID(0)}})
			if text := fmt.Sprint(page); err == nil && !strings.Contains(text, pair.TerminalID(0)) {
				err = errors.New(text)
			}
			return err
		},
		"set the clock": func() error { w.set(0, 0); return nil },
		"make room":     func() error { w.clear(); return nil },
		"make the disk of HOTPAIR_DATA writable again": func() error { w.clear(); return nil },
		"set the wrong clock":                          func() error { w.set(0, 0); return nil },
		"hotpair explain": func() error {
			e, err := operator.CallExplain.Ask(w.t.Context(), w.clients[at], operator.None{})
			if err == nil && len(e.Next) == 0 {
				err = fmt.Errorf("%+v", e)
			}
			return err
		},
		"hotpair history diverged": func() error {
			page, err := operator.CallDiverged.Ask(w.t.Context(), w.clients[at], bus.DivergentRequest{})
			if err == nil && len(page.Files) == 0 {
				err = errors.New("none")
			}
			return err
		},
		"hotpair history diverged --forget": func() error {
			_, err := operator.CallForgetDiverged.Ask(w.t.Context(), w.clients[at], bus.ForgetDivergent{})
			return err
		},
		"hotpair admit witness": func() error {
			_, err := operator.CallAdmit.Ask(w.t.Context(), w.clients[at], operator.AdmitRequest{Who: operator.AdmitWitness})
			return err
		},
		"hotpair pause": func() error {
			_, err := operator.CallPause.Ask(w.t.Context(), w.clients[at], operator.PauseRequest{For: "1h"})
			return err
		},
		"hotpair resume": func() error {
			_, err := operator.CallResume.Ask(w.t.Context(), w.clients[at], operator.None{})
			return err
		},
		"hotpair promote --force": func() error { // as the command does: what the plan says is lost is accepted
			plan, err := operator.CallPromotePlan.Ask(w.t.Context(), w.clients[at], operator.None{})
			if err != nil || plan.Refused != "" {
				return errors.Join(err, errors.New(plan.Refused))
			}
			_, err = operator.CallPromote.Ask(w.t.Context(), w.clients[at], operator.PromoteRequest{AcceptLoss: plan.AcceptLoss})
			return err
		},
		"hotpair admit NAME": func() error { // asked of the one that has the data
			_, err := operator.CallAdmit.Ask(w.t.Context(), w.clients[pair.HostB], operator.AdmitRequest{Who: pair.HostA})
			return err
		},
	}
}
