// Package broker has the embedded NATS servers: which users may connect, what each may publish and subscribe to, and
// how much.
package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
)

const (
	closedClients = 16
	// readyLook is long enough that the server's own look at whether it is ready sleeps in between: with a shorter one it
	// turns in a loop, which was two thirds of what an agent's start cost.
	readyLook = 100 * time.Millisecond
)

// ServerConfig describes one embedded NATS server.
type ServerConfig struct {
	Name string
	// Listen is host:port; port 0 picks a free one, empty serves connections of this process only.
	Listen string
	// Network that Listen is an address of. Nil: TCP, by the server's own listener.
	Network bus.Network
	Users   *Users
	// Accounts are made beside the global one; a Grant names one of them.
	Accounts []string
	// StoreDir turns JetStream on, with an fsync before each publish acknowledgement.
	StoreDir string
	// MaxPayload in bytes; 0 is the package's.
	MaxPayload int32
	// MaxConnections; 0 is the server's default.
	MaxConnections int
	// MaxPending in bytes for one client; 0 is the server's default.
	MaxPending int64
	// PingInterval with which the server looks for dead clients; 0 is the server's default.
	PingInterval time.Duration
	Logger       *slog.Logger
}

// Server is an embedded NATS server.
type Server struct {
	*server.Server
	config  ServerConfig
	options *server.Options
	log     *serverLog
	door    *door // with a Network
}

// NewServer checks the configuration. Nothing is opened until Start.
func NewServer(c ServerConfig) (*Server, error) {
	opts := &server.Options{
		ServerName: c.Name,
		NoSigs:     true,
		MaxPayload: bus.MaxPayload,
		MaxConn:    c.MaxConnections,
		MaxPending: c.MaxPending,
		// The default of two lets a frozen client hold megabytes for minutes; heartbeats are ours, so this is housekeeping.
		PingInterval:          c.PingInterval,
		JetStream:             c.StoreDir != "",
		StoreDir:              c.StoreDir,
		SyncAlways:            true,
		DisableShortFirstPing: true,
		JetStreamMaxMemory:    16 << 20,
		JetStreamMaxStore:     1 << 40,
		// Nobody asks about connections that have ended; the default keeps room for ten thousand, 80 KB in each server.
		MaxClosedClients: closedClients,
	}
	if c.MaxPayload != 0 {
		opts.MaxPayload = c.MaxPayload
	}
	if opts.MaxPending == 0 {
		opts.MaxPending = 64 << 20
	}
	if c.Listen == "" {
		opts.DontListen = true
	} else {
		host, port, err := net.SplitHostPort(c.Listen)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %v", bus.ErrAddress, c.Listen, err)
		}
		number, err := strconv.Atoi(port)
		if err != nil || number < 0 || number > 65535 {
			return nil, fmt.Errorf("%w: port of %q", bus.ErrAddress, c.Listen)
		}
		opts.Host, opts.Port = host, number
		if number == 0 {
			opts.Port = server.RANDOM_PORT
		}
		opts.DontListen = c.Network != nil
	}
	if c.Users != nil {
		opts.CustomClientAuthentication = c.Users
	}
	for _, name := range c.Accounts {
		opts.Accounts = append(opts.Accounts, server.NewAccount(name))
	}
	s := &Server{config: c, options: opts}
	if err := s.renew(); err != nil {
		return nil, err
	}
	return s, nil
}

// renew makes the server to start: a server that could not listen can't be started again.
func (s *Server) renew() error {
	srv, err := server.NewServer(s.options.Clone())
	if err != nil {
		return fmt.Errorf("server %s: %w", s.config.Name, err)
	}
	s.Server, s.log = srv, &serverLog{logger: s.config.Logger, fatal: make(chan struct{})}
	srv.SetLoggerV2(s.log, false, false, false)
	if users := s.config.Users; users != nil {
		users.mu.Lock()
		users.server = srv
		users.mu.Unlock()
	}
	return nil
}

// Start opens the server and returns when it accepts connections. The error is ErrListen when its port is not available
// (bus.OpenPort).
func (s *Server) Start(ctx context.Context) error {
	again := false
	return bus.OpenPort(ctx, func() error {
		if again {
			if err := s.renew(); err != nil {
				return err
			}
		}
		again = true
		return s.open(ctx)
	})
}

func (s *Server) open(ctx context.Context) error {
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.Server.Start() // returns when it listens, or has called something fatal
	}()
	for ready := false; !ready; {
		select {
		case <-s.log.fatal:
			s.Stop()
			return fmt.Errorf("%w on %s: %w", bus.ErrListen, s.config.Listen, s.log.reason())
		case <-ctx.Done():
			s.Stop()
			return fmt.Errorf("server %s: %w", s.config.Name, ctx.Err())
		case <-started:
			ready = s.ReadyForConnections(readyLook)
		}
	}
	return s.openDoor(ctx)
}

// openDoor listens in a Network that the server itself knows nothing of.
func (s *Server) openDoor(ctx context.Context) error {
	if s.config.Network == nil || s.config.Listen == "" {
		return nil
	}
	listener, err := s.config.Network.Listen(ctx, s.config.Listen)
	if err != nil {
		s.Stop()
		return fmt.Errorf("%w on %s: %w", bus.ErrListen, s.config.Listen, err)
	}
	s.door = newDoor(listener, s.Server.InProcessConn)
	return nil
}

// InProcessConn is how connections of this process come in (nats.InProcessConnProvider): directly, or through the
// Network when there is one, so that they share the fate of the server's port; but not through a Guarded one, which
// treats them as strangers.
func (s *Server) InProcessConn() (net.Conn, error) {
	if _, guarded := s.config.Network.(interface{ Guarded() }); guarded || s.door == nil {
		return s.Server.InProcessConn()
	}
	return s.config.Network.Dial(context.Background(), s.Address())
}

// Stop closes the server and its connections and waits until it has ended. It may be called repeatedly.
func (s *Server) Stop() {
	if s.door != nil {
		s.door.shut()
	}
	s.Shutdown()
	s.WaitForShutdown()
	if s.door != nil {
		s.door.close()
	}
}

// Address is the host:port that the server listens on; empty when it serves this process only.
func (s *Server) Address() string {
	if s.door != nil {
		return s.door.listener.Addr().String()
	}
	if a := s.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// URL is the address in the form that NATS clients take.
func (s *Server) URL() string { return "nats://" + s.Address() }

// serverLog passes the server's complaints on and remembers what it calls fatal: the server reports a port in use only there.
type serverLog struct {
	logger *slog.Logger
	once   sync.Once
	fatal  chan struct{}
	mu     sync.Mutex
	why    string
}

func (l *serverLog) reason() fatal { l.mu.Lock(); defer l.mu.Unlock(); return fatal(l.why) }

// fatal is what a server calls fatal, in its words.
type fatal string

func (f fatal) Error() string { return string(f) }

// Is finds in the words that a port is in use.
func (f fatal) Is(target error) bool {
	return target == syscall.EADDRINUSE && strings.Contains(string(f), syscall.EADDRINUSE.Error())
}

func (l *serverLog) log(level slog.Level, format string, v ...any) {
	if l.logger != nil {
		// The text names connections: as a message each would be a kind of its own, and logs are bounded by kinds.
		l.logger.Log(context.Background(), level, "nats server", "component", "nats", "says", fmt.Sprintf(format, v...))
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v...) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log(slog.LevelDebug, format, v...) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log(slog.LevelInfo, format, v...) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	l.why = fmt.Sprintf(format, v...)
	l.mu.Unlock()
	l.once.Do(func() { close(l.fatal) })
}
