package systemd_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/systemd"
	"github.com/hotpair/hotpair/services/systemd/systemdtest"
)

// open opens the unit of an environment.
func open(environ map[string]string) *systemd.Unit {
	return systemd.Open(func(name string) string { return environ[name] }, slog.New(slog.DiscardHandler))
}

func TestUnit_TellsOneThingAfterTheOther(t *testing.T) {
	socket := systemdtest.Listen(t)
	u := open(map[string]string{"NOTIFY_SOCKET": socket.Path})
	u.Status("starting\nup\x1b[2J ")
	socket.Await(t, "STATUS=starting up [2J")
	u.Ready()
	socket.Await(t, "READY=1")
	u.Ready()
	u.Status("works")
	socket.Await(t, "STATUS=works")
	for range 3 {
		u.Reloading()
		u.Reloaded("all well")
	}
	// The clock tells the beginning of this one from those before, which may not be told yet.
	before := microsecond(t)
	processtest.Await(t, "the next microsecond", func() bool { return microsecond(t) > before })
	u.Reloading()
	n := 0
	for begun := int64(0); begun <= before; {
		n = socket.AwaitAfter(t, n, "MONOTONIC_USEC=")
		begun, _ = strconv.ParseInt(strings.TrimPrefix(socket.Lines()[n-1], "MONOTONIC_USEC="), 10, 64)
	}
	u.Reloaded("all well")
	n = socket.AwaitAfter(t, n, "READY=1")
	socket.Await(t, "STATUS=works; files read again at ")
	u.Stopping("handing over")
	u.Close()
	n = socket.AwaitAfter(t, n, "STOPPING=1")
	socket.AwaitAfter(t, n, "STATUS=handing over")
	// systemd takes each end of a reload for one, and each beginning: none is left open, and ready it was once.
	if begun, ready := socket.Count("RELOADING=1"), socket.Count("READY=1"); begun < 1 || ready != begun+1 {
		t.Errorf("%d reloads begun, and ready %d times: %q", begun, ready, socket.Lines())
	}
}

// microsecond is the time in the clock in which systemd is told when a reload began.
func microsecond(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

// A systemd that does not read holds nobody up, and hears how things are once it reads, not how they were.
func TestUnit_NobodyReads(t *testing.T) {
	socket := systemdtest.Deaf(t)
	u := open(map[string]string{"NOTIFY_SOCKET": socket.Path})
	const many = 100_000
	for i := range many {
		u.Status("status " + strconv.Itoa(i))
		if i == many/2 {
			time.Sleep(20 * time.Millisecond) // not a condition: it may say what it has said so far
		}
	}
	u.Ready()
	go socket.Read()
	socket.Await(t, "READY=1")
	socket.Await(t, "STATUS=status "+strconv.Itoa(many-1))
	if n := len(socket.Lines()); n > many/2 || socket.Count("READY=1") != 1 {
		t.Errorf("%d lines, ready %d times", n, socket.Count("READY=1"))
	}
	u.Close()

	deaf := systemdtest.Deaf(t)
	u = open(map[string]string{"NOTIFY_SOCKET": deaf.Path})
	full(u)
	u.Stopping("ending")
	began := time.Now()
	u.Close()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the end waits for who does not read: %v", took)
	}
}

// full has a unit say more than a socket holds that nobody reads.
func full(u *systemd.Unit) {
	for i := range 2000 {
		u.Status(strings.Repeat("x", 400) + strconv.Itoa(i))
		time.Sleep(50 * time.Microsecond) // each shall have a chance
	}
}

// A socket that is gone is tried again: systemd starts anew.
func TestUnit_TheSocketIsGone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "socket")
	u := open(map[string]string{"NOTIFY_SOCKET": name})
	defer u.Close()
	u.Status("before there is a socket")
	u.Ready()
	socket := systemdtest.At(t, name)
	go socket.Read()
	socket.Await(t, "READY=1")
	socket.Close()
	_ = os.Remove(name)
	u.Status("while there is none")
	u.Status("and later")
	again := systemdtest.At(t, name)
	go again.Read()
	again.Await(t, "STATUS=and later")
	if again.Count("READY=1") != 0 {
		t.Error("ready a second time")
	}
}

func TestUnit_AbstractSocket(t *testing.T) {
	socket := systemdtest.At(t, fmt.Sprintf("@hotpair-test-%d", os.Getpid()))
	go socket.Read()
	u := open(map[string]string{"NOTIFY_SOCKET": socket.Path})
	defer u.Close()
	u.Ready()
	socket.Await(t, "READY=1")
}

// Nobody is told: everything does nothing.
func TestUnit_WithoutSystemd(t *testing.T) {
	for _, name := range []string{"", "relative/name", "vsock:2:9999", "/" + strings.Repeat("x", 200)} {
		u := open(map[string]string{"NOTIFY_SOCKET": name})
		if u != nil {
			t.Errorf("a unit of %q", name)
		}
		u.Status("status")
		u.Ready()
		u.Alive()
		u.Reloading()
		u.Reloaded("well")
		u.Stopping("ending")
		u.Close()
	}
}

// What is systemd's own word to a process stays with it.
func TestOpen_LeavesNothingInTheEnvironment(t *testing.T) {
	socket := systemdtest.Listen(t)
	for name, value := range map[string]string{"NOTIFY_SOCKET": socket.Path, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())} {
		t.Setenv(name, value)
	}
	defer systemd.Open(os.Getenv, slog.New(slog.DiscardHandler)).Close()
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "NOTIFY_") || strings.HasPrefix(entry, "WATCHDOG_") {
			t.Error(entry)
		}
	}
}

// A sign of life is passed on when there was one, and only to a systemd that waits for it.
func TestUnit_SignsOfLife(t *testing.T) {
	socket := systemdtest.Listen(t)
	u := open(map[string]string{"NOTIFY_SOCKET": socket.Path, "WATCHDOG_USEC": "40000"})
	u.Ready()
	socket.Await(t, "READY=1")
	socket.Quiet(t, "WATCHDOG=1", 100*time.Millisecond)
	for n := 1; n <= 3; n++ {
		processtest.Await(t, "a sign of life", func() bool { u.Alive(); return socket.Count("WATCHDOG=1") >= n })
	}
	u.Close()
	for _, environ := range []map[string]string{{"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "-5"}, {"WATCHDOG_USEC": "40000", "WATCHDOG_PID": "1"}} {
		socket := systemdtest.Listen(t)
		environ["NOTIFY_SOCKET"] = socket.Path
		u := open(environ)
		for range 10 {
			u.Alive()
		}
		u.Ready()
		u.Close()
		socket.Await(t, "READY=1")
		if socket.Count("WATCHDOG=1") > 0 {
			t.Errorf("a sign of life with %v", environ)
		}
	}
}

// A long watchdog gets few signs, however often a loop turns.
func TestUnit_SignsAreFew(t *testing.T) {
	socket := systemdtest.Listen(t)
	u := open(map[string]string{"NOTIFY_SOCKET": socket.Path, "WATCHDOG_USEC": "600000000"})
	for range 1000 {
		u.Alive()
	}
	u.Close()
	socket.Await(t, "WATCHDOG=1")
	if n := socket.Count("WATCHDOG=1"); n != 1 {
		t.Errorf("%d signs", n)
	}
}

func TestUnit_During(t *testing.T) {
	socket := systemdtest.Listen(t)
	u := open(map[string]string{"NOTIFY_SOCKET": socket.Path, "WATCHDOG_USEC": "4000000"})
	defer u.Close()
	up, end := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- u.During(ctx, func(ctx context.Context) error { <-end; return nil }, systemd.Service{
			Up: up, Says: func() string { return "serves" }, Lives: func() bool { return true },
			Reread: func() string { return "all well" }, Log: slog.New(slog.DiscardHandler),
		})
	}()
	socket.Quiet(t, "READY=1", 50*time.Millisecond)
	close(up)
	socket.Await(t, "READY=1")
	socket.Await(t, "WATCHDOG=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	socket.Await(t, "RELOADING=1")
	socket.Await(t, "STATUS=serves; files read again at ")
	cancel()
	socket.Await(t, "STOPPING=1")
	close(end)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !slices.Contains(socket.Lines(), "STATUS=ending") {
		t.Errorf("%q", socket.Lines())
	}
}
