package mainprocess

import (
	"encoding/json"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// beat is what this main says of itself in each beat and reply.
func (h *host) beat(v role.View) bus.Beat {
	b := bus.Beat{
		Version: bus.Version, Host: h.config.Host, Identity: v.Self.Identity, Incarnation: h.incarnation, Steps: v.Steps,
		PairID: v.Record.PairID, WitnessID: v.WitnessID, Role: string(v.Role), Epoch: v.Epoch, Known: v.Known,
		Empty: h.empty.Load() && !v.HasRecord, Fresh: v.Fresh, Fit: v.Fit.Fit, Unfit: v.Fit.Why, Stopping: v.Stopping,
		Resigned: v.Resigned, Serving: v.Serving, Lease: h.config.Lease, HTTP: h.httpAddress(),
	}
	b.Scheduled, b.ScheduledBy = h.operations.HandsOverAt()
	if v.HasRecord {
		// The record is ours: a struct that always encodes.
		b.Record, _ = json.Marshal(v.Record)
		b.Revision = v.Revision
	}
	b.Alarms = h.alarms.Own()
	if s := h.updaterState.Load(); s != nil {
		b.Committed, b.Position = s.Committed, s.Position
	}
	if s := h.terminalState.Load(); s != nil {
		b.Terminals = s.Attached + s.Warm
	}
	return b
}

// peerView reads what the other main says of itself. A record that can't be read counts as none.
func peerView(b bus.Beat) role.PeerView {
	p := role.PeerView{
		Member: role.Member{Host: b.Host, Identity: b.Identity}, Incarnation: b.Incarnation, Steps: b.Steps, PairID: b.PairID,
		WitnessID: b.WitnessID, Role: role.Role(b.Role), Epoch: b.Epoch, Known: b.Known, Revision: b.Revision,
		Committed: b.Committed, Position: b.Position, Empty: b.Empty, Fresh: b.Fresh,
		Fit: b.Fit, Unfit: b.Unfit, Stopping: b.Stopping, Resigned: b.Resigned, Lease: b.Lease, Terminals: b.Terminals, Serving: b.Serving,
	}
	if len(b.Record) > 0 {
		var r role.Record
		if err := json.Unmarshal(b.Record, &r); err == nil {
			p.Record = r
		}
	}
	return p
}
