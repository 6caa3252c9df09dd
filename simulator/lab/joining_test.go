package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/simulator/clustertest"
	"github.com/hotpair/hotpair/simulator/load"
	"github.com/hotpair/hotpair/simulator/pair"
)

// machine is a whole one: its own network, files, processes and users, with the program installed and nothing else.
type machine struct {
	testing.TB
	name   string
	dir    string // what it has of its own, from outside
	space  *space
	holder *exec.Cmd // with it ends every process of the machine
	gone   chan error
	off    io.Closer
}

// folders are those of a machine that are its own.
var folders = map[string]string{"etc": "/etc", "lib": "/var/lib", "root": "/root", "bin": "/usr/local/bin", "run": "/run"}

// newMachine switches a machine on, and installs the program as its archive says: the user, the program, and of a terminal the unit.
func newMachine(t testing.TB, name string, s *space) *machine {
	t.Helper()
	m := &machine{TB: t, name: name, dir: t.TempDir(), space: s}
	script := "set -e\n"
	for own, at := range folders {
		m.must(os.Mkdir(filepath.Join(m.dir, own), 0o755))
		if own == "etc" {
			script += fmt.Sprintf("cp -a /etc/. %s\n", filepath.Join(m.dir, own))
		}
		script += fmt.Sprintf("mount --bind %s %s\n", filepath.Join(m.dir, own), at)
	}
	users, err := filepath.Abs("../../deployments/release/debian/sysusers.conf")
	m.must(err)
	script += "rm -rf /etc/hotpair /etc/systemd/system/hotpair*\nmkdir -p /run/systemd/system /etc/systemd/system\nsystemd-sysusers " + users + "\n"
	m.install(binary, "bin/hotpair", 0o755)
	m.install("systemctl", "bin/systemctl", 0o755)
	m.holder = exec.Command("nsenter", "--net="+s.path(), "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", script+"echo on\nexec cat")
	off, err := m.holder.StdinPipe()
	m.must(err)
	m.off = off
	says, err := m.holder.StdoutPipe()
	m.must(err)
	var wrong bytes.Buffer
	m.holder.Stderr = &wrong
	m.must(m.holder.Start())
	m.gone = make(chan error, 1)
	line, err := bufio.NewReader(says).ReadString('\n')
	if err != nil || line != "on\n" {
		_ = m.off.Close()
		t.Fatalf("machine %s: %q, %v, %s", name, line, errors.Join(err, m.holder.Wait()), &wrong)
	}
	go func() { m.gone <- m.holder.Wait() }()
	t.Cleanup(func() {
		m.switchOff()
		if t.Failed() {
			clustertest.KeepLogs(t, filepath.Join(m.dir, "root"), "*.log", "systemctl.told")
		}
	})
	if name == till {
		m.install("../../deployments/systemd/hotpair-terminal@.service", "etc/systemd/system/hotpair-terminal@.service", 0o644)
	}
	return m
}

func (m *machine) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// install copies a file onto the machine.
func (m *machine) install(from, to string, mode os.FileMode) {
	m.Helper()
	raw, err := os.ReadFile(from)
	m.must(err)
	m.must(os.MkdirAll(filepath.Dir(filepath.Join(m.dir, to)), 0o755))
	m.must(os.WriteFile(filepath.Join(m.dir, to), raw, mode))
}

// switchOff takes the power away: every process of the machine is gone when it returns. Repeatable.
func (m *machine) switchOff() {
	m.Helper()
	_ = m.off.Close()
	select {
	case err := <-m.gone:
		m.gone <- err
	case <-time.After(goneWithin):
		m.Errorf("machine %s does not end", m.name)
	}
}

// run runs a command of a shell on the machine, as root, and gives what it prints. Its temporary files are its own, so that it finds no cluster
// that runs on this machine.
func (m *machine) run(ctx context.Context, command string) (string, error) {
	ns := fmt.Sprintf("/proc/%d/ns/", m.holder.Process.Pid)
	c := exec.CommandContext(ctx, "nsenter", "--mount="+ns+"mnt", "--pid="+ns+"pid_for_children", "--net="+m.space.path(), "sh", "-c", "cd /root && "+command)
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=/root", "LANG=C.UTF-8"}
	c.WaitDelay = time.Second // what a unit runs keeps what this one has open
	out, err := c.CombinedOutput()
	return string(out), err
}

// till is the terminal of the documents.
const till = "till-1"

// documented are the commands of a chapter of the documents, in their order.
func documented(t testing.TB) (commands []string) {
	t.Helper()
	text, err := os.ReadFile("../../deployments/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(text), "\n## On three machines\n")
	chapter, _, _ = strings.Cut(chapter, "\n### What every value is\n")
	for _, block := range regexp.MustCompile("(?s)\n```\n(.*?)```").FindAllStringSubmatch(chapter, -1) {
		for line := range strings.Lines(block[1]) {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	return commands
}

// TestJoining_FromNothingToAPair: from empty machines to a pair that serves a terminal, by the commands of deployments/README.md alone, as they
// stand there. Then the host that serves loses its power, and the other one goes on; a new machine takes its place with the same bundle, and leaves again.
func TestJoining_FromNothingToAPair(t *testing.T) {
	needLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*healWithin)
	defer cancel()
	hosts := []string{pair.HostA, pair.HostB}
	wires := []Wire{{pair.HostA, pair.HostB}}
	for _, h := range hosts {
		wires = append(wires, Wire{h, pair.Witness}, Wire{h, till})
	}
	n, err := networkOf(map[string]string{pair.HostA: "10.0.0.1", pair.HostB: "10.0.0.2", pair.Witness: "10.0.0.3", till: "10.0.1.1"}, wires)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	machines := map[string]*machine{}
	for _, name := range append(hosts, pair.Witness, till) {
		machines[name] = newMachine(t, name, n.spaces[name])
	}
	all := documented(t)
	if len(all) != 7 {
		t.Fatalf("commands: %q", all)
	}
	began, count := time.Now(), 0
	do := func(on, command string) string {
		t.Helper()
		count++
		said, err := machines[on].run(ctx, command)
		if err != nil {
			t.Fatalf("%s on %s: %v\n%s", command, on, err, said)
		}
		return said
	}

	do(pair.HostA, all[0]) // hotpair init, anywhere: here on a
	for _, name := range []string{pair.HostB, pair.Witness} {
		bundle := "root/pair/" + name + ".bundle"
		machines[name].install(filepath.Join(machines[pair.HostA].dir, bundle), bundle, 0o600)
	}
	for _, name := range []string{pair.HostB, pair.Witness, pair.HostA} {
		said := do(name, strings.Replace(all[1], "a.bundle", name+".bundle", 1))
		if name == pair.HostB && (!strings.Contains(said, "the other host does not answer at 10.0.0.1:7702") || !strings.Contains(said, "the witness does not answer at 10.0.0.3:7705")) {
			t.Errorf("b says of who is missing:\n%s", said)
		}
		if !strings.Contains(said, "enabled and started") {
			t.Errorf("%s: %s", name, said)
		}
	}
	paired := awaited(ctx, t, machines[pair.HostA], all[2], "either host may fail")
	count++
	if told, err := machines[pair.HostA].run(ctx, "cat systemctl.told"); err != nil || told != "daemon-reload\nenable hotpair.service\nstart hotpair.service\n" {
		t.Errorf("systemd was told %q, %v", told, err)
	}

	added := do(pair.HostB, all[3])
	_, token, found := strings.Cut(added, "hotpair terminal enrol ")
	if !found {
		t.Fatalf("no token in what b says:\n%s", added)
	}
	do(till, all[4])
	if said := do(till, strings.Replace(all[5], "TOKEN", strings.Fields(token)[0], 1)); !strings.Contains(said, "is a member of pair") {
		t.Fatal(said)
	}
	do(till, all[6])
	application := func() *nats.Conn {
		var conn *nats.Conn
		await(ctx, t, "the terminal's agent", func() bool {
			conn, err = load.Dial("till", "127.0.0.1:"+strconv.Itoa(pair.PortApps), n.spaces[till])
			return err == nil
		})
		return conn
	}()
	defer application.Close()
	put := func(key string) {
		t.Helper()
		await(ctx, t, "a put", func() bool {
			reply, err := application.RequestWithContext(ctx, "request.kv.put", []byte(`{"key":"`+key+`","value":"blue"}`))
			return err == nil && bytes.Contains(reply.Data, []byte(`"revision"`))
		})
	}
	put("colour")
	for name, m := range machines { // no person has written anything
		for _, file := range []string{"host.env", "witness.env", "terminal-" + till + ".env"} {
			if _, err := os.Stat(filepath.Join(m.dir, "etc/hotpair", file)); err == nil {
				t.Errorf("%s has a %s", name, file)
			}
		}
	}
	t.Logf("measured: %d commands and no edits, %.1f s to a put that both hosts hold (paired after %.1f s)", count, time.Since(began).Seconds(), paired.Sub(began).Seconds())

	said, err := machines[pair.HostA].run(ctx, all[2])
	if err != nil {
		t.Fatal(err, said)
	}
	active := said[:1]
	if !slices.Contains(hosts, active) {
		t.Fatalf("nobody serves: %s", said)
	}
	machines[active].switchOff()
	put("shape")
	awaited(ctx, t, machines[pair.Other(active)], all[2], pair.Other(active)+" serves")
	if said, err := machines[pair.Other(active)].run(ctx, "hotpair join pair/"+pair.Other(active)+".bundle"); err != nil || !strings.Contains(said, "already") {
		t.Errorf("joined again while it serves: %v\n%s", err, said)
	}

	bundle := "root/pair/" + active + ".bundle"
	fresh := newMachine(t, active, n.spaces[active])
	fresh.install(filepath.Join(machines[active].dir, bundle), bundle, 0o600)
	if said, err := fresh.run(ctx, "hotpair join pair/"+active+".bundle"); err != nil || strings.Contains(said, "does not answer") {
		t.Fatalf("%v\n%s", err, said)
	}
	awaited(ctx, t, machines[pair.Other(active)], all[2], "either host may fail")
	said, err = fresh.run(ctx, "hotpair leave --yes")
	if err != nil || !strings.Contains(said, "no longer host "+active) {
		t.Fatalf("%v\n%s", err, said)
	}
	for name, kept := range map[string]bool{"etc/hotpair/joined": false, "lib/hotpair-identity": false, "lib/hotpair/certificate.last-good": false, "etc/systemd/system/hotpair.service": false, "lib/hotpair": true} {
		if _, err := os.Stat(filepath.Join(fresh.dir, name)); (err == nil) != kept {
			t.Errorf("%s is there: %t", name, err == nil)
		}
	}
	put("size")
}

// await asks until it is so.
func await(ctx context.Context, t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, context.Cause(ctx))
		}
	}
}

// awaited runs a command until it says something, and tells when that was.
func awaited(ctx context.Context, t testing.TB, on *machine, command, want string) time.Time {
	t.Helper()
	last := ""
	defer func() {
		if t.Failed() {
			t.Log(last)
		}
	}()
	await(ctx, t, command+" says "+want, func() bool {
		last, _ = on.run(ctx, command)
		return strings.Contains(last, want)
	})
	return time.Now()
}
