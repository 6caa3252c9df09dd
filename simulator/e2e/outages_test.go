package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// outage is one that was played, to be measured when the report of the workload is there.
type outage struct {
	name     string
	from, to time.Time
	most     time.Duration // that the terminals may feel; 0: only printed
}

// TestOutages_ServiceGoesOn plays each kind of outage once under load, on one pair: every process of the active, its
// supervisor, a frozen host, a planned switchover, and both hosts at once.
func TestOutages_ServiceGoesOn(t *testing.T) {
	c := startCluster(t, []string{"--terminals", "10"}, leaseSetting)
	w := c.startWork(400)
	c.awaitPaired()
	c.Await(startWithin, "first operations", func() bool { _, s := c.active(); return s.Committed.Sequence > 200 })
	var outages []outage
	play := func(name string, most time.Duration, f func(t *testing.T)) {
		o := outage{name: name, from: time.Now(), most: most}
		if !t.Run(strings.ReplaceAll(name, " ", "_"), f) {
			t.FailNow()
		}
		// What is measured next must not be this one.
		_, s := c.mustActive()
		c.Await(healWithin, "updates after "+name, func() bool { _, now := c.active(); return now.Committed.Sequence > s.Committed.Sequence+50 })
		o.to = time.Now()
		outages = append(outages, o)
	}
	active, s := c.mustActive()
	for name := range s.Processes {
		if name == "main" || name == "supervisor" {
			continue
		}
		play("process "+name+" of the active is killed", lease, func(t *testing.T) { c.killProcess(t, active, name) })
	}
	play("main of the active is killed", lease, func(t *testing.T) { c.killMain(t) })
	play("main of the active is killed while its updater stands still", 2*lease, func(t *testing.T) { c.freezeUpdaterKillMain(t) })
	play("supervisor of the active is killed", lease, func(t *testing.T) { c.killSupervisor(t) })
	play("active is frozen and thawed", 2*lease, func(t *testing.T) { c.freezeActive(t) })
	play("standby is frozen and thawed", 2*lease, func(t *testing.T) { c.freezeStandby(t) })
	play("planned switchover", lease, func(t *testing.T) { c.switchover(t) })
	play("active is stopped", lease, func(t *testing.T) { c.stopActive(t) })
	play("both hosts are killed", 0, func(t *testing.T) { c.killBoth(t) })
	play("witness is killed", lease, func(t *testing.T) { c.killWitness(t) })
	play("standby alone waits for the active", 0, func(t *testing.T) { c.standbyAlone(t) })
	report := w.finish()
	for _, o := range outages {
		gap := gapAt(report, o.from, o.to.Add(-waited))
		t.Logf("measured: %s: gap %s", o.name, gap.Round(100*time.Microsecond))
		if o.most > 0 && gap > o.most {
			t.Errorf("%s: terminals waited %s", o.name, gap)
		}
	}
	c.compareHistories()
}

// killProcess kills one process of the active: it is restarted in place, within the term.
func (c *cluster) killProcess(t *testing.T, active, name string) {
	_, before := c.mustActive()
	old := before.Processes[name]
	if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	took := c.Await(healWithin, "restarted "+name, func() bool {
		s, err := c.Status(active)
		now := s.Processes[name]
		return err == nil && now.PID != 0 && now.PID != old.PID && now.State == "ready"
	})
	c.awaitPaired()
	now, after := c.mustActive()
	if now != active || after.Epoch != before.Epoch {
		t.Errorf("the role moved from %s, epoch %d, to %s, epoch %d", active, before.Epoch, now, after.Epoch)
	}
	t.Logf("measured: %s restarted after %s", name, took.Round(time.Millisecond))
}

// freezeUpdaterKillMain stops the updater in the middle of what it answers, and then kills main: what is half done comes to nothing
// twice, and no business process goes on without main.
func (c *cluster) freezeUpdaterKillMain(t *testing.T) {
	_, before := c.mustActive()
	if err := syscall.Kill(before.Processes["updater"].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.killMain(t)
	for _, name := range []string{"updater", "terminal-if", "business.kv", "business.ledger"} {
		if pid := before.Processes[name].PID; pid == 0 || syscall.Kill(pid, 0) == nil {
			t.Errorf("%s, pid %d, outlives its main", name, pid)
		}
	}
}

// killMain kills main of the active: the new one must not go on with the term, so the other host serves.
func (c *cluster) killMain(t *testing.T) {
	active, before := c.mustActive()
	supervisor := c.File().Hosts[active].PGID
	mains := childrenOf(t, supervisor)
	if len(mains) != 1 {
		t.Fatalf("the supervisor %d has children %v", supervisor, mains)
	}
	if err := syscall.Kill(mains[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.awaitTakeover(before)
	c.awaitPaired()
	if now := c.File().Hosts[active].PGID; now != supervisor {
		t.Errorf("the supervisor was %d and is %d", supervisor, now)
	}
}

// killSupervisor kills the leader of the active host: all of its processes must die with it.
func (c *cluster) killSupervisor(t *testing.T) {
	active, before := c.mustActive()
	pgid := c.File().Hosts[active].PGID
	if err := syscall.Kill(pgid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.Await(10*time.Second, "end of all processes of the host", func() bool { return len(groupMembers(t, pgid)) == 0 })
	c.awaitTakeover(before)
	c.Await(10*time.Second, "notice of the cluster", func() bool { return strings.Contains(c.Printed.String(), "host "+active+" ended by signal: killed") })
	c.order("start", active)
	c.awaitPaired()
}

func (c *cluster) freezeActive(t *testing.T) {
	active, before := c.mustActive()
	c.order("freeze", active)
	took := c.awaitTakeover(before)
	t.Logf("measured: takeover %s after the freeze", took.Round(time.Millisecond))
	c.order("thaw", active)
	c.awaitPaired()
	if now, _ := c.mustActive(); now == active {
		t.Errorf("%s serves again", active)
	}
}

func (c *cluster) freezeStandby(t *testing.T) {
	active, before := c.mustActive()
	c.order("freeze", pair.Other(active))
	c.Await(healWithin, "solo", func() bool { _, s := c.active(); return len(s.InSync) == 1 })
	c.order("thaw", pair.Other(active))
	c.awaitPaired()
	if now, after := c.mustActive(); now != active || after.Epoch != before.Epoch {
		t.Errorf("the role moved from %s, epoch %d, to %s, epoch %d", active, before.Epoch, now, after.Epoch)
	}
}

func (c *cluster) switchover(t *testing.T) {
	active, before := c.mustActive()
	out, err := c.hotpair("switchover", "--dir", c.Dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	c.awaitTakeover(before)
	c.awaitPaired()
	if now, _ := c.mustActive(); now == active {
		t.Errorf("%s still serves", active)
	}
}

// stopActive is SIGTERM to the supervisor: a planned switchover, then the end.
func (c *cluster) stopActive(t *testing.T) {
	active, before := c.mustActive()
	pgid := c.File().Hosts[active].PGID
	c.order("stop", active)
	if left := groupMembers(t, pgid); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	c.awaitTakeover(before)
	c.order("start", active)
	c.awaitPaired()
}

func (c *cluster) killBoth(t *testing.T) {
	active, _ := c.mustActive()
	c.Send("kill", active)
	c.Send("kill", pair.Other(active))
	// Whichever of the in-sync set returns serves; which hosts those are depends on whether the second one had taken
	// over. One that is not in it waits, so both are started, in the order in which they were killed.
	c.order("start", active)
	c.order("start", pair.Other(active))
	took := c.awaitPaired()
	t.Logf("measured: in sync %s after both were started again", took.Round(time.Millisecond))
}

// killWitness shows that a pair that sees itself does not need it.
func (c *cluster) killWitness(t *testing.T) {
	active, before := c.mustActive()
	c.order("kill", "witness")
	sequence := before.Committed.Sequence
	c.Await(healWithin, "updates without a witness", func() bool {
		_, s := c.active()
		return s.Committed.Sequence > sequence+200
	})
	c.order("start", "witness")
	c.Await(healWithin, "witness that is reachable again", func() bool { _, s := c.active(); return s.Witness.Reachable })
	if now, after := c.mustActive(); now != active || after.Epoch != before.Epoch {
		t.Errorf("the role moved from %s, epoch %d, to %s, epoch %d", active, before.Epoch, now, after.Epoch)
	}
	c.awaitPaired()
}

// standbyAlone: the standby is lost, then the active; the standby returns alone. It may not serve, and says for whom it
// waits.
func (c *cluster) standbyAlone(t *testing.T) {
	active, _ := c.mustActive()
	standby := pair.Other(active)
	c.order("kill", standby)
	var solo operator.Status
	c.Await(healWithin, "solo with updates that the standby does not have", func() bool {
		_, s := c.active()
		if len(s.InSync) == 1 && solo.Host == "" {
			solo = s
		}
		return solo.Host != "" && s.Committed.Sequence > solo.Committed.Sequence+50
	})
	c.order("kill", active)
	c.order("start", standby)
	var alone operator.Status
	c.Await(healWithin, "standby that says for whom it waits", func() bool {
		s, err := c.Status(standby)
		alone = s
		return err == nil && s.Role == "standby" && s.Mode == "waiting" && strings.Contains(s.WaitingFor, "for "+active)
	})
	t.Logf("%s waits: %s", standby, alone.WaitingFor)
	c.order("start", active)
	c.awaitPaired()
	if now, _ := c.mustActive(); now != active {
		t.Errorf("%s serves, though only %s had everything", now, active)
	}
}

// awaitTakeover waits until the other host serves in a higher epoch.
func (c *cluster) awaitTakeover(before operator.Status) time.Duration {
	c.Helper()
	return c.Await(healWithin, "takeover from "+before.Host, func() bool {
		host, s := c.active()
		return host == pair.Other(before.Host) && s.Epoch > before.Epoch
	})
}

// childrenOf gives the ids of the children of a process.
func childrenOf(t testing.TB, pid int) []int {
	t.Helper()
	return processesWhere(t, func(fields []string) bool { return fields[1] == strconv.Itoa(pid) })
}

// groupMembers gives the ids of the living processes of a group.
func groupMembers(t testing.TB, pgid int) []int {
	t.Helper()
	return processesWhere(t, func(fields []string) bool { return fields[2] == strconv.Itoa(pgid) && fields[0] != "Z" })
}

// processesWhere finds processes by state, parent and group, the fields after the name in /proc/PID/stat.
func processesWhere(t testing.TB, wanted func(fields []string) bool) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 2 && wanted(fields) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found
}
