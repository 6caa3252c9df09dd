package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// asHotpair makes the test binary the product.
const asHotpair = "TEST_AS_HOTPAIR"

func TestMain(m *testing.M) {
	if os.Getenv(asHotpair) != "" {
		_ = os.Unsetenv(asHotpair)
		main()
	}
	os.Exit(m.Run())
}

// begin starts a command of the product with standard output and error as given.
func begin(t *testing.T, out *os.File, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(environ, asHotpair+"=1", "PATH="+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// fullPipe is a pipe that holds what it can and that nobody reads.
func fullPipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	fds := make([]int, 2)
	if err := unix.Pipe2(fds, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	read, write = os.NewFile(uintptr(fds[0]), "read"), os.NewFile(uintptr(fds[1]), "write")
	t.Cleanup(func() { _ = read.Close(); _ = write.Close() })
	if err := unix.SetNonblock(fds[1], true); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := unix.Write(fds[1], []byte("full\n")); err != nil {
			break
		}
	}
	if err := unix.SetNonblock(fds[1], false); err != nil {
		t.Fatal(err)
	}
	return read, write
}

func agentEnviron(t *testing.T, address string) []string {
	return []string{"HOTPAIR_TERMINAL_ID=t1", "HOTPAIR_TERMINAL_LISTEN=" + processtest.Address(t), "HOTPAIR_TERMINAL_APPS=" + address, "HOTPAIR_TERMINAL_KEY=" + config.TerminalKey("a secret of this test alone", "t1"), "HOTPAIR_DATA=" + t.TempDir()}
}

// serves reports whether an application is let in at an agent, with a round trip.
func serves(address string) bool {
	conn, err := nats.Connect("nats://"+address, nats.Timeout(time.Second))
	if err != nil {
		return false
	}
	defer conn.Close()
	return conn.FlushTimeout(time.Second) == nil
}

// TestFault_B1_AgentServesBesideALogThatNobodyReads: an agent whose standard error was a full pipe hung in its first line
// and let no application in. It serves, and says afterwards how much of its log was lost.
func TestFault_B1_AgentServesBesideALogThatNobodyReads(t *testing.T) {
	read, write := fullPipe(t)
	address := processtest.Address(t)
	cmd := begin(t, write, append(agentEnviron(t, address), "HOTPAIR_LOG_LEVEL=debug"), "terminal")
	processtest.Await(t, "agent that lets an application in", func() bool { return serves(address) })
	// Its end waits for nobody either.
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	_ = write.Close()
	if text, err := io.ReadAll(read); err != nil || strings.Trim(string(text), "ful\n") != "" {
		t.Errorf("%v, %q", err, text)
	}
}

// TestFault_B2_LivesOnWithoutItsLog: a log forwarder that ended took the process with it by SIGPIPE, and a terminal that
// was closed by SIGHUP: a host went without a hand-over. Both cost the log and nothing else.
func TestFault_B2_LivesOnWithoutItsLog(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	address := processtest.Address(t)
	cmd := begin(t, write, append(agentEnviron(t, address), "HOTPAIR_LOG_LEVEL=debug"), "terminal")
	_ = write.Close()
	processtest.Await(t, "agent that lets an application in", func() bool { return serves(address) })
	_ = read.Close() // the forwarder ends; from here on each line is a broken pipe
	for range 3 {
		if !serves(address) {
			t.Fatal("the agent ended with the reader of its log")
		}
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("not a clean end: %v", err)
	}
}

// TestFault_B1_APanicEndsBesideAPipeThatNobodyReads: the runtime writes why it panics with everything else standing still, and a full pipe
// held it there: a process neither alive nor dead. SIGQUIT makes it write the same way.
func TestFault_B1_APanicEndsBesideAPipeThatNobodyReads(t *testing.T) {
	_, write := fullPipe(t)
	address := processtest.Address(t)
	cmd := begin(t, write, agentEnviron(t, address), "terminal")
	processtest.Await(t, "agent that lets an application in", func() bool { return serves(address) })
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("ended with %v, want the exit code of a crash", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it hangs in its last words")
	}
}

// TestFault_B2_CommandsEndWithTheirReader: what prints and is read by "head" ends quietly by SIGPIPE, as programs do.
func TestFault_B2_CommandsEndWithTheirReader(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	cmd := begin(t, write, nil, "help", "env")
	_ = write.Close()
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGPIPE {
		t.Errorf("ended with %v, want SIGPIPE", err)
	}
}
