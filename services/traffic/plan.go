package traffic

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
)

// Plan has the addresses of the two servers of a host, as main assigns them, and the key of their users.
type Plan struct {
	key                config.Secret
	requests, database reserved
}

// NewPlan reserves two ports of the machine, or of a network in its place. Release frees them.
func NewPlan(ctx context.Context, network bus.Network) (*Plan, error) {
	p := &Plan{key: config.Secret(rand.Text())}
	var err error
	if p.requests, err = reserve(ctx, network); err == nil {
		p.database, err = reserve(ctx, network)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a port of 127.0.0.1 for requests: %w", err), p.Release())
	}
	return p, nil
}

// Requests is for terminal-if, Database for the updater.
func (p *Plan) Requests() config.Traffic { return p.traffic(p.requests) }

// Database is the plan for the updater.
func (p *Plan) Database() config.Traffic { return p.traffic(p.database) }

func (p *Plan) traffic(r reserved) config.Traffic {
	return config.Traffic{TrafficListen: r.address, TrafficKey: p.key}
}

// Routes is the plan for a business process.
func (p *Plan) Routes() config.Routes {
	return config.Routes{RequestsURL: "nats://" + p.requests.address, DatabaseURL: "nats://" + p.database.address}
}

// Password of a process at both servers.
func (p *Plan) Password(process string) string { return Password(p.key, process) }

// Connect connects main to the server of requests.
func (p *Plan) Connect(ctx context.Context, network bus.Network) (*bus.Conn, error) {
	return bus.Connect(ctx, bus.ConnConfig{
		Name: bus.ProcessMain, URL: p.Routes().RequestsURL, User: bus.ProcessMain, Password: p.Password(bus.ProcessMain),
		Inbox: bus.InboxPrefix(bus.ProcessMain), Network: network, Once: true,
	})
}

// Ping sends a ping to a service, at the server of its requests.
func (p *Plan) Ping(ctx context.Context, network bus.Network, service string) error {
	conn, err := p.Connect(ctx, network)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Request(ctx, "$SRV.PING."+service, nil)
	return err
}

// Release frees the ports.
func (p *Plan) Release() error { return errors.Join(p.requests.release(), p.database.release()) }

// reserved is a port that nobody else gets.
type reserved struct {
	address string
	free    func() error
}

func (r reserved) release() error {
	if r.free == nil {
		return nil
	}
	return r.free()
}

// reserve holds a port of the machine. In a network in its place there are no others: the port is only chosen.
func reserve(ctx context.Context, network bus.Network) (reserved, error) {
	const anyPort = "127.0.0.1:0"
	if network == nil {
		return hold(anyPort)
	}
	l, err := network.Listen(ctx, anyPort)
	if err != nil {
		return reserved{}, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return reserved{address: net.JoinHostPort("127.0.0.1", port)}, errors.Join(err, l.Close())
}
