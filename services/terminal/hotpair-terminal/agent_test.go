//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// mostOwn bounds what an idle agent has for itself, in bytes, and mostResident that with the pages of its program, which are as on the disk: the
	// kernel keeps as many of them as it has room for.
	mostOwn      = 12 << 20
	mostResident = 30 << 20
	// mostStart bounds the processor that it takes until it serves: of 300 ms on one core, whatever else the machine does meanwhile.
	mostStart = 300 * time.Millisecond
	// patience is for a machine that has much else to do.
	patience = 30 * time.Second
	// mostSize bounds the program, in bytes.
	mostSize = 25 << 20
)

// built is the program as it is shipped, for a machine.
func built(t *testing.T, environ ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hotpair-terminal")
	c := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	c.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0"}, environ...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// free is an address of this machine that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestAgent_IsLightAndSoonUp: an agent stands on tills and gates. It needs no root, little memory, and is up before its applications ask.
func TestAgent_IsLightAndSoonUp(t *testing.T) {
	program := built(t)
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	settings := filepath.Join(home, "settings.env")
	door := free(t)
	text := fmt.Sprintf("HOTPAIR_TERMINAL_ID=till-1\nHOTPAIR_TERMINAL_KEY=7c1d9e04b6f2a8537c1d9e04b6f2a853\nHOTPAIR_TERMINAL_LISTEN=%s\nHOTPAIR_TERMINAL_APPS=%s\nHOTPAIR_TERMINAL_HTTP=%s\n",
		free(t), free(t), door)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{program, "--data", filepath.Join(home, "data"), "--settings", settings}
	if one, err := exec.LookPath("taskset"); err == nil {
		args = append([]string{one, "--cpu-list", "0"}, args...)
	}
	c := exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Env = []string{"PATH=" + os.Getenv("PATH")}
	if os.Geteuid() == 0 {
		const nobody = 65534
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		c.Dir = "/"
		for _, path := range []string{home, settings} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		for dir := range parents(home, program) { // those of tests are root's alone
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	lines, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	var said bytes.Buffer
	log := bufio.NewScanner(lines)
	for up := false; !up; {
		if !log.Scan() {
			t.Fatalf("it has ended: %s", said.String())
		}
		said.WriteString(log.Text() + "\n")
		up = strings.Contains(log.Text(), "terminal agent ready")
	}
	ready, used := time.Since(began), processor(t, c.Process.Pid)
	go func() {
		for log.Scan() { // so that it is not held up
		}
	}()
	var answer *http.Response
	for end := time.Now().Add(patience); answer == nil; time.Sleep(time.Millisecond) { // its door for HTTP opens just behind
		if answer, err = http.Get("http://" + door + "/v1/status"); err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer answer.Body.Close()
	var is struct{ Terminal, Words string }
	if err := json.NewDecoder(answer.Body).Decode(&is); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	if is.Terminal != "till-1" || !strings.Contains(is.Words, "the agent has waited for one") {
		t.Errorf("it says %+v", is)
	}
	resident := memory(t, c.Process.Pid, "VmRSS")
	own := memory(t, c.Process.Pid, "RssAnon")
	t.Logf("measured: %s/%s program %.1f MB, ready after %v with %v of one processor, %.1f MB of its own, %.1f MB resident with its program", runtime.GOOS, runtime.GOARCH,
		float64(info.Size())/(1<<20), ready.Round(time.Millisecond), used, float64(own)/(1<<20), float64(resident)/(1<<20))
	if own > mostOwn || resident > mostResident {
		t.Errorf("an idle agent has %d bytes of its own, and %d with its program; %d and %d are the most", own, resident, mostOwn, mostResident)
	}
	if used > mostStart {
		t.Errorf("it took %v of a processor to start, and %v are the most", used, mostStart)
	}
	if info.Size() > mostSize {
		t.Errorf("the program has %d bytes, and %d are the most", info.Size(), mostSize)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("told to end: %v", err)
	}
}

// parents returns the directories of tests above paths.
func parents(paths ...string) map[string]bool {
	found := map[string]bool{}
	for _, path := range paths {
		for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()) && dir != "/" && dir != "."; dir = filepath.Dir(dir) {
			found[dir] = true
		}
	}
	return found
}

// processor is what a process has used so far.
func processor(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] { // of the program, and of the kernel for it
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is what a process has, in bytes.
func memory(t *testing.T, pid int, of string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, is := strings.CutPrefix(line, of+":"); is {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no %s of process %d", of, pid)
	return 0
}
