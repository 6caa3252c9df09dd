package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// kill is one that was made.
type kill struct {
	what     string
	host     string
	active   bool
	doubly   bool // both hosts were killed, one while the other came back
	at       time.Time
	until    time.Time
	inFlight uint64 // updates in the journal of the active that were not committed yet
	healed   time.Duration
}

// TestKills_NothingIsLostOrDoubled kills hosts under load: the active and the standby in turn, at a random moment of a
// pair in sync, and the one host that is left while the other is still coming back, so that nobody serves. The history is
// short, so that a host that was away returns by a copy.
func TestKills_NothingIsLostOrDoubled(t *testing.T) {
	rounds := 4
	if *long {
		rounds = 20
	}
	c := startCluster(t, []string{"--terminals", "10", "--load"}, "HOTPAIR_HISTORY_MAX_UPDATES=1000", leaseSetting)
	w := c.startWork(400)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("kill seed %d", seed)
	c.awaitPaired()
	var kills []kill
	for i := 0; i < rounds || c.adopted().takeovers == 0 && i < 20; i++ { // a kill must have bitten
		pause(random, 1500*time.Millisecond)
		host, _ := c.mustActive()
		if i%2 == 1 {
			host = pair.Other(host)
		}
		first := c.kill(host)
		if i%4 < 2 {
			pause(random, 1000*time.Millisecond)
			c.order("start", host)
			first.healed = c.awaitPaired()
			kills = append(kills, first)
			continue
		}
		c.mustActive()
		c.order("start", host)
		pause(random, 400*time.Millisecond)
		second := c.kill(pair.Other(host))
		first.doubly, second.doubly = true, true
		c.order("start", pair.Other(host))
		second.healed = c.awaitPaired()
		kills = append(kills, first, second)
	}
	report := w.finish()
	reportKills(t, kills, report)
	c.compareHistories()
	c.finishLoad()
	c.reportAdopted()
}

// adoptions are takeovers that found updates in a journal.
type adoptions struct{ takeovers, updates int }

// adopted tells what the kills left in the journals: updates that a host had stored and did not know as acknowledged when
// it took over. They are why a journal is read to its end before anything is served.
func (c *cluster) adopted() (all adoptions) {
	c.Helper()
	line := regexp.MustCompile(`msg="adopted the end of the journal".* updates=(\d+)`)
	for _, name := range []string{"host-a.log", "host-b.log"} {
		text, err := os.ReadFile(filepath.Join(c.Dir, name))
		if err != nil {
			c.Fatal(err)
		}
		for _, match := range line.FindAllSubmatch(text, -1) {
			n, err := strconv.Atoi(string(match[1]))
			if err != nil {
				c.Fatal(err)
			}
			all.takeovers, all.updates = all.takeovers+1, all.updates+n
		}
	}
	return all
}

func (c *cluster) reportAdopted() {
	c.Helper()
	all := c.adopted()
	c.Logf("measured: %d takeovers found %d stored updates not yet known as acknowledged", all.takeovers, all.updates)
	if all.takeovers == 0 {
		c.Error("no kill hit an update on its way: the kills did not bite")
	}
}

// pause lets a random time pass: the moment of a kill is what is tried.
func pause(random *rand.Rand, most time.Duration) {
	time.Sleep(time.Duration(random.Int64N(int64(most))))
}

func (c *cluster) kill(host string) kill {
	c.Helper()
	active, s := c.active()
	k := kill{host: host, active: active == host, inFlight: s.Position.Sequence - s.Committed.Sequence}
	k.what = fmt.Sprintf("standby %s (%s)", host, s.Mode)
	if k.active {
		k.what = fmt.Sprintf("active %s (%s)", host, s.Mode)
	}
	k.at = c.Send("kill", host)
	k.until = k.at.Add(2 * time.Second)
	return k
}

// reportKills prints what the terminals felt of each kill.
func reportKills(t *testing.T, kills []kill, report simulator.Report) {
	t.Helper()
	var takeovers, solos []time.Duration
	var inFlight int
	for i, k := range kills {
		if i+1 < len(kills) && kills[i+1].at.Add(-waited).Before(k.until) {
			k.until = kills[i+1].at.Add(-waited)
		}
		gap := gapAt(report, k.at, k.until)
		healed := "while the other host comes back"
		if k.healed > 0 {
			healed = "in sync again after " + k.healed.Round(time.Millisecond).String()
		}
		t.Logf("measured: kill %d at %s of %s, %d updates in flight, gap %s, %s",
			i+1, k.at.Format("15:04:05.000"), k.what, k.inFlight, gap.Round(100*time.Microsecond), healed)
		if k.inFlight > 0 {
			inFlight++
		}
		switch {
		case k.doubly:
		case k.active:
			takeovers = append(takeovers, gap)
		default:
			solos = append(solos, gap)
		}
	}
	t.Logf("measured: %d of %d kills with updates in flight", inFlight, len(kills))
	t.Logf("measured: gap after kill of the active: %s", summary(takeovers))
	t.Logf("measured: gap after kill of the standby: %s", summary(solos))
	// A host that was killed must be noticed by its refused connections, not by the end of its lease.
	for _, gap := range takeovers {
		if gap >= lease {
			t.Errorf("a takeover took %s: the end of the lease was waited for", gap)
		}
	}
}

// summary of durations, where 0 stands for too short to be listed.
func summary(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("median %s, worst %s, %d trials", all[len(all)/2].Round(100*time.Microsecond), all[len(all)-1].Round(100*time.Microsecond), len(all))
}

// finishLoad ends the cluster as Ctrl-C does and demands the good verdict of its own load.
func (c *cluster) finishLoad() {
	c.Helper()
	c.interrupt()
	if c.Err() != nil {
		c.Errorf("the cluster ended with %v\n%s", c.Err(), c.Printed)
	}
	if !strings.Contains(c.Printed.String(), "load: verdict: ok") {
		c.Errorf("no good verdict of the load\n%s", c.Printed)
	}
}
