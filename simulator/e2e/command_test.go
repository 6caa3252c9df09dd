package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/simulator/clustertest"
)

// interrupt is Ctrl-C, and waits for the end.
func (c *cluster) interrupt() {
	c.Helper()
	began := time.Now()
	c.Signal(syscall.SIGINT)
	select {
	case <-c.Done():
	case <-time.After(clustertest.StopWithin):
		c.Fatalf("the cluster did not end within %s of Ctrl-C", clustertest.StopWithin)
	}
	c.Logf("measured: ended %s after Ctrl-C", time.Since(began).Round(time.Millisecond))
}

func TestCluster_InterruptLeavesNoProcess(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3", "--load"}, leaseSetting)
	groups := c.groups()
	// Two hosts of seven processes each, witness, terminals, load and the cluster itself.
	if all := processesOf(t, c.Dir, groups); len(all) != 18 {
		t.Fatalf("these are not all processes of a pair:\n%s", strings.Join(all, "\n"))
	}
	c.order("freeze", "b") // what is frozen must end too
	c.interrupt()
	if left := processesOf(t, c.Dir, groups); len(left) > 0 {
		t.Errorf("processes are left:\n%s", strings.Join(left, "\n"))
	}
	// A directory that was used is continued.
	again := startClusterIn(t, c.Dir, []string{"--terminals", "3"})
	again.interrupt()
	if again.Err() != nil {
		t.Errorf("ended with %v\n%s", again.Err(), again.Printed)
	}
}

func TestCluster_SIGKILLLeavesNoProcess(t *testing.T) {
	c := startCluster(t, []string{"--terminals", "3", "--load"})
	c.order("freeze", "a")
	groups := c.groups()
	began := time.Now()
	c.Signal(syscall.SIGKILL)
	<-c.Done()
	for len(processesOf(t, c.Dir, groups)) > 0 {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("processes are left:\n%s", strings.Join(processesOf(t, c.Dir, groups), "\n"))
		}
		time.Sleep(10 * time.Millisecond) // the kernel tells nobody when a stranger ends
	}
	t.Logf("measured: all gone %s after SIGKILL", time.Since(began).Round(time.Millisecond))
}

func TestCluster_BadOrdersAreExplained(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "1"})
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(c.File().Hosts["a"].HTTP, "http://"), ":")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"cluster", "start", "a", "--dir", c.Dir}, 1, "already runs"},
		{[]string{"cluster", "thaw", "a", "--dir", c.Dir}, 1, "is not frozen"},
		{[]string{"cluster", "kill", "c", "--dir", c.Dir}, 2, "a, b, witness"},
		{[]string{"cluster", "kill"}, 2, "a, b, witness"},
		{[]string{"cluster", "kill", "a", "--dir", foreign}, 1, "start one with hotpair cluster"},
		{[]string{"cluster", "--terminals", "0"}, 2, "--terminals 0"},
		{[]string{"cluster", "--dir", foreign, "--port", "0"}, 1, "give a new or empty directory"},
		{[]string{"cluster", "--dir", c.Dir, "--port", "0"}, 1, "already runs"},
		{[]string{"cluster", "--port", port}, 1, "already runs on port"},
		{[]string{"cluster", "--nonsense"}, 2, "unknown flag"},
		{[]string{"nonsense"}, 2, "unknown command"},
		{[]string{"simulate", "--workload", "chess"}, 2, "kv, ledger, mixed"},
		{[]string{"simulate", "--dir", foreign}, 1, "cluster.json"},
	} {
		out, err := exec.Command(binary, test.args...).CombinedOutput()
		code := 0
		if exit, ok := err.(*exec.ExitError); ok {
			code = exit.ExitCode()
		}
		if code != test.code || !strings.Contains(string(out), test.want) {
			t.Errorf("hotpair %s ended with %d, want %d with %q:\n%s", strings.Join(test.args, " "), code, test.code, test.want, out)
		}
	}
}

func TestCommands_HaveHelp(t *testing.T) {
	sideBySide(t)
	for _, name := range []string{"cluster", "cluster kill", "supervisor", "main", "updater", "terminal-if", "business", "witness", "terminal",
		"simulate", "status", "history", "switchover", "settings", "version"} {
		out, err := exec.Command(binary, append(strings.Fields(name), "--help")...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Usage:") {
			t.Errorf("hotpair %s --help: %v\n%s", name, err, out)
		}
	}
	out, err := exec.Command(binary, "help", "env").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "HOTPAIR_LEASE") {
		t.Errorf("hotpair help env: %v\n%s", err, out)
	}
}

// TestTerminals_OfSeveralProcesses: more terminals than one process may have files for run in several, which end with the cluster and find again
// what they kept.
func TestTerminals_OfSeveralProcesses(t *testing.T) {
	sideBySide(t)
	dir := filepath.Join(t.TempDir(), "cluster")
	for range 2 {
		c := startClusterIn(t, dir, []string{"--terminals", "5", "--each", "2"})
		c.awaitPaired()
		for _, terminal := range c.File().Terminals {
			conn, err := nats.Connect(terminal.Address)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := conn.Request("request.kv.put", []byte(`{"key":"a","value":"1"}`), healWithin)
			conn.Close()
			if err != nil || reply.Header.Get(bus.HeaderErrorCode) != "" {
				t.Fatalf("%s: %+v, %v", terminal.ID, reply, err)
			}
		}
		for _, of := range [][]string{{"part-1", "t3"}, {"part-2", "t5"}} {
			if _, err := os.Stat(filepath.Join(dir, "terminals", of[0], of[1])); err != nil {
				t.Error(err)
			}
		}
		if running := strings.Join(processesOf(t, dir, c.groups()), "\n"); !strings.Contains(running, "--part 2") {
			t.Errorf("a process of the last terminals is not seen:\n%s", running)
		}
		groups := c.groups()
		c.interrupt()
		if left := processesOf(t, dir, groups); len(left) > 0 {
			t.Errorf("they live on: %q", left)
		}
	}
}
