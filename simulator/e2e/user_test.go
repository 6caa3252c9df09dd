package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// nobody is a user that every machine has.
const nobodyID = 65534

// A business process ran as the host's own user: it could read the pair's secret in its parent's environment and the operator's
// token on disk, write into the database and signal the others. With a user of its own it can do none of that, and it still
// dies with its host, also while it stands still.
func TestFault_C7_BusinessProcessesHaveTheirOwnUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: only root can start a process as somebody else")
	}
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_LEASE=1s", "HOTPAIR_BUSINESS_USER=nobody")
	c.awaitPaired()
	active, status := c.mustActive()
	service := status.Processes["business.kv"].PID
	uids, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", service))
	if err != nil || !strings.Contains(string(uids), fmt.Sprintf("Uid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d", nobodyID)) {
		t.Fatalf("business.kv runs as somebody else than nobody (%v):\n%s", err, uids)
	}
	main := childrenOf(t, c.File().Hosts[active].PGID)[0]
	data := filepath.Join(c.Dir, active)
	// A test's directories are closed to others: what is below would be too, whatever its own mode.
	for dir := c.Dir; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	open := filepath.Join(c.Dir, "open")
	if err := os.WriteFile(open, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := asNobody("cat", open); err != nil {
		t.Fatalf("what is open to all is not open beside the hosts' directories, so a refusal there proves nothing: %v\n%s", err, out)
	}
	for what, command := range map[string][]string{
		"main's environment":      {"cat", fmt.Sprintf("/proc/%d/environ", main)},
		"main's memory":           {"head", "-c", "0", fmt.Sprintf("/proc/%d/mem", main)},
		"main's descriptors":      {"ls", fmt.Sprintf("/proc/%d/fd", main)},
		"the updater's memory":    {"head", "-c", "0", fmt.Sprintf("/proc/%d/mem", status.Processes["updater"].PID)},
		"the witness's directory": {"ls", filepath.Join(c.Dir, pair.Witness)},
		"the operators' socket":   {"ls", filepath.Join(data, "operator.sock")},
		"the certificates":        {"ls", c.certificates(active)},
		"the private key":         {"cat", filepath.Join(c.certificates(active), "key.pem")},
		"the journal":             {"ls", data},
		"the database":            {"dd", "if=/dev/null", "conv=notrunc", "of=" + filepath.Join(data, "hotpair.db")},
		"main":                    {"kill", "-0", fmt.Sprint(main)},
		"the updater":             {"kill", "-0", fmt.Sprint(status.Processes["updater"].PID)},
	} {
		out, err := asNobody(command...)
		var failed *exec.ExitError
		if !errors.As(err, &failed) || !strings.Contains(string(out), "ermi") {
			t.Errorf("%s is open to a business process: %v\n%s", what, err, out)
		}
	}
	// No secret of the pair stands in an environment, of which root too makes copies.
	for what, pid := range map[string]int{"main": main, "the updater": status.Processes["updater"].PID, "terminal-if": status.Processes["terminal-if"].PID, "courier": status.Processes["courier"].PID, "business.kv": service} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || len(text) == 0 {
			t.Fatal(err)
		}
		for _, hidden := range []string{"HOTPAIR_PAIR_SECRET=", "HOTPAIR_BUS_PASSWORD=", "HOTPAIR_HTTP_TOKEN="} {
			if strings.Contains(string(text), hidden) {
				t.Errorf("the environment of %s has %.24s…", what, hidden)
			}
		}
	}
	w := c.startWork(50)
	// One that stands still ends with its main, although it is another user's.
	if err := errors.Join(syscall.Kill(service, syscall.SIGSTOP), syscall.Kill(main, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	c.Await(10*time.Second, "end of the service that stood still", func() bool {
		return errors.Is(syscall.Kill(service, 0), syscall.ESRCH)
	})
	c.awaitTakeover(status)
	c.awaitPaired()
	if host, _ := c.mustActive(); host != pair.Other(active) {
		t.Errorf("%s serves", host)
	}
	w.finish()
	c.compareHistories()
}

// A user that there is not, or that may everything, is refused in a sentence, and nothing runs as root instead.
func TestBusinessUser_BadOnesAreExplained(t *testing.T) {
	sideBySide(t)
	for name, want := range map[string]string{"nobody-of-that-name": "unknown user", "root": "without privileges"} {
		cmd := exec.Command(binary, "main")
		cmd.Env = append(os.Environ(), "HOTPAIR_HOST=a", "HOTPAIR_DATA="+t.TempDir(), "HOTPAIR_BUS_PORT=0", "HOTPAIR_LINK="+processtest.Address(t),
			"HOTPAIR_REPLICATION="+processtest.Address(t), "HOTPAIR_PEER_LINK=127.0.0.1:1", "HOTPAIR_PEER_REPLICATION=127.0.0.1:2", "HOTPAIR_WITNESS=127.0.0.1:3",
			"HOTPAIR_HTTP="+processtest.Address(t), "HOTPAIR_PAIR_SECRET=5b0f6a0b17c3d2e4", "HOTPAIR_BUSINESS_USER="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "HOTPAIR_BUSINESS_USER") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// asNobody runs a command as the user of the business processes, and gives what it says.
func asNobody(command ...string) ([]byte, error) {
	try := exec.Command(command[0], command[1:]...)
	try.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyID, Gid: nobodyID}}
	return try.CombinedOutput()
}
