package stand

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
)

// How a program does not come to serve.
var (
	// ErrNotStarted says that the process could not be started.
	ErrNotStarted = errors.New("can't be started")
	// ErrEnded says that the program ended before it was ready.
	ErrEnded = errors.New("ended before it answered a ping")
	// ErrSilent says that the program did not become ready.
	ErrSilent = errors.New("did not answer a ping")
)

const (
	// mostLines bounds the recorded output, in lines; longestLine each line, in bytes.
	mostLines   = 20
	longestLine = 300
	// pingFirst and pingLast are the pace of pings to a program that was just started.
	pingFirst = 2 * time.Millisecond
	pingLast  = 50 * time.Millisecond
	pingFor   = time.Second
)

// Program is one run of the program.
type Program struct {
	child *process.Child
	lines *lines
}

// Start starts the program like main and returns when it is ready: it answers a ping. Errors: ErrNotStarted, ErrEnded,
// ErrSilent, each with the program's output, or the context's.
func (s *Stand) Start(ctx context.Context) (*Program, error) {
	p, err := s.Launch()
	if err != nil {
		return nil, err
	}
	return p, s.AwaitReady(ctx, p)
}

// Launch starts the program without waiting until it is ready.
func (s *Stand) Launch() (*Program, error) {
	name := bus.ProcessBusiness + "." + s.options.Service
	password := s.plan.Password(name)
	s.users.Allow(name, broker.Grant{Password: password, Permissions: broker.Permissions(name)})
	host := config.Host{Name: config.Name{Host: hostName}, Pace: config.Pace{Lease: lease}, Log: config.Log{LogLevel: slog.LevelInfo, LogFormat: "text"}}
	at := config.Bus{BusURL: s.bus.URL(), BusUser: name, BusPassword: config.Secret(password), BusInbox: bus.InboxPrefix(name)}
	p := &Program{lines: &lines{}}
	child, err := process.Start(process.Spec{
		Name: name, Path: s.options.Command[0], Args: s.options.Command[1:], Environ: config.ForBusiness(s.options.Environ, host, at, s.plan.Routes()),
		Group: true, Logger: slog.New(p.lines),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	p.child = child
	s.mu.Lock()
	s.program = p
	s.mu.Unlock()
	return p, nil
}

// AwaitReady waits until the program answers a ping. Errors: ErrEnded, ErrSilent, the context's.
func (s *Stand) AwaitReady(ctx context.Context, p *Program) error {
	limit, cancel := context.WithTimeout(ctx, s.options.Ready)
	defer cancel()
	for again := pingFirst; ; again = min(2*again, pingLast) {
		err := s.Ping(limit)
		if err == nil {
			return nil
		}
		select {
		case <-p.Ended():
			return fmt.Errorf("%w: it %s%s%s", ErrEnded, p.Exit(), s.otherwise(), p.Said())
		default:
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if limit.Err() != nil || pace.Rest(limit, again) != nil {
			return fmt.Errorf("%w on $SRV.PING.%s within %s%s%s", ErrSilent, s.options.Service, s.options.Ready, s.otherwise(), p.Said())
		}
	}
}

// otherwise describes what the program did instead.
func (s *Stand) otherwise() string {
	if name := s.Announced(); name != "" && name != s.options.Service {
		return fmt.Sprintf("; it announces another name, %q: %s, or give --name", name, "a program must serve under its name in HOTPAIR_BUSINESS")
	}
	if list := s.Refusals(); len(list) > 0 {
		return "; the host refuses its message: it " + Readable(list[0])
	}
	return ""
}

// Ping pings the program, like main.
func (s *Stand) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingFor)
	defer cancel()
	return s.plan.Ping(ctx, nil, s.options.Service)
}

// Program is the last run, nil if there was none.
func (s *Stand) Program() *Program {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.program
}

// Ended is closed when the program has ended.
func (p *Program) Ended() <-chan struct{} { return p.child.Done() }

// Running reports whether it has not ended.
func (p *Program) Running() bool {
	select {
	case <-p.child.Done():
		return false
	default:
		return true
	}
}

// Exit says how it ended, once it has.
func (p *Program) Exit() process.Exit { return p.child.Wait() }

// Kill kills it and its child processes.
func (p *Program) Kill() {
	_ = syscall.Kill(-p.child.PID(), syscall.SIGKILL) // a process that has already ended is not an error
	p.child.Wait()
	p.child.Close()
}

// Terminate asks it to end, like a host that stops.
func (p *Program) Terminate() error { return p.child.Signal(syscall.SIGTERM) }

// Said is the end of its output, as the end of a sentence; "" if there is none.
func (p *Program) Said() string {
	all := p.lines.last()
	if len(all) == 0 {
		return ""
	}
	return "; it said: " + strings.Join(all, " | ")
}

// lines keeps the end of what a program prints (slog.Handler).
type lines struct {
	mu  sync.Mutex
	all []string
}

// Enabled implements slog.Handler.
func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, strings.ToValidUTF8(r.Message[:min(len(r.Message), longestLine)], "?"))
	l.all = l.all[max(0, len(l.all)-mostLines):]
	return nil
}

// WithAttrs implements slog.Handler.
func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *lines) WithGroup(string) slog.Handler { return l }

func (l *lines) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const shown = 5
	return append([]string(nil), l.all[max(0, len(l.all)-shown):]...)
}

// Discover starts the program under a foreign name and returns the one that it announces. Errors as those of Start.
func (s *Stand) Discover(ctx context.Context) (string, error) {
	p, err := s.Launch()
	if err != nil {
		return "", err
	}
	defer p.Kill()
	limit, cancel := context.WithTimeout(ctx, s.options.Ready)
	defer cancel()
	for again := pingFirst; ; again = min(2*again, pingLast) {
		if name := s.Announced(); name != "" {
			return name, nil
		}
		if s.Ping(limit) == nil {
			return s.options.Service, nil // it uses the name in its environment
		}
		select {
		case <-p.Ended():
			if name := s.Announced(); name != "" {
				return name, nil
			}
			return "", fmt.Errorf("%w: it %s%s", ErrEnded, p.Exit(), p.Said())
		default:
		}
		if pace.Rest(limit, again) != nil {
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			return "", fmt.Errorf("%w: it announces no service within %s%s", ErrSilent, s.options.Ready, p.Said())
		}
	}
}
