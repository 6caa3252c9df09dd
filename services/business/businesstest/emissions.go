package businesstest

import (
	"fmt"
	"slices"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/storage/position"
)

// Emitted is an emission of a service. It is not sent.
type Emitted struct {
	outbox.Emission
	Service string
	Number  position.Number
}

// SetTargets sets the targets that exist: emissions to others are refused from now on. Before the first call all
// exist.
func (d *Database) SetTargets(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.targets = append([]string{}, names...)
}

// Emitted returns the emissions so far, in order.
func (d *Database) Emitted() []Emitted {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.emitted)
}

// unknown refuses what is emitted to a target that does not exist. The lock is held.
func (d *Database) unknown(c outbox.Changes) (refusal bus.DatabaseReply) {
	for _, e := range c.Emissions {
		if d.targets != nil && !slices.Contains(d.targets, e.Target) {
			return bus.DatabaseReply{Code: bus.CodeAbsent, Message: fmt.Sprintf("the target %s does not exist", e.Target)}
		}
	}
	return refusal
}

// emit keeps what an update emits. The lock is held.
func (d *Database) emit(service string, c outbox.Changes) {
	for i, e := range c.Emissions {
		if len(e.Body) == 0 {
			e.Body = []byte("{}")
		}
		d.emitted = append(d.emitted, Emitted{e, service, position.Number{Epoch: d.epoch, Sequence: d.sequence, Index: uint32(i)}})
	}
}
