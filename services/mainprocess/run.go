package mainprocess

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/flightrecorder"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/notes"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/processes"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/supervisor"
	"github.com/hotpair/hotpair/services/traffic"
	"github.com/hotpair/hotpair/services/version"
	"github.com/hotpair/hotpair/services/wires"
)

// stopDeadline bounds a clean end: hand-over or resignation, then the processes.
func stopDeadline(lease time.Duration) time.Duration { return 3*lease + 5*time.Second }

// Run is `hotpair main`. It serves until ctx ends, then hands over or resigns, stops the processes, and closes the
// link last. The error is bus.ErrListen for a port in use; errors of the arbiter and of processes are returned as
// they are.
func Run(ctx context.Context, c config.Host, log *slog.Logger) error {
	return RunOn(ctx, c, log, Environment{})
}

// RunOn is Run on another environment than the machine.
func RunOn(ctx context.Context, c config.Host, log *slog.Logger, environment Environment) error {
	inherit, err := process.Inherit(os.Environ())
	if err != nil {
		return err
	}
	if environment.Overseer == nil {
		if environment.Overseer, err = supervisor.NewBeater(inherit); err != nil {
			return err
		}
	}
	if environment.Clock == nil {
		environment.Clock = lease.BootClock
	}
	if environment.Wall == nil {
		environment.Wall = time.Now
	}
	if environment.Built.IsZero() {
		environment.Built = clocks.Built()
	}
	// The contexts below outlive ctx until the end is clean.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	h := &host{config: c, log: log, clock: environment.Clock, ctx: work,
		run: run{network: environment.Network, incarnation: random64(), version: version.String(), pid: os.Getpid(), started: environment.Wall(), wall: environment.Wall, built: environment.Built,
			hold: hold{by: environment.Restored, found: make(chan *bus.Restored, 1)}}}
	sealed, err := wires.OpenHost(c.TLS, c.Host, wires.Environment{Network: environment.Network, Data: c.Data, Keep: true}, log)
	if err != nil {
		return err
	}
	h.traces = flightrecorder.New(flightrecorder.Config{Dir: c.TraceDir, Name: c.Host + "-" + bus.ProcessMain, Log: log})
	interval := c.Lease / 8
	h.driver = newDriver(role.New(role.Config{
		Host: c.Host, PairID: rand.Text(), Lease: c.Lease, StandbyPatience: c.StandbyPatience, RefusedIsDead: c.RefusedIsDead,
		Witnessless: c.Witnessless(), Hold: h.run.hold.why(c.Host),
	}, h.clock()), h.clock, interval, log)
	h.fitness = processes.NewFitness(h.driver)
	h.reports = newReports(h)
	h.trail.Start()
	defer h.trail.Close()

	users := broker.NewUsers()
	h.measures.logins = users
	own := broker.Grant{Password: rand.Text()}
	users.Allow(bus.ProcessMain, own)
	server, err := broker.NewServer(broker.ServerConfig{Name: c.Host + "-bus", Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.BusPort)), Network: h.run.network, Users: users, Logger: log})
	if err != nil {
		return fmt.Errorf("bus (HOTPAIR_BUS_PORT): %w", err)
	}
	if err := server.Start(work); err != nil {
		return listening("HOTPAIR_BUS_PORT", err)
	}
	defer server.Stop()
	conns, err := bus.ConnectHost(work, bus.ConnConfig{
		Name: "main", InProcess: server, User: bus.ProcessMain, Password: own.Password, Inbox: bus.InboxPrefix(bus.ProcessMain), Ping: time.Minute, Once: true,
	})
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	defer conns.Close()
	h.terms = &terms{ctx: work, log: log, bus: conns.Control}
	if h.orders, err = bus.NewPoster(conns); err != nil {
		return err
	}

	if c.Witnessless() {
		own := notes.NewOwnRegister(notes.By(h.orders), log, h.fitness.Keep)
		h.record = notes.NewRecord(own, own, h.clock, nil)
		log.Warn("this pair has no witness: hosts that lose contact may both serve until they meet again")
	} else {
		source := sealed.Keys() // before the first connection
		witness := arbiter.New(arbiter.Config{Address: c.Witness, Secret: c.PairSecret.Reveal(), Host: c.Host, Log: log, Network: sealed.ToWitness()})
		h.record = notes.NewRecord(witness, nil, h.clock, func(took time.Duration) { h.peer.link.Lateness().Asked(took) })
		if source != nil {
			h.run.keys = keyring.NewKeeper(keyring.Config{Host: c.Host, Source: source, Peers: sealed.Peers, Witness: witness, Path: filepath.Join(c.Data, keyring.File), Log: log})
		}
	}
	as, err := process.LookUp(c.BusinessUser)
	if err != nil {
		return fmt.Errorf("HOTPAIR_BUSINESS_USER: %w", err)
	}
	plan, err := traffic.NewPlan(work, h.run.network)
	if err != nil {
		return err
	}
	defer plan.Release()
	h.processes = processes.New(processes.Config{
		Host: c, Environ: os.Environ(), Users: users, Server: server, Conn: conns.Control, Traffic: plan, Network: h.run.network, Inherit: inherit, Begin: environment.Start,
		Watcher: h, Elsewhere: h, Machine: h.fitness, Log: log, Calls: h.orders, UpdaterOnly: h.run.hold.by != nil, BusinessUser: as,
	})

	h.peer = &peer{config: c, incarnation: h.run.incarnation, log: log, driver: h.driver, heard: &h.heard, reports: h.reports, services: h.processes,
		clock: h.clock, wall: h.run.wall, orders: h.orders, refused: &h.measures.refused}
	h.peer.link, err = link.New(link.Config{
		Host: c.Host, Listen: c.Link, Peer: c.PeerLink, Password: config.DeriveKey(c.PairSecret.Reveal(), config.PurposeLink),
		Network: sealed.Link(), Interval: interval, Clock: h.clock, Main: h.peer, Log: log,
	})
	if err != nil {
		return fmt.Errorf("HOTPAIR_LINK: %w", err)
	}
	h.peer.hear(pairLog{h}.take)
	h.performer = newPerformer(h)
	h.run.wires = wires.NewSurvey(sealed, h.orders, h.peer)
	var asked sync.WaitGroup // for operators, as the other main reports it
	h.run.web = h.newServer(h.makeOperations(work, h.peer.link.Calls(), &asked, sealed.Doubt))
	if h.run.hold.by == nil {
		if err := h.peer.link.Start(work); err != nil {
			return listening("HOTPAIR_LINK", err)
		}
	}
	defer asked.Wait()
	defer cancel()
	defer h.peer.link.Close()

	group, running := errgroup.WithContext(work)
	h.processes.Prepare(running)
	group.Go(func() error { return h.driver.Run(running, h) })
	group.Go(func() error {
		return link.Outlive(running, slices.Concat(h.peer.link.Inside(), []*bus.Conn{conns.Control, conns.Traffic})...)
	})
	group.Go(func() error { return h.operations.Run(running) })
	group.Go(func() error { return h.run.hold.watch(running, c.Host) })
	if h.run.hold.by == nil {
		group.Go(func() error { return h.record.Run(running) })
		if h.run.keys != nil {
			group.Go(func() error { return h.run.keys.Run(running) })
		}
		group.Go(func() error { return h.learned.Run(running) })
		group.Go(func() error { return h.peer.link.Run(running) })
	} else {
		log.Warn(h.run.hold.why(c.Host))
	}
	group.Go(func() error { return sealed.Run(running) })
	group.Go(func() error { return h.run.wires.Run(running) })
	group.Go(func() error { return h.measures.recorder.Run(running) })
	group.Go(func() error { return h.traces.Run(running) })
	group.Go(func() error { return h.serveHTTP(running) })
	h.reports.start(running, group, h, h.run.pid)
	group.Go(func() error {
		return environment.Overseer.Run(running, c.Lease, supervisor.Watched{Alive: h.driver.turned(), Says: h.says, Reread: h.reread})
	})
	if err := h.processes.Start(); err != nil {
		cancel()
		return errors.Join(err, group.Wait())
	}
	log.Info("main runs", "bus", server.Address(), "link", h.peer.link.Address(), "peer", c.PeerLink, "witness", c.Witness)

	select {
	case <-ctx.Done():
		h.leave()
	case <-running.Done():
	}
	h.processes.Stop()
	cancel()
	err = group.Wait()
	h.driver.work.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// leave lets the machine end this host's part, by hand-over or by resigning.
func (h *host) leave() {
	h.log.Info("stopping")
	if h.run.hold.by != nil {
		return // it has no part
	}
	h.driver.Give(role.StopWanted{})
	deadline := time.NewTimer(stopDeadline(h.config.Lease))
	defer deadline.Stop()
	select {
	case <-h.exit:
	case <-deadline.C:
		h.log.Warn("no clean hand-over in time; stopping without one")
	}
}

// listening names the setting of a port that can't be used, and says what to do.
func listening(variable string, err error) error {
	return fmt.Errorf("%s: %w: stop the program that uses the port, or set another port", variable, err)
}

func random64() uint64 {
	var b [8]byte
	// crypto/rand.Read never fails: it ends the process instead.
	_, _ = rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}
