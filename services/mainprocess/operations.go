package mainprocess

import (
	"context"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/operator/access"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// makeOperations makes the operations for operators, on this host and over the link. Nothing runs yet.
func (h *host) makeOperations(ctx context.Context, link *bus.Router, asked bus.Group, doubt func() string) *registry.Registry {
	h.measures.recorder = metrics.NewRecorder(h)
	book := &access.Book{}
	answers := registry.New(ctx, h.peer, config.DeriveKey(h.config.PairSecret.Reveal(), config.PurposeForward), link, asked)
	h.operations = operations.New(ctx, operations.Config{
		Gate: access.NewGate(h.config.Host, h.config.HTTPToken.Reveal(), book, h.run.wall), Book: book,
		Host: h.config, Times: h.driver.machine.Times(), Clock: h.clock, Log: h.log, Group: &h.driver.work,
		Calls: h.orders, Events: h.events, Read: h, Alarms: h.alarms, Hooks: h.hooks,
		Machine: h.driver, Main: h, Processes: h.processes, Record: h.record, Keys: h.run.keys, Points: h.measures.recorder, Lateness: h.peer.link.Lateness(), Schedule: &h.peer.schedule, Doubt: doubt,
	}, answers)
	return answers
}

// Announce implements operations.Main.
func (h *host) Announce() { h.driver.during(h.ctx, h.peer.link.Now) }

// IsUp implements operations.Processes.
func (h *host) IsUp(name string) bool { return h.processes.IsUp(name) }

// Lacks implements processes.Elsewhere.
func (h *host) Lacks(service string) bool { return h.peer.Lacks(service) }

// Tell implements operations.Main.
func (h *host) Tell(e bus.Event) { h.tell(e, false) }
