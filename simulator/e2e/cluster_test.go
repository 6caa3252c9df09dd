// Package e2e_test plays outages on the whole pair: real processes, started by the cluster command and killed, frozen and
// stopped by it, under a workload that judges every answer. What it measures it prints in lines that begin with
// "measured:".
//
// Tests run alone where what they measure is to be their own; the others run side by side, once those have run.
//
// The flag -long makes it play more of each, and each alone.
package e2e_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator"
	"github.com/hotpair/hotpair/simulator/clustertest"
	"github.com/hotpair/hotpair/simulator/pair"
)

var (
	long  = flag.Bool("long", false, "play more of each outage")
	suite = clustertest.NewSuite()
)

// binary is hotpair, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(asPoison) != "" {
		servePoison()
	}
	if os.Getenv(asGates) != "" {
		serveGates()
	}
	if version := os.Getenv(asClerk); version != "" {
		serveClerk(version)
	}
	os.Exit(suite.Run(m, &binary))
}

// sideBySide lets a test run beside others: nothing in it is measured against a bound that a busy machine moves, and most of it is waiting.
func sideBySide(t *testing.T) {
	if !*long {
		t.Parallel()
	}
}

// lease is long, so that a takeover which waited for its end can be told from one that was only slow on a busy machine.
const (
	lease        = 3 * time.Second
	leaseSetting = "HOTPAIR_LEASE=3s"
)

const (
	// startWithin and healWithin are generous: the machine may be busy with other tests.
	startWithin = 60 * time.Second
	healWithin  = 60 * time.Second
)

// cluster is a running "hotpair cluster".
type cluster struct{ *clustertest.Cluster }

// startCluster starts a cluster in a new directory and waits until it is ready. environ are settings for its hosts.
func startCluster(t testing.TB, args []string, environ ...string) *cluster {
	t.Helper()
	return startClusterIn(t, filepath.Join(t.TempDir(), "pair"), args, environ...)
}

func startClusterIn(t testing.TB, dir string, args []string, environ ...string) *cluster {
	t.Helper()
	return &cluster{clustertest.Start(t, binary, dir, args, environ...)}
}

func (c *cluster) client(host string) *operator.Client {
	return c.File().Hosts[host].Client()
}

// active is the host that serves; "" when none does.
func (c *cluster) active() (string, operator.Status) {
	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := c.Status(host); err == nil && s.Serves() {
			return host, s
		}
	}
	return "", operator.Status{}
}

// mustActive waits for somebody to serve.
func (c *cluster) mustActive() (string, operator.Status) {
	c.Helper()
	var host string
	var status operator.Status
	c.Await(healWithin, "host that serves", func() bool {
		host, status = c.active()
		return host != ""
	})
	return host, status
}

// awaitPaired waits until one host serves and both hold every acknowledged update, as both say.
func (c *cluster) awaitPaired() time.Duration {
	c.Helper()
	return c.Await(healWithin, "pair in sync", func() bool {
		host, s := c.active()
		if host == "" || len(s.InSync) != 2 || s.Terminals.Attached == 0 {
			return false
		}
		standby, err := c.Status(pair.Other(host))
		return err == nil && standby.Role == "standby" && len(standby.InSync) == 2
	})
}

// hotpair runs a command of the binary and gives what it printed.
func (c *cluster) hotpair(args ...string) (string, error) {
	cmd := exec.Command(binary, args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// order gives an order to the cluster, as an operator does.
func (c *cluster) order(do, host string) {
	c.Helper()
	if out, err := c.hotpair("cluster", do, host, "--dir", c.Dir); err != nil {
		c.Fatalf("cluster %s %s: %v\n%s", do, host, err, out)
	}
}

// work is a workload at the terminals of a cluster.
type work struct {
	cluster *cluster
	stop    context.CancelFunc
	done    chan struct{}
	report  simulator.Report
	err     error
}

// startWork lets one application work at each terminal until finish.
func (c *cluster) startWork(rate int) *work {
	c.Helper()
	o := simulator.Options{Rate: rate, Workload: simulator.Mixed, Seed: uint64(time.Now().UnixNano())}
	for _, t := range c.File().Terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{ID: t.ID, Address: t.Address})
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &work{cluster: c, stop: cancel, done: make(chan struct{})}
	c.Logf("workload seed %d", o.Seed)
	go func() {
		defer close(w.done)
		w.report, w.err = simulator.Run(ctx, o)
	}()
	c.Cleanup(func() {
		cancel()
		<-w.done
	})
	return w
}

// finish ends the workload and demands a good verdict.
func (w *work) finish() simulator.Report {
	w.cluster.Helper()
	w.stop()
	<-w.done
	if w.err != nil {
		w.cluster.Fatal(w.err)
	}
	var text bytes.Buffer
	if err := w.report.Write(&text); err != nil {
		w.cluster.Fatal(err)
	}
	w.cluster.Logf("%s", text.String())
	w.cluster.Logf("measured: %s", w.report.Verdict)
	if !w.report.Verdict.OK {
		w.cluster.Error("the verdict is FAILED")
	}
	return w.report
}

// waited is how long before an outage a request may have been sent, and the last answer have come, that it then delayed.
const waited = 150 * time.Millisecond

// gapAt is the longest gap that a terminal felt and that began between two moments, or a little before.
func gapAt(r simulator.Report, from, to time.Time) time.Duration {
	return r.GapFrom(from.Add(-waited), to)
}

// groups gives the process groups of hosts and witness as they are now.
func (c *cluster) groups() []int {
	c.Helper()
	f := c.File()
	return []int{f.Hosts[local.HostA].PGID, f.Hosts[local.HostB].PGID, f.Witness.PGID}
}

// processesOf lists the living processes of a cluster: those of its groups, and those that have its directory in command
// line or environment.
func processesOf(t testing.TB, dir string, groups []int) []string {
	t.Helper()
	found := map[int]bool{}
	for _, pgid := range groups {
		for _, pid := range groupMembers(t, pgid) {
			found[pid] = true
		}
	}
	for _, pid := range processesWhere(t, func(fields []string) bool { return fields[0] != "Z" }) {
		for _, name := range []string{"environ", "cmdline"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
			if err == nil && bytes.Contains(text, []byte(dir)) && pid != os.Getpid() {
				found[pid] = true
			}
		}
	}
	var list []string
	for pid := range found {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil {
			list = append(list, fmt.Sprintf("%d %s", pid, bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
		}
	}
	return list
}
