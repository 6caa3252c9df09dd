package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
)

// Config describes a Server.
type Config struct {
	Listen string // host:port of this machine alone; port 0 takes a free one
	// Network that Listen is of; nil is TCP.
	Network bus.Network
	Agent   Agent
	Queue   Queue
	// Files is the folder of a kiosk; "": the agent's own page is shown.
	Files string
	// Origins of other pages that are allowed, in the browsers' form: https://till.example
	Origins []string
	// Token is required of all requests under /v1/; "": none is.
	Token string
	Log   *slog.Logger
}

const (
	// maxHead bounds the head of a call, in bytes.
	maxHead = 32 << 10
	// listenEvery is how often a port is tried that can't be had, sayEvery how often that is logged, in tries.
	listenEvery = time.Second
	sayEvery    = 60
	// stopWithin is how long calls under way may take when the server stops.
	stopWithin = time.Second
)

// bounds of time.
type bounds struct {
	head, body, idle time.Duration // how long the head of a call, its body, and the next call may take
	write            time.Duration // how long a reader may take to take in an answer
	file             time.Duration // and a file
	drain            time.Duration // how long what is refused is read all the same
	beat             time.Duration // how often something is sent to who hears nothing else, so that both sides notice when the other has gone
}

func defaults() bounds {
	return bounds{head: 5 * time.Second, body: 10 * time.Second, idle: time.Minute, write: 10 * time.Second, file: 2 * time.Minute, drain: 2 * time.Second, beat: 15 * time.Second}
}

// Server is the HTTP server of an agent.
type Server struct {
	config  Config
	log     *slog.Logger
	within  bounds
	conns   *connections
	bodies  budget
	answers unread
	streams atomic.Int64
	refused complaints // at the door
	slow    complaints // who does not read
	crowded complaints // connections that were too many
	files   http.Handler

	ready   chan struct{}
	stop    chan struct{} // closed when it stops
	mu      sync.Mutex
	address string
	why     error // why the port can't be had
}

// ErrFiles says that the folder of a kiosk can't be used, ErrNotLocal that the address is not local.
var (
	ErrFiles    = errors.New("the kiosk's files can't be used")
	ErrNotLocal = errors.New("only applications on this machine are allowed")
)

// New returns a server. Nothing is opened until Run.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, log: c.Log, within: defaults(), ready: make(chan struct{}), stop: make(chan struct{})}
	s.conns = newConnections(maxConnections, func() {
		s.crowded.say(s.log, "too many HTTP connections are open; the idle ones are closed", "most", maxConnections)
	})
	s.bodies.free, s.answers.most = bodyBytes, unreadBytes
	return s
}

// Ready is closed when the server listens; then Address is known.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Address is the host:port of the listener, "" before Ready.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Trouble returns why the server is not available; nil if it is.
func (s *Server) Trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// Run serves until ctx ends, which returns nil. While the port can't be opened it is tried again: NATS applications
// are served meanwhile. Errors: ErrFiles, ErrNotLocal. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.openFiles(); err != nil {
		return err
	}
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if listener == nil {
		return nil // it ends
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: s.within.head, IdleTimeout: s.within.idle, MaxHeaderBytes: maxHead,
		ConnState: s.conns.state, ConnContext: s.conns.with,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	s.log.Info("listening for applications over HTTP", "address", s.Address())
	select {
	case err = <-served:
	case <-ctx.Done():
		close(s.stop) // end all streams
		stopping, stopped := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer stopped()
		if server.Shutdown(stopping) != nil {
			_ = server.Close() // those still under way are cut off; Serve has ended either way
		}
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("applications over HTTP: %w", err)
}

// openFiles looks whether the kiosk's folder is one, and opens it.
func (s *Server) openFiles() error {
	if s.config.Files == "" {
		s.files = ownPage()
		return nil
	}
	root, err := os.OpenRoot(s.config.Files)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFiles, err)
	}
	s.files = &kiosk{root: root, log: s.log, answers: &s.answers}
	return nil
}

// listen returns a listener on the port, nil if ctx ends before it could be opened.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	for try := 0; ; try++ {
		listener, err := bus.OrTCP(s.config.Network).Listen(ctx, s.config.Listen)
		if err == nil && !isLocal(listener.Addr().String()) {
			return nil, errors.Join(fmt.Errorf("%w: %s is an address of another machine", ErrNotLocal, listener.Addr()), listener.Close())
		}
		s.mu.Lock()
		s.why = err
		if err == nil {
			s.address = listener.Addr().String()
		}
		s.mu.Unlock()
		if err == nil {
			close(s.ready)
			return listener, nil
		}
		if try%sayEvery == 0 {
			s.log.Error("HTTP is not available to applications: the port can't be opened and is tried again each second; stop the program that uses it, or set HOTPAIR_TERMINAL_HTTP",
				"address", s.config.Listen, "error", err)
		}
		if pace.Rest(ctx, listenEvery) != nil {
			return nil, nil
		}
	}
}

// isLocal reports whether host:port is of this machine alone.
func isLocal(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
