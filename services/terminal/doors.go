package terminal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/renewal"
)

// doors are the two servers of an agent. Hosts come in by one, from anywhere and with a key; applications by the other, from
// this machine and without one. What applications do to theirs, whatever its size or number, leaves the hosts' alone.
type doors struct {
	hosts, apps         *broker.Server
	hostUsers, appUsers *broker.Users
}

func (d *doors) stop() {
	for _, s := range []*broker.Server{d.apps, d.hosts} {
		if s != nil {
			s.Stop()
		}
	}
}

// open opens both doors.
func (a *Agent) open(ctx context.Context) (err error) {
	d := &a.doors
	d.hostUsers, d.appUsers = broker.NewUsers(), broker.NewUsers()
	d.hostUsers.Allow(bus.AgentUser, broker.Grant{Password: a.config.Key, Permissions: hostPermissions(), Account: hostsAccount})
	limits, err := broker.NewLimits(maxMessage, appSubscriptions)
	if err != nil {
		return err
	}
	d.appUsers.AllowLoopback(broker.Grant{Password: a.config.Token, Permissions: appPermissions(), Account: appsAccount, Limits: limits})
	if d.hosts, err = broker.NewServer(broker.ServerConfig{
		Name: "terminal-" + a.config.ID, Listen: a.config.Listen, Network: a.config.Hosts, Users: d.hostUsers,
		Accounts: []string{hostsAccount}, MaxConnections: hostConnections, MaxPending: maxPending, PingInterval: hostSilence, Logger: a.log,
	}); err != nil {
		return err
	}
	if d.apps, err = broker.NewServer(broker.ServerConfig{
		Name: "applications-" + a.config.ID, Listen: a.config.Apps, Network: a.config.Network, Users: d.appUsers,
		Accounts: []string{appsAccount}, MaxPayload: answerPayload, MaxConnections: appConnections, MaxPending: maxPending, Logger: a.log,
	}); err != nil {
		return err
	}
	for _, s := range []*broker.Server{d.hosts, d.apps} {
		if err := s.Start(ctx); err != nil {
			d.stop()
			return err
		}
	}
	return nil
}

// connect opens a connection of the agent's own to one of its servers. The one to the hosts' is the agent's: without it,
// Run ends. Those to the applications' come again: an application must not be able to end the agent.
func (a *Agent) connect(ctx context.Context, s *broker.Server, users *broker.Users, user string, grant broker.Grant) (*bus.Conn, error) {
	grant.Password = rand.Text()
	users.Allow(user, grant)
	c := bus.ConnConfig{
		Name: user, User: user, Password: grant.Password, InProcess: s, Ping: housekeeping, Handshake: startWithin,
		Complaint: func(err error) { a.log.Warn("own connection complains", "user", user, "error", err) },
	}
	if s == a.doors.hosts {
		c.Once = true
		c.Lost = func(err error) { a.fail(fmt.Errorf("%s: %w", user, errors.Join(bus.ErrDisconnected, err))) }
	} else {
		c.Lost = func(err error) {
			if ctx.Err() != nil { // the agent ends, and its servers with it
				return
			}
			a.lost.Add(1)
			a.log.Warn("own connection was lost, and is made anew", "user", user, "error", err)
		}
	}
	return patiently(func() (*bus.Conn, error) { return bus.Connect(ctx, c) })
}

// patiently connects again when the own server gave up: it waits two seconds for the first words, which is too little where thousands of agents
// start at once on few processors. It stops after startWithin.
func patiently(connect func() (*bus.Conn, error)) (*bus.Conn, error) {
	for began := time.Now(); ; {
		conn, err := connect()
		if err == nil || time.Since(began) > startWithin || !strings.Contains(strings.ToLower(err.Error()), server.ErrAuthTimeout.Error()) {
			return conn, err
		}
	}
}

// lesser is a subscription of which what is too much is dropped, as a request that times out.
type lesser struct {
	conn            *bus.Conn
	subject         string
	handle          nats.MsgHandler
	messages, bytes int // that may wait
}

// serve opens the agent's own connections and subscriptions, which end closes.
func (a *Agent) serve(ctx context.Context) (end func(), err error) {
	var open []*bus.Conn
	end = func() {
		for _, conn := range open {
			conn.Close()
		}
	}
	events := new(bus.Conn)
	d := &a.doors
	for _, c := range []struct {
		conn  **bus.Conn
		to    *broker.Server
		users *broker.Users
		user  string
		grant broker.Grant
	}{
		{&events, d.hosts, d.hostUsers, ownEvents, broker.Grant{Account: "$SYS", Permissions: broker.Permit(nil, []string{disconnects})}},
		{&a.hosts, d.hosts, d.hostUsers, ownHosts, broker.Grant{Account: hostsAccount, Permissions: ownHostsPermissions()}},
		{&a.apps, d.apps, d.appUsers, ownApps, broker.Grant{Account: appsAccount, Permissions: ownAppsPermissions()}},
	} {
		if *c.conn, err = a.connect(ctx, c.to, c.users, c.user, c.grant); err != nil {
			return end, err
		}
		open = append(open, *c.conn)
	}
	for _, s := range []struct {
		conn    *bus.Conn
		subject string
		handle  nats.MsgHandler
	}{
		{events, disconnects, a.disconnected},
		{a.hosts, bus.SubjectAgentHello, a.hello},
		{a.hosts, bus.SubjectAgentAttach, a.attach},
		{a.hosts, bus.SubjectAgentDetach, a.detach},
		{a.hosts, bus.SubjectAgentFresh, a.fresh},
		{a.hosts, bus.SubjectAgentReceipts, a.sendReceipts},
		{a.hosts, renewal.Subject, a.renew},
		{a.apps, appSubjects, a.request},
	} {
		sub, err := s.conn.Subscribe(s.subject, s.handle)
		if err != nil {
			return end, fmt.Errorf("serve %s: %w", s.subject, err)
		}
		// What applications send beyond this is dropped by the client library, as a request that times out; flood sees to it
		// that they don't come near.
		if err := sub.SetPendingLimits(1<<22, maxPending); err != nil {
			return end, fmt.Errorf("serve %s: %w", s.subject, err)
		}
	}
	less := []lesser{{a.hosts, notice.Subject("*"), a.takeNotices, mostBatches, mostBatches * notice.MaxBatch},
		{a.apps, notice.SubjectAfter, a.noticesAfter, mostQuestions, questionBytes},
		{a.apps, bus.SubjectQueueGet, a.queueGet, mostQuestions, questionBytes}, {a.apps, bus.SubjectQueueForget, a.queueForget, mostQuestions, questionBytes},
		{a.apps, bus.SubjectQueueResults, a.queueResults, mostQuestions, questionBytes},
		{a.apps, notice.SubjectTake, a.takeFenced, mostQuestions, questionBytes}, {a.apps, notice.SubjectDone, a.takeFenced, mostQuestions, questionBytes}}
	for _, subject := range discovery {
		less = append(less, lesser{a.apps, subject, a.discover, mostQuestions, questionBytes})
	}
	for _, s := range less {
		sub, err := s.conn.Subscribe(s.subject, s.handle)
		if err == nil {
			err = sub.SetPendingLimits(s.messages, s.bytes)
		}
		if err != nil {
			return end, fmt.Errorf("serve %s: %w", s.subject, err)
		}
	}
	a.flood = flood{server: d.apps, own: a.apps, log: a.log}
	a.unread.server, a.unread.own, a.unread.log = d.apps, a.apps, a.log
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for _, conn := range open {
		if err := conn.FlushWithContext(ctx); err != nil {
			return end, fmt.Errorf("own connections: %w", err)
		}
	}
	return end, nil
}
