package main

import (
	"context"
	"syscall"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// loss is one kind: how it is done to a whole pair, and how it is fixed.
type loss struct {
	kind string
	// silent: nobody is told of it, so that the other host has to wait for the end of the lease.
	silent bool
	// moves: another host serves afterwards.
	moves bool
	does  func(ctx context.Context, c *subject.Cluster, active, standby string) error
	fix   func(ctx context.Context, c *subject.Cluster, active, standby string) error
}

// Kinds of loss that need wires that can be cut.
const (
	kindLinkCut  = "link cut"
	kindIsolated = "active cut off"
)

type act func(ctx context.Context, c *subject.Cluster, active, standby string) error

// none fixes what the pair fixes itself.
func none(context.Context, *subject.Cluster, string, string) error { return nil }

// toProcess signals one process of the active host.
func toProcess(name string, signal syscall.Signal) act {
	return func(ctx context.Context, c *subject.Cluster, active, _ string) error {
		s, err := c.Status(ctx, active)
		if err != nil {
			return err
		}
		return syscall.Kill(s.Processes[name].PID, signal)
	}
}

// toActive and toStandby signal a whole host.
func toActive(signal syscall.Signal) act {
	return func(_ context.Context, c *subject.Cluster, active, _ string) error { return c.Signal(active, signal) }
}

func toStandby(signal syscall.Signal) act {
	return func(_ context.Context, c *subject.Cluster, _, standby string) error { return c.Signal(standby, signal) }
}

func losses() []loss {
	return []loss{
		{kind: "host killed", moves: true, does: toActive(syscall.SIGKILL),
			fix: func(ctx context.Context, c *subject.Cluster, active, _ string) error { return c.Restart(ctx, active) }},
		{kind: "main killed", moves: true, does: toProcess("main", syscall.SIGKILL), fix: none},
		{kind: "switchover", moves: true, fix: none,
			does: func(ctx context.Context, c *subject.Cluster, active, _ string) error {
				_, err := operator.CallSwitchover.Ask(ctx, c.File.Hosts[active].Client(), operator.None{})
				return err
			}},
		// Its supervisor kills a frozen main after twice the lease.
		{kind: "main frozen", silent: true, moves: true, does: toProcess("main", syscall.SIGSTOP), fix: none},
		{kind: "host frozen", silent: true, moves: true, does: toActive(syscall.SIGSTOP), fix: toActive(syscall.SIGCONT)},
		{kind: "standby killed", does: toStandby(syscall.SIGKILL),
			fix: func(ctx context.Context, c *subject.Cluster, _, standby string) error { return c.Restart(ctx, standby) }},
		{kind: "business.kv killed", does: toProcess("business.kv", syscall.SIGKILL), fix: none},
		{kind: "terminal-if killed", does: toProcess("terminal-if", syscall.SIGKILL), fix: none},
		{kind: "updater killed", does: toProcess("updater", syscall.SIGKILL), fix: none},
	}
}

// otherHost is the other one of a cluster's two.
func otherHost(host string) string {
	if host == local.HostA {
		return local.HostB
	}
	return local.HostA
}
