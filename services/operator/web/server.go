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

// Host is what the interface needs to know of a host beside its operations.
type Host interface {
	// Status gives the present state. It must answer whatever else is down.
	Status(ctx context.Context) operator.Status
	// Right is the right to answer that terminal-if has, at this moment.
	Right() lease.Right
	// Called makes an event of an operator's call that would change something: when it comes, and again with the reason
	// when it did not come about. It never blocks.
	Called(caller operator.Caller, what string, failure error)
}

// Backups gives backups of this host's database, whatever its role.
type Backups interface {
	// Backup writes a backup and gives the position that it holds. Nothing was written when the error is
	// operator.ErrRefused: as many as can be are under way, or this host's database is not consistent. Otherwise what was
	// written is worth nothing.
	Backup(ctx context.Context, caller operator.Caller, to operator.BackupOutput) (position.Position, error)
}

// Live is what a host tells those who watch it.
type Live interface {
	// Series gives the points after a time, oldest first; it waits for nobody.
	Series(after time.Time) operator.Series
	// PeerLook gives the other host's own status and what it did after a time, asked for over the link. Errors:
	// operator.ErrForward, operator.ErrUnavailable.
	PeerLook(ctx context.Context, after time.Time) (operator.Look, error)
}

// Trail is told of whom the door has refused. It never blocks.
type Trail interface {
	Refused(trail.Refusal)
}

// ServerConfig is what a Server needs to know.
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
	// Gate says who asks.
	Gate Gate
	// Cert and Key are files of a certificate; without them HTTP is plain.
	Cert, Key string
	// Reasons: who changes something must say why.
	Reasons bool
	// Socket is the path of a unix socket to listen on too; "" is none. While it can't be had, that is tried again and again.
	Socket string
	// Names are the names under which browsers and others may ask, beside its addresses and localhost.
	Names []string
	// Refused counts what is refused at the door; nil counts nothing.
	Refused *refusals.Counter
	// Trail is told who is refused; nil: nobody is.
	Trail Trail
	// Pages are served beside the API, by path: console, metrics. Of those that tell something of the pair, Guarded says who may see
	// them.
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

// Run serves until ctx ends, which is no error. The error is bus.ErrListen when the port can't be had. It can be called
// once.
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
		s.config.Log.Warn("the operator interface can be reached from other machines: tokens and all that is read cross the network in clear", "address", s.address)
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
