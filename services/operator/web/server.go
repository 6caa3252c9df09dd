package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/access"
	"github.com/hotpair/hotpair/services/operator/peercred"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/storage/position"
)

// Host is what the interface needs of a host besides its operations.
type Host interface {
	// Status returns the present state. It must answer whatever else is down.
	Status(ctx context.Context) operator.Status
	// Right returns the present right to answer of terminal-if.
	Right() lease.Right
	// Called makes an event of an operator's call that changes something: when it arrives, and again with the error if
	// it fails. It never blocks.
	Called(caller operator.Caller, what string, failure error)
}

// Backups makes backups of this host's database, whatever its role.
type Backups interface {
	// Backup writes a backup and returns its position. Nothing was written when the error is operator.ErrRefused: too
	// many are under way, or this host's database is not consistent. After another error what was written is useless.
	Backup(ctx context.Context, caller operator.Caller, to operator.BackupOutput) (position.Position, error)
}

// Live is the source of live measurements.
type Live interface {
	// Series returns the points after a time, oldest first; it never waits.
	Series(after time.Time) operator.Series
	// PeerLook returns the other host's status and its points after a time, requested over the link. Errors:
	// operator.ErrForward, operator.ErrUnavailable.
	PeerLook(ctx context.Context, after time.Time) (operator.Look, error)
}

// Trail takes refused calls. It never blocks.
type Trail interface {
	Refused(trail.Refusal)
}

// ServerConfig configures a Server.
type ServerConfig struct {
	Listen string // host:port; port 0 picks a free one
	// Network that Listen is of; nil is TCP.
	Network bus.Network
	// Operations are what the host answers.
	Operations *registry.Registry
	Host       Host
	Backups    Backups
	Live       Live
	Clock      lease.Clock // the one that Host.Right is counted on
	Log        *slog.Logger
	// Gate identifies callers.
	Gate Gate
	// Cert and Key are files of a certificate; without them HTTP is plain.
	Cert, Key string
	// Reasons requires a reason for calls that change something.
	Reasons bool
	// Socket is the path of a unix socket to listen on too; "" is none. Listening is retried while it fails.
	Socket string
	// Names are the names under which browsers and others may ask, beside its addresses and localhost.
	Names []string
	// Refused counts what is refused at the door; nil counts nothing.
	Refused *refusals.Counter
	// Trail takes refused calls; nil: none does.
	Trail Trail
	// Pages are served besides the API, by path: console, metrics. Guarded has the roles for pages that show something
	// of the pair.
	Pages   map[string]http.Handler
	Guarded map[string]operator.Role
}

// Server listens for operators.
type Server struct {
	config  ServerConfig
	ready   chan struct{}
	address string
	cert    *certificate // nil: HTTP is plain
}

// stopWithin is how long calls under way may take when the server stops.
const stopWithin = time.Second

// NewServer makes a server. Nothing is opened until Run.
func NewServer(c ServerConfig) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, ready: make(chan struct{})}
	if c.Cert != "" {
		s.cert = &certificate{cert: c.Cert, key: c.Key, log: c.Log}
	}
	return s
}

// Reread reads the certificate files now; without any it does nothing. The error says why they can't be used.
func (s *Server) Reread(context.Context) error {
	if s.cert == nil {
		return nil
	}
	return s.cert.reread()
}

// Ready is closed when the server listens; then Address is known.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Address is the host:port that it listens on. Valid after Ready.
func (s *Server) Address() string { return s.address }

// Run serves until ctx ends, which is no error. The error is bus.ErrListen when the port can't be opened. It can be
// called once.
func (s *Server) Run(ctx context.Context) error {
	listener, err := bus.OrTCP(s.config.Network).Listen(ctx, s.config.Listen)
	if err != nil {
		return fmt.Errorf("operator: %w: %w", bus.ErrListen, err)
	}
	s.address = listener.Addr().String()
	if c := s.cert; c != nil {
		if _, err := c.get(nil); err != nil {
			_ = listener.Close()
			return fmt.Errorf("operator: HOTPAIR_HTTP_TLS_CERT: %w", err)
		}
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: c.get, SessionTicketsDisabled: true, NextProtos: []string{"http/1.1"}})
	} else if !access.IsLoopback(s.address) {
		s.config.Log.Warn("the operator interface can be reached from other machines over plain HTTP: tokens and answers cross the network in clear", "address", s.address)
	}
	close(s.ready)
	limits := newLimits(s.config.Refused)
	server := &http.Server{
		ConnState:         limits.state,
		Handler:           NewHandler(s.config),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      operator.Longest() + 5*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       peercred.With,
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	socket, done := context.WithCancel(ctx)
	defer done()
	if s.config.Socket != "" {
		beside.Go(func() { s.serveSocket(socket, server) })
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
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
	return fmt.Errorf("operator: serve: %w", err)
}
