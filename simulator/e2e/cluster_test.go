// Package e2e_test plays outages on the whole pair: real processes, started by the cluster command and killed, frozen and
// stopped by it, under a workload that judges every answer. What it measures it prints in lines that begin with
// "measured:".
//
// The flag -long makes it play more of each.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator"
)

var long = flag.Bool("long", false, "play more of each outage")

// binary is hotpair, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(asPoison) != "" {
		servePoison()
	}
	flag.Parse()
	dir, err := os.MkdirTemp("", "hotpair-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "hotpair")
		build := exec.Command("go", "build", "-o", binary, "github.com/hotpair/hotpair")
		build.Stdout, build.Stderr = os.Stdout, os.Stderr
		err = build.Run()
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "build hotpair:", err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
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
	stopWithin  = 3 * time.Minute // the load reads everything back first
)

// cluster is a running "hotpair cluster".
type cluster struct {
	testing.TB
	dir  string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // how it ended, once done is closed
}

// output is what a command prints, to be read while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startCluster starts a cluster in a new directory and waits until it is ready. environ are settings for its hosts.
func startCluster(t testing.TB, args []string, environ ...string) *cluster {
	t.Helper()
	return startClusterIn(t, filepath.Join(t.TempDir(), "pair"), args, environ...)
}

func startClusterIn(t testing.TB, dir string, args []string, environ ...string) *cluster {
	t.Helper()
	c := &cluster{TB: t, dir: dir, out: &output{}, done: make(chan struct{})}
	c.cmd = exec.Command(binary, append([]string{"cluster", "--dir", dir, "--port", "0"}, args...)...)
	c.cmd.Env = append(os.Environ(), environ...)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	began := time.Now()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			c.dump()
		}
		c.end()
	})
	c.await(startWithin, "the ready line", func() bool { return strings.Contains(c.out.String(), "ready: ") })
	t.Logf("measured: ready after %s", time.Since(began).Round(time.Millisecond))
	return c
}

// end stops the cluster if it still runs, however the test went.
func (c *cluster) end() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopWithin):
		c.Errorf("the cluster did not end within %s of SIGTERM", stopWithin)
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// dump shows what a failure may be understood by.
func (c *cluster) dump() {
	c.Logf("cluster printed:\n%s", c.out)
	logs, err := filepath.Glob(filepath.Join(c.dir, "*.log"))
	if err != nil {
		c.Log(err)
	}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			c.Log(err)
			continue
		}
		const last = 6000
		c.Logf("end of %s:\n%s", filepath.Base(name), text[max(0, len(text)-last):])
		// With go test -artifacts the whole logs are kept.
		if err := os.WriteFile(filepath.Join(c.ArtifactDir(), filepath.Base(name)), text, 0o600); err != nil {
			c.Log(err)
		}
	}
}

// await waits for a condition; it fails at once when the cluster ends.
func (c *cluster) await(within time.Duration, what string, condition func() bool) time.Duration {
	c.Helper()
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-c.done:
			c.Fatalf("the cluster ended while waiting for %s: %v\n%s", what, c.err, c.out)
		case <-tick.C:
			if time.Since(began) > within {
				c.Fatalf("no %s within %s\n%s", what, within, c.describe())
			}
		}
	}
	return time.Since(began)
}

func (c *cluster) describe() string {
	var b strings.Builder
	for _, host := range []string{local.HostA, local.HostB} {
		s, err := c.status(host)
		text, _ := json.Marshal(s)
		fmt.Fprintf(&b, "host %s: %v %s\n", host, err, text)
	}
	return b.String()
}

func (c *cluster) file() local.File {
	c.Helper()
	f, err := local.ReadFile(c.dir)
	if err != nil {
		c.Fatal(err)
	}
	return f
}

func (c *cluster) client(host string) *operator.Client {
	return c.file().Hosts[host].Client()
}

func (c *cluster) status(host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.client(host).Status(ctx)
}

// active is the host that serves; "" when none does.
func (c *cluster) active() (string, operator.Status) {
	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := c.status(host); err == nil && s.Serves() {
			return host, s
		}
	}
	return "", operator.Status{}
}

func other(host string) string {
	if host == local.HostA {
		return local.HostB
	}
	return local.HostA
}

// mustActive waits for somebody to serve.
func (c *cluster) mustActive() (string, operator.Status) {
	c.Helper()
	var host string
	var status operator.Status
	c.await(healWithin, "host that serves", func() bool {
		host, status = c.active()
		return host != ""
	})
	return host, status
}

// awaitPaired waits until one host serves and both hold every acknowledged update, as both say.
func (c *cluster) awaitPaired() time.Duration {
	c.Helper()
	return c.await(healWithin, "pair in sync", func() bool {
		host, s := c.active()
		if host == "" || len(s.InSync) != 2 || s.Terminals.Attached == 0 {
			return false
		}
		standby, err := c.status(other(host))
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
	if out, err := c.hotpair("cluster", do, host, "--dir", c.dir); err != nil {
		c.Fatalf("cluster %s %s: %v\n%s", do, host, err, out)
	}
}

// quick is order without a process of its own, for what must happen at a certain moment.
func (c *cluster) quick(do, host string) time.Time {
	c.Helper()
	at := time.Now()
	if _, err := local.Send(context.Background(), c.dir, local.Order{Do: do, Host: host}); err != nil {
		c.Fatalf("%s %s: %v", do, host, err)
	}
	return at
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
	for _, t := range c.file().Terminals {
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
		w.cluster.Error("the verdict is bad")
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
	f := c.file()
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
