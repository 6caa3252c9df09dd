package world

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// down kills hosts at once.
func (w *clocked) down(hosts ...string) {
	for _, host := range hosts {
		w.Host(host).Kill()
	}
	for _, host := range hosts {
		w.Host(host).Wait()
	}
}

func (w *clocked) start(hosts ...string) {
	for _, host := range hosts {
		w.Host(host).Start()
	}
}

// solo kills b, and has a serve alone what b does not have.
func (w *clocked) solo() {
	w.t.Helper()
	w.down(pair.HostB)
	w.await(time.Minute, "a alone", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostA)
		return err == nil && len(s.InSync) == 1
	})
	if code := w.put(0); code != "" {
		w.t.Fatal(code)
	}
}

// pause holds back takeovers, and b knows.
func (w *clocked) pause() {
	w.t.Helper()
	if _, err := operator.CallPause.Ask(w.t.Context(), w.clients[pair.HostA], operator.PauseRequest{For: "1h"}); err != nil {
		w.t.Fatal(err)
	}
	w.await(time.Minute, "pause at b", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostB)
		return err == nil && s.Pause != nil
	})
}

// resigned has b stop cleanly while no witness is there to note it, then a die, and b return alone.
func (w *clocked) resigned() {
	w.KillWitness()
	w.Host(pair.HostB).Stop()
	w.Host(pair.HostB).Wait()
	w.down(pair.HostA)
	w.StartWitness()
	w.start(pair.HostB)
}

// oldData has b return alone with a copy of its data from before it joined the set.
func (w *clocked) oldData() {
	w.t.Helper()
	b := pair.HostB
	w.solo()
	if err := os.CopyFS(w.dir("copy"), os.DirFS(w.dir(b))); err != nil {
		w.t.Fatal(err)
	}
	w.start(b)
	if err := w.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.down(pair.HostA, b)
	w.move(w.dir(b), w.dir(b)+".newer")
	w.move(w.dir("copy"), w.dir(b))
	w.start(b)
}

// untilRead is how much of the world's time goes by until hosts have read the record again, which no status shows.
const untilRead = 3 * time.Second

// copyWitness stops the witness and keeps a copy of what it has.
func (w *clocked) copyWitness() {
	w.t.Helper()
	w.KillWitness()
	if err := os.CopyFS(w.dir("copy"), os.DirFS(w.dir(pair.Witness))); err != nil {
		w.t.Fatal(err)
	}
}

// newWitness starts a witness with an empty directory in place of the one there was, and has both hosts see it.
func (w *clocked) newWitness() {
	w.KillWitness()
	w.move(w.dir(pair.Witness), w.dir(pair.Witness)+".old")
	w.StartWitness()
	time.Sleep(untilRead)
}

// keepEmpty keeps what the witness has before it keeps a record.
func (w *clocked) keepEmpty() {
	w.t.Helper()
	w.StartWitness()
	time.Sleep(untilRead)
	w.copyWitness()
}

// empty has the witness, the same one, lose all it kept.
func (w *clocked) empty() {
	w.KillWitness()
	w.move(w.dir(pair.Witness), w.dir(pair.Witness)+".old")
	w.move(w.dir("copy"), w.dir(pair.Witness))
	w.StartWitness()
}

// otherWitness has both hosts restart with the witness of another pair.
func (w *clocked) otherWitness() {
	w.down(pair.HostA, pair.HostB)
	w.foreignWitness()
	w.start(pair.HostA, pair.HostB)
}

// foreignWitness starts the witness of another pair in place of this one's.
func (w *clocked) foreignWitness() {
	w.t.Helper()
	other := newClocked(w.t)
	other.Start()
	if err := other.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	from := other.dir(pair.Witness)
	other.Close()
	w.KillWitness()
	w.move(w.dir(pair.Witness), w.dir(pair.Witness)+".own")
	w.move(from, w.dir(pair.Witness))
	w.StartWitness()
}

// witnessless sets both hosts to do without a witness.
func (w *clocked) witnessless() {
	for _, host := range pair.Hosts() {
		w.Host(host).config.Witness = config.NoWitness
	}
}

// replace gives a host that is down an empty data directory.
func (w *clocked) replace(host string) {
	w.t.Helper()
	w.move(w.dir(host), w.dir(host)+".old")
}

// needy has a host that does not serve without a service that can't run.
func (w *clocked) needy(host string) {
	c := &w.Host(host).config
	c.Business = append(slices.Clone(c.Business), config.Service{Name: "tickets", Path: "/nowhere/tickets"})
	c.TakeoverNeeds = config.Names{"tickets"}
}

// database is the file that has it.
const database = "hotpair.db"

// spoil puts a text in the place of a file.
func (w *clocked) spoil(host, file, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir(host), file), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// cut leaves the heads of a database and no more.
func (w *clocked) cut(host, file string) {
	w.t.Helper()
	if err := os.Truncate(filepath.Join(w.dir(host), file), 2*int64(os.Getpagesize())); err != nil {
		w.t.Fatal(err)
	}
}

// behind has the journal of b stand still, and a serve alone what b hears of and does not have, until a dies.
func (w *clocked) behind() {
	w.t.Helper()
	w.network.Stall(at(pair.HostB, pair.PortReplication))
	w.await(time.Minute, "a alone", func() bool {
		w.put(0)
		s, err := w.Status(w.t.Context(), pair.HostA)
		return err == nil && len(s.InSync) == 1
	})
	w.put(0)
	w.await(time.Minute, "word of it at b", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostB)
		return err == nil && strings.Contains(s.WaitingFor, "updates ahead")
	})
	w.down(pair.HostA)
	w.network.Release(at(pair.HostB, pair.PortReplication))
}

// followed has b take over from a, serve alone and die, and a return.
func (w *clocked) followed() {
	w.t.Helper()
	w.down(pair.HostA)
	w.await(time.Minute, "service by b", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostB)
		return err == nil && s.Serves() && s.Terminals.Attached == terminals
	})
	w.down(pair.HostB)
	w.start(pair.HostA)
}

// parted has b cut off from everybody, until a has served alone and died.
func (w *clocked) parted() {
	w.t.Helper()
	w.cutBoth(pair.HostB, pair.HostA)
	for n := range terminals {
		w.cutBoth(pair.HostB, pair.TerminalID(n))
	}
	time.Sleep(10 * time.Second) // in which b asks the terminals in vain, and a goes on alone
	if code := w.put(0); code != "" {
		w.t.Fatal(code)
	}
	w.down(pair.HostA)
	w.network.RepairAll()
}

// knowsMore has the witness restored from before a served alone, and a return without a way to it.
func (w *clocked) knowsMore() {
	w.t.Helper()
	w.copyWitness()
	w.StartWitness()
	time.Sleep(untilRead)
	w.solo()
	w.down(pair.HostA)
	w.empty()
	w.cutBoth(pair.HostA, pair.Witness)
	w.start(pair.HostA, pair.HostB)
}

// knowsMost has the witness restored from before b was in the set, and a, which served alone after b, return without a way to it.
func (w *clocked) knowsMost() {
	w.t.Helper()
	w.copyWitness()
	w.StartWitness()
	time.Sleep(untilRead)
	w.solo()
	w.start(pair.HostB)
	if err := w.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.solo()
	w.down(pair.HostA)
	w.empty()
	w.cutBoth(pair.HostA, pair.Witness)
	w.start(pair.HostA, pair.HostB)
}

// apart has a serve alone without a way to the witness, b be forced beside it, and both hear each other again.
func (w *clocked) apart() {
	w.t.Helper()
	w.cutBoth(pair.HostA, pair.HostB)
	w.await(time.Minute, "a alone", func() bool {
		s, err := w.Status(w.t.Context(), pair.HostA)
		return err == nil && len(s.InSync) == 1
	})
	w.cutBoth(pair.HostA, pair.Witness)
	w.await(time.Minute, "promotion of b by force", func() bool { return w.order(pair.HostB, "hotpair promote --force") == nil })
	w.network.Repair(Address(pair.HostA), Address(pair.HostB))
	w.network.Repair(Address(pair.HostB), Address(pair.HostA))
}

// knowsMoreOf has the witness restored from before b was in the set, and b return with an empty directory: only a knows of the b that was
// there, and does not write the record back with another one.
func (w *clocked) knowsMoreOf() {
	w.t.Helper()
	w.solo()
	time.Sleep(untilRead)
	w.copyWitness()
	w.StartWitness()
	w.start(pair.HostB)
	if err := w.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.down(pair.HostA, pair.HostB)
	w.empty()
	w.replace(pair.HostB)
	w.start(pair.HostA, pair.HostB)
}

// pairless has b return alone with the database of another directory: its facts are lost.
func (w *clocked) pairless() {
	w.t.Helper()
	w.down(pair.HostA, pair.HostB)
	w.move(filepath.Join(w.dir(pair.HostB), "facts.json"), w.dir("facts"))
	w.start(pair.HostB)
}

// damage leaves half a message at the end of the journal of a host that is down.
func (w *clocked) damage(host string) {
	w.t.Helper()
	j := journal.New(journal.Config{Host: host, Dir: filepath.Join(w.dir(host), "journal"), Password: config.DeriveKey(pairSecret, config.PurposeReplication), Used: true,
		Network: w.network.Endpoint(Address(host))})
	if err := j.Open(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if _, err := j.Append(w.t.Context(), []byte("half of a message")); err != nil {
		w.t.Fatal(err)
	}
	j.Close()
}
