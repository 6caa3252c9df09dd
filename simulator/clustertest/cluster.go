// Package clustertest runs "hotpair cluster" for tests, as anybody would: the binary that ships, real processes, and orders
// as an operator gives them. A cluster ends with its test, and shows what it printed and logged when that failed.
//
//	binary, err := clustertest.Build(dir)
//	c := clustertest.Start(t, binary, filepath.Join(t.TempDir(), "pair"), []string{"--terminals", "3"})
//	c.Send(local.Kill, local.HostA)
package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/process/processtest"
)

const (
	// startWithin is generous: the machine may be busy with other tests. A cluster that ends is not waited for.
	startWithin = 4 * time.Minute
	// StopWithin bounds the end of a cluster: its load reads everything back first.
	StopWithin = 3 * time.Minute
	// ports are kept for each cluster, enough for 40 terminals: while a host is down, none of its ports may be chosen for another cluster.
	ports = 150
	// statusWithin bounds the answer of a host.
	statusWithin = time.Second
)

// Build builds hotpair into a directory.
func Build(dir string, flags ...string) (binary string, err error) {
	return BuildFrom("", dir, flags...)
}

// BuildFrom builds the hotpair whose source is in a directory; "" is this one.
func BuildFrom(source, dir string, flags ...string) (binary string, err error) {
	binary = filepath.Join(dir, "hotpair")
	build := exec.Command("go", slices.Concat([]string{"build", "-o", binary}, flags, []string{"github.com/hotpair/hotpair"})...)
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hotpair: %w\n%s", err, out)
	}
	return binary, nil
}

// Called has a build call the program by a name.
func Called(name string) string {
	return "-ldflags=-X github.com/hotpair/hotpair/services/version.named=" + name
}

// Cluster is a running "hotpair cluster".
type Cluster struct {
	testing.TB
	Dir     string
	Printed *processtest.Output // what it prints
	cmd     *exec.Cmd
	done    chan struct{}
	err     error // how it ended, once done is closed
}

// Start starts a cluster in a directory and waits until it is ready. environ are settings for its hosts.
func Start(t testing.TB, binary, dir string, args []string, environ ...string) *Cluster {
	t.Helper()
	c := &Cluster{TB: t, Dir: dir, Printed: &processtest.Output{}, done: make(chan struct{})}
	port := strconv.Itoa(processtest.Ports(t, ports))
	c.cmd = exec.Command(binary, append([]string{"cluster", "--dir", dir, "--port", port}, args...)...)
	c.cmd.Env = append(os.Environ(), environ...)
	c.cmd.Stdout, c.cmd.Stderr = c.Printed, c.Printed
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
	c.Await(startWithin, "the ready line", func() bool { return strings.Contains(c.Printed.String(), "ready: ") })
	t.Logf("measured: ready after %s", time.Since(began).Round(time.Millisecond))
	return c
}

// end stops the cluster if it still runs, however the test went.
func (c *Cluster) end() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(StopWithin):
		c.Errorf("the cluster did not end within %s of SIGTERM", StopWithin)
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// dump shows what a failure may be understood by.
func (c *Cluster) dump() {
	c.Logf("cluster printed:\n%s", c.Printed)
	KeepLogs(c, c.Dir, "*.log")
}

// KeepLogs shows the ends of the logs in a directory, by which a failure may be understood. With go test -artifacts all
// files of the patterns are kept whole.
func KeepLogs(t testing.TB, dir string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Log(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Log(err)
				continue
			}
			if filepath.Ext(name) == ".log" {
				const last = 6000
				t.Logf("end of %s:\n%s", filepath.Base(name), text[max(0, len(text)-last):])
			}
			if err := os.WriteFile(filepath.Join(t.ArtifactDir(), filepath.Base(name)), text, 0o600); err != nil {
				t.Log(err)
			}
		}
	}
}

// Signal sends a signal to the cluster command itself.
func (c *Cluster) Signal(signal os.Signal) {
	c.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		c.Fatal(err)
	}
}

// Done is closed when the cluster has ended.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Err is how the cluster ended; it may be asked for once Done is closed.
func (c *Cluster) Err() error { return c.err }

// Await waits for a condition, and gives how long that took; it fails at once when the cluster ends.
func (c *Cluster) Await(within time.Duration, what string, condition func() bool) time.Duration {
	c.Helper()
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-c.done:
			c.Fatalf("the cluster ended while waiting for %s: %v\n%s", what, c.err, c.Printed)
		case <-tick.C:
			if time.Since(began) > within {
				c.Fatalf("no %s within %s\n%s", what, within, c.describe())
			}
		}
	}
	return time.Since(began)
}

func (c *Cluster) describe() string {
	f, err := local.ReadFile(c.Dir)
	if err != nil {
		return fmt.Sprintf("%v\n%s", err, c.Printed) // it never was ready
	}
	var b strings.Builder
	for _, host := range []string{local.HostA, local.HostB} {
		s, err := ask(f, host)
		text, _ := json.Marshal(s)
		fmt.Fprintf(&b, "host %s: %v %s\n", host, err, text)
	}
	return b.String()
}

// File says where everything of the cluster is.
func (c *Cluster) File() local.File {
	c.Helper()
	f, err := local.ReadFile(c.Dir)
	if err != nil {
		c.Fatal(err)
	}
	return f
}

// Status asks a host for its status.
func (c *Cluster) Status(host string) (operator.Status, error) {
	c.Helper()
	return ask(c.File(), host)
}

func ask(f local.File, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), statusWithin)
	defer cancel()
	return f.Hosts[host].Client().Status(ctx)
}

// Send gives an order to the cluster, as an operator does but without a process of its own, and tells when.
func (c *Cluster) Send(do, host string) time.Time {
	c.Helper()
	at := time.Now()
	if _, err := local.Send(context.Background(), c.Dir, local.Order{Do: do, Host: host}); err != nil {
		c.Fatalf("%s %s: %v", do, host, err)
	}
	return at
}
