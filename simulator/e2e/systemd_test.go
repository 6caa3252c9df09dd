package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/systemd/systemdtest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// unit is a process that is started as systemd does.
type unit struct {
	*exec.Cmd
	socket *systemdtest.Socket
	ended  chan error
}

func startUnit(t testing.TB, command, environ []string) *unit {
	t.Helper()
	u := &unit{Cmd: exec.Command(command[0], command[1:]...), socket: systemdtest.Listen(t), ended: make(chan error, 1)}
	u.Env = append(environ, "NOTIFY_SOCKET="+u.socket.Path, "WATCHDOG_USEC=4000000", "PATH="+os.Getenv("PATH"))
	u.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	u.Stderr = os.Stderr
	if err := u.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { u.ended <- u.Wait() }()
	t.Cleanup(func() { _ = syscall.Kill(-u.Process.Pid, syscall.SIGKILL) })
	return u
}

// awaitStatus waits until the status says something.
func (u *unit) awaitStatus(t testing.TB, says string) {
	t.Helper()
	processtest.Await(t, "status with "+says, func() bool { return strings.Contains(u.socket.Status(), says) })
}

// reload has the unit read its files again, as systemctl does, and waits until it has.
func (u *unit) reload(t testing.TB, to int) {
	t.Helper()
	n := len(u.socket.Lines())
	if err := syscall.Kill(to, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	n = u.socket.AwaitAfter(t, n, "RELOADING=1")
	u.socket.AwaitAfter(t, n, "READY=1")
}

// end stops the unit as systemctl does.
func (u *unit) end(t testing.TB) {
	t.Helper()
	_ = u.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-u.ended:
		if err != nil {
			t.Errorf("%v ended: %v", u.Args, err)
		}
	case <-time.After(healWithin):
		t.Fatalf("%v does not end", u.Args)
	}
	if u.socket.Count("STOPPING=1") != 1 {
		t.Errorf("%v does not say that it ends: %q", u.Args, u.socket.Lines())
	}
}

// environOf is the environment of a part of the cluster.
func environOf(env map[string]string) (environ []string) {
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// What systemd is told by the processes that ship: a host that waits for the other one is up, and says what it waits for; a reload says what
// can't be used and ends nobody; what systemd says to a process stays with that.
func TestSystemd_AsTheUnitsRun(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "1"}, leaseSetting)
	c.awaitPaired()
	c.order("stop", local.HostB)
	c.order("stop", local.HostA)
	c.order("stop", pair.Witness)
	witness := c.File().Witness
	w := startUnit(t, witness.Command, environOf(witness.Env))
	w.socket.Await(t, "READY=1")
	w.awaitStatus(t, "listens at "+witness.Address)
	w.socket.Await(t, "WATCHDOG=1")

	host := c.File().Hosts[local.HostB]
	b := startUnit(t, host.Command, environOf(host.Env))
	b.socket.Await(t, "READY=1")
	b.awaitStatus(t, "nobody")
	b.socket.Await(t, "WATCHDOG=1")
	c.order("start", local.HostA)
	b.awaitStatus(t, "b is standby and in sync: it takes over when a fails (standby, paired, epoch ")
	w.awaitStatus(t, "is at revision ")

	whole, _ := c.Status(local.HostB)
	pids := append(childrenOf(t, b.Process.Pid), b.Process.Pid)
	for name, p := range whole.Processes {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		if err != nil || strings.Contains(string(environ), "NOTIFY_SOCKET") || strings.Contains(string(environ), "WATCHDOG_") {
			t.Errorf("the environment of %s has what systemd says to its supervisor: %v", name, err)
		}
		pids = append(pids, p.PID)
	}
	b.reload(t, b.Process.Pid)
	b.awaitStatus(t, "certificate files: well")
	certificate := filepath.Join(c.certificates(local.HostB), "cert.pem")
	good, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(certificate, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.reload(t, -b.Process.Pid) // to all of them
	b.awaitStatus(t, "certificate files is unusable, the previous content stays in use")
	if err := os.WriteFile(certificate, good, 0o600); err != nil {
		t.Fatal(err)
	}
	b.reload(t, b.Process.Pid)
	b.awaitStatus(t, "certificate files: well")
	w.reload(t, w.Process.Pid)
	w.awaitStatus(t, "certificate files: well")
	for _, pid := range pids {
		if syscall.Kill(pid, 0) != nil {
			t.Errorf("process %d was ended by SIGHUP", pid)
		}
	}
	b.awaitStatus(t, "b is standby and in sync")
	b.end(t)
	w.end(t)
	for _, u := range []*unit{b, w} {
		if begun, ready := u.socket.Count("RELOADING=1"), u.socket.Count("READY=1"); ready != begun+1 {
			t.Errorf("%v: ready %d times, %d reloads", u.Args, ready, begun)
		}
	}
}

func TestSystemd_Terminal(t *testing.T) {
	sideBySide(t)
	u := startUnit(t, []string{binary, "terminal"}, []string{
		"HOTPAIR_TERMINAL_ID=till-1", "HOTPAIR_DATA=" + t.TempDir(), "HOTPAIR_TERMINAL_KEY=" + "4f1c09d27ab3586e90c4e1f7d2a86b35704c9e8fd1b2a3657e08f94c6d3b21a5",
		"HOTPAIR_TERMINAL_LISTEN=" + processtest.Address(t), "HOTPAIR_TERMINAL_APPS=" + processtest.Address(t),
	})
	u.socket.Await(t, "READY=1")
	u.awaitStatus(t, "waits for a host; none has attached yet")
	u.socket.Await(t, "WATCHDOG=1")
	u.reload(t, u.Process.Pid)
	u.awaitStatus(t, "files read again at ")
	u.end(t)
}
