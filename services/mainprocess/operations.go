package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// makeOperations makes what operators can ask for, here and over the link. Nothing runs yet.
func (h *host) makeOperations(ctx context.Context, link *bus.Router, asked bus.Group) *registry.Registry {
	h.measures.recorder = metrics.NewRecorder(h)
	answers := registry.New(ctx, h, link, asked)
	h.operations = operations.New(ctx, operations.Config{
		Host: h.config, Times: h.driver.machine.Times(), Clock: h.clock, Log: h.log, Group: &h.driver.work,
		Calls: h.orders, Events: h.events, Read: h, Alarms: h.alarms, Hooks: h.hooks,
		Machine: h.driver, Main: h, Processes: h, Record: pairRecord{h}, Points: h.measures.recorder,
	}, answers)
	return answers
}

// Peer implements registry.Main.
func (h *host) Peer() (bus.Asker, string) { return h.link.Bulk(), h.peerHTTP() }

// Standby implements registry.Main.
func (h *host) Standby() (standby, activeElsewhere bool) {
	v := h.driver.View()
	standby = v.Role == role.Standby
	return standby, standby && v.HasPeer && v.Peer.Epoch != 0
}

// Announce implements operations.Main.
func (h *host) Announce() { h.link.Now() }

// IsUp implements operations.Processes.
func (h *host) IsUp(name string) bool { return h.processes.IsUp(name) }

// Tell implements operations.Main.
func (h *host) Tell(e bus.Event) { h.tell(e, false) }

// pairRecord is the pair record as operators ask for it.
type pairRecord struct{ h *host }

// Read implements operations.Record.
func (r pairRecord) Read(ctx context.Context) (arbiter.Value, error) { return r.h.register.Read(ctx) }

// Written implements operations.Record.
func (r pairRecord) Written() (ago time.Duration, ever bool) {
	at := r.h.wroteRecord.Load()
	return r.h.clock() - time.Duration(at), at != 0
}
