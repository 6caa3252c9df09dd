package e2e_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pipeLog makes the log of a tree a pipe with a name, and reads what comes until it is told to stop. Then it fills it.
func pipeLog(t *testing.T, path string) (full func()) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	pipe := os.NewFile(uintptr(fd), path)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for buffer := make([]byte, 64<<10); ; {
			if _, err := pipe.Read(buffer); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = pipe.Close()
		<-read
	})
	return func() {
		if err := pipe.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		<-read
		for {
			if _, err := unix.Write(fd, []byte("full\n")); err != nil {
				return
			}
		}
	}
}

// TestFault_B1_NobodyReadsTheLogs: when nobody read what a host logged, it hung in the next line: killed processes were not
// started again, a frozen main was not noticed, and nobody took over. The logs of both hosts and of the witness are full
// pipes here, and all of it happens as quickly as else.
func TestFault_B1_NobodyReadsTheLogs(t *testing.T) {
	c := startCluster(t, []string{"--terminals", "3"}, "HOTPAIR_LEASE=1s", "HOTPAIR_LOG_LEVEL=debug")
	t.Cleanup(func() { // who looks at the logs of a failure must not wait for a pipe
		pipes, _ := filepath.Glob(filepath.Join(c.Dir, "*.log"))
		for _, path := range pipes {
			_ = os.Remove(path)
		}
	})
	c.awaitPaired()
	var fill []func()
	for tree, log := range map[string]string{"a": "host-a.log", "b": "host-b.log", "witness": "witness.log"} {
		c.Send("kill", tree)
		if err := os.Remove(filepath.Join(c.Dir, log)); err != nil {
			t.Fatal(err)
		}
		fill = append(fill, pipeLog(t, filepath.Join(c.Dir, log)))
	}
	for _, tree := range []string{"witness", "a", "b"} {
		c.Send("start", tree)
	}
	w := c.startWork(100)
	c.awaitPaired()
	for _, f := range fill {
		f()
	}
	host, before := c.mustActive()
	c.killProcess(t, host, "business.kv")

	mains := childrenOf(t, c.File().Hosts[host].PGID)
	froze := time.Now()
	if err := syscall.Kill(mains[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.awaitTakeover(before)
	if took := time.Since(froze); took > 10*time.Second {
		t.Errorf("a frozen main was replaced after %s", took)
	}
	c.awaitPaired()
	c.switchover(t)

	host, before = c.mustActive()
	killed := c.Send("kill", host)
	c.awaitTakeover(before)
	took := time.Since(killed)
	t.Logf("measured: takeover %s after the kill", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("a killed host was replaced after %s", took)
	}
	w.finish()
}
