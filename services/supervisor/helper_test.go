package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/systemd"
)

// The test binary is also every process that the tests start: it plays the part that follows the argument "part".
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "part" {
		if err := play(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, os.Args[2], err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play acts one part. Each process notes itself as "part pid" in the file notes of the data directory.
func play(part string, args []string) error {
	if part == "burn" {
		for time.Now().Unix() > 0 {
		}
		return nil
	}
	environ, err := process.Environ()
	if err != nil {
		return err
	}
	host, err := config.Load[config.Host](environ)
	if err != nil {
		return err
	}
	inherited, err := process.Inherit(os.Environ())
	if err != nil {
		return err
	}
	note := func(name string, pid int) error {
		file, err := os.OpenFile(filepath.Join(host.Data, "notes"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = fmt.Fprintf(file, "%s %d\n", name, pid)
		return err
	}
	below := func(part string) error {
		_, err := process.Start(process.Spec{Name: part, Args: []string{"part", part}, Environ: environ, LifelineFD: inherited.LifelineFD})
		return err
	}
	began, deaf := time.Now(), signal.Ignored(syscall.SIGHUP)
	ctx, stop := process.Context(context.Background())
	defer stop()
	process.Outlive()
	beat := func() error {
		beater, err := NewBeater(inherited)
		if err != nil {
			return err
		}
		if part == "main-mute" {
			return beater.Run(ctx, host.Lease, Watched{Alive: func() bool { return true }})
		}
		return beater.Run(ctx, host.Lease, Watched{
			Alive:  func() bool { return part != "main-undecided" || time.Since(began) < host.Lease },
			Says:   func() string { return fmt.Sprintf("main %d speaks", os.Getpid()) },
			Reread: func() string { return fmt.Sprintf("main %d has read its files", os.Getpid()) },
		})
	}

	switch part {
	case "supervisor":
		logger := host.Logger(os.Stderr, host.Host, "supervisor")
		unit := systemd.Open(os.Getenv, logger)
		defer unit.Close()
		return (&Supervisor{Host: host, Environ: os.Environ(), Args: append([]string{"part"}, args...), Logger: logger, Grace: 10 * time.Second, Unit: unit}).Run(ctx)

	case "main-messy":
		// Programs that crash and leave children: the shells end at once, their sleeps a moment later.
		for range 5 {
			if err := exec.Command("/bin/sh", "-c", "sleep 0.05 & ").Run(); err != nil {
				return err
			}
		}
		if err := note("main", os.Getpid()); err != nil {
			return err
		}
		return beat()

	case "main", "main-spare", "main-careless", "main-escaped", "main-stubborn", "main-undecided", "main-chatty", "main-mute":
		if !deaf { // as everything below it would be that knows nothing of SIGHUP
			if err := note("met-hangup", os.Getpid()); err != nil {
				return err
			}
		}
		if os.Getenv("NOTIFY_SOCKET")+os.Getenv("WATCHDOG_USEC") != "" { // they are the supervisor's alone
			if err := note("met-systemd", os.Getpid()); err != nil {
				return err
			}
		}
		// The rule: a process never meets its older self, nor anything that it started.
		for name, pids := range notes(host.Data) {
			for _, pid := range pids {
				if alive(pid) {
					if err := note("met-"+name, pid); err != nil {
						return err
					}
				}
			}
		}
		switch part {
		case "main":
			err = below("child")
		case "main-spare":
			err = below("spare")
		case "main-mute":
		case "main-chatty", "main-undecided": // more than anybody reads, and as often as beats
			beater, failure := NewBeater(inherited)
			if err = failure; err == nil {
				go func() {
					var err error
					for n := 0; err == nil; n++ {
						text := strings.Repeat("x", 300) + strconv.Itoa(n)
						if part == "main-undecided" {
							text = fmt.Sprintf("main %d speaks", os.Getpid())
						}
						err = beater.say(status, text)
						time.Sleep(time.Millisecond)
					}
				}()
			}
		case "main-stubborn":
			signal.Ignore(syscall.SIGTERM)
		default:
			daemon := exec.Command("/bin/sleep", "600")
			daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if part == "main-escaped" {
				unix.CloseOnExec(inherited.LifelineFD)
			}
			if err = daemon.Start(); err == nil {
				err = note("daemon", daemon.Process.Pid)
			}
		}
		if err != nil {
			return err
		}
		if err := note("main", os.Getpid()); err != nil {
			return err
		}
		return beat()

	case "main-crash":
		if err := note("main", os.Getpid()); err != nil {
			return err
		}
		os.Exit(7)

	case "child":
		if err := below("grandchild"); err != nil {
			return err
		}
		err = note("child", os.Getpid())
	case "spare":
		if err := process.Expendable(os.Environ()); err != nil {
			return err
		}
		if err := note("spare", os.Getpid()); err != nil {
			return err
		}
		_, err := os.Stat(os.Getenv("HOTPAIR_BACKUP_TO"))
		return err
	case "grandchild":
		err = note("grandchild", os.Getpid())
	}
	if err != nil {
		return err
	}
	for { // a select without cases is a deadlock to the runtime where nothing else waits
		time.Sleep(time.Hour)
	}
}

// notes reads who noted itself, by part, in the order of time.
func notes(dir string) map[string][]int {
	text, err := os.ReadFile(filepath.Join(dir, "notes"))
	if err != nil {
		return nil
	}
	found := map[string][]int{}
	for line := range strings.Lines(string(text)) {
		name, number, whole := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if pid, err := strconv.Atoi(number); whole && err == nil && strings.HasSuffix(line, "\n") {
			found[name] = append(found[name], pid)
		}
	}
	return found
}

// alive tells whether a process exists and is no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	i := strings.LastIndexByte(string(text), ')')
	return !strings.ContainsAny(string(text[i+2:i+3]), "ZX")
}

// staged is a supervisor that runs with its main.
type staged struct {
	*process.Child
	dir string
}

func stage(t testing.TB, part string) *staged {
	t.Helper()
	return stageWith(t, part, 250*time.Millisecond)
}

// stageWith is stage with a lease, and with more variables.
func stageWith(t testing.TB, part string, lease time.Duration, more ...string) *staged {
	t.Helper()
	dir := t.TempDir()
	host := config.Host{
		Name: config.Name{Host: "a"}, Storage: config.Storage{Data: dir},
		BusPort: 7701, Link: "127.0.0.1:7702", Replication: "127.0.0.1:7703", PeerLink: "127.0.0.1:8702", PeerReplication: "127.0.0.1:8703",
		Witness: "127.0.0.1:7705", PairKey: config.PairKey{PairSecret: "0123456789abcdef"}, Console: config.Console{HTTP: "127.0.0.1:7704"},
		Pace: config.Pace{Lease: lease}, Patience: config.Patience{StandbyPatience: time.Second},
		Bounds:   config.Bounds{HistoryMaxUpdates: 1000, HistoryMaxAge: time.Hour, HistoryMaxBytes: 1 << 30, Retention: time.Hour, JournalMaxBytes: 256 << 20, EventsMax: 1000},
		Deferral: config.Deferral{TimerTries: 20},
		Hooks:    config.Hooks{AlarmTimeout: 30 * time.Second},
		Log:      config.Log{LogFormat: config.LogText},
	}
	child, err := process.Start(process.Spec{
		Name: "supervisor", Args: []string{"part", "supervisor", part},
		Environ: append(config.ForHost(os.Environ(), host), more...),
		Logger:  slog.New(slog.NewTextHandler(testLog{t}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Kill()
		child.Close()
		for _, pids := range notes(dir) {
			for _, pid := range pids {
				processtest.Await(t, "end of "+strconv.Itoa(pid), func() bool { return !alive(pid) })
			}
		}
	})
	return &staged{child, dir}
}

// awaitNotes awaits the nth note of each part and gives its process id.
func (s *staged) awaitNotes(t testing.TB, n int, parts ...string) []int {
	t.Helper()
	var pids []int
	for _, part := range parts {
		processtest.Await(t, fmt.Sprintf("%s number %d", part, n), func() bool { return len(notes(s.dir)[part]) >= n })
		pids = append(pids, notes(s.dir)[part][n-1])
	}
	return pids
}

// assertNobodyMet checks the rule that each main checked at its start.
func (s *staged) assertNobodyMet(t testing.TB) {
	t.Helper()
	for name, pids := range notes(s.dir) {
		if strings.HasPrefix(name, "met-") {
			t.Errorf("a new main met %s %v", strings.TrimPrefix(name, "met-"), pids)
		}
	}
}

type testLog struct{ testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.Logf("%s", strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}
