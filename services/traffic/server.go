package traffic

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/config"
)

// Server is one of the two servers, with the connection of its own process.
type Server struct {
	*broker.Server
	// Conn is the connection of the process itself.
	Conn *bus.Conn
}

// Environment is the environment of a server.
type Environment struct {
	Network bus.Network // nil: TCP
	// Lost is called when the connection of the process itself ends before Close, Complaint with the subjects that the
	// server refuses it.
	Lost      func(error)
	Complaint func(error)
	Log       *slog.Logger
}

// ServeRequests starts terminal-if's server. Errors: bus.ErrListen, or the context's.
func ServeRequests(ctx context.Context, c config.Traffic, g Environment) (*Server, error) {
	return serve(ctx, c, g, bus.ProcessTerminalInterface, requestPermissions)
}

// ServeDatabase starts the updater's server. Errors: bus.ErrListen, or the context's.
func ServeDatabase(ctx context.Context, c config.Traffic, g Environment) (*Server, error) {
	return serve(ctx, c, g, bus.ProcessUpdater, databasePermissions)
}

func serve(ctx context.Context, c config.Traffic, g Environment, owner string, permissions permissions) (*Server, error) {
	own := broker.Grant{Password: rand.Text(), Permissions: permissions(owner)}
	users := broker.NewUsers()
	users.Allow(owner, own)
	users.AllowBy(func(user string) (broker.Grant, bool) {
		allowed := permissions(user)
		return broker.Grant{Password: Password(c.TrafficKey, user), Permissions: allowed}, allowed != nil
	})
	server, err := broker.NewServer(broker.ServerConfig{Name: owner + "-traffic", Listen: c.TrafficListen, Network: g.Network, Users: users, Logger: g.Log})
	if err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	if err := server.Start(ctx); err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	conn, err := bus.Connect(ctx, bus.ConnConfig{
		Name: owner, InProcess: server, User: owner, Password: own.Password, Inbox: bus.InboxPrefix(owner), Ping: time.Minute, Once: true, Lost: g.Lost, Complaint: g.Complaint,
	})
	if err != nil {
		server.Stop()
		return nil, fmt.Errorf("traffic: %w", err)
	}
	return &Server{server, conn}, nil
}

// closeWithin bounds how long a server receives the last messages of its own process.
const closeWithin = 250 * time.Millisecond

// Close closes the connection, then the server, once it has received and delivered everything sent. It may be called
// again.
func (s *Server) Close() {
	_ = s.Conn.FlushTimeout(closeWithin) // fails only when the connection is closed already, or the server does not get to it
	s.Conn.Close()
	s.Stop()
}

// Password of a process at both servers. The key is main's and changes with each start of it.
func Password(key config.Secret, process string) string {
	return config.DeriveKey(key.Reveal(), "traffic:"+process)
}

// service returns the service of a business process.
func service(process string) (name string, is bool) {
	name, is = strings.CutPrefix(process, bus.ProcessBusiness+".")
	return name, is && bus.ValidName(name)
}
