package mainprocess

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/process"
)

// AllAlarms returns the alarms of the pair and of this host, and those that the other host reports while it is heard.
func (h *host) AllAlarms() []bus.Alarm {
	var others []bus.Alarm
	v := h.driver.View()
	if theirs := h.peer.alarms.Load(); theirs != nil && v.HasPeer && h.clock()-v.HeardAt < 2*h.config.Lease {
		for _, a := range *theirs {
			a.Host = v.Peer.Host
			others = append(others, a)
		}
	}
	return alarms.Join(h.events.Pinned(), h.alarms.List(), others)
}

// Facts implements alarms.Source.
func (h *host) Facts() alarms.Facts {
	v := h.driver.View()
	f := alarms.Facts{
		Host: h.config.Host, Data: h.config.Data, Lease: h.config.Lease, Now: h.clock(), Wall: h.run.wall(), Built: h.run.built, Clocks: h.peer.Apart(), View: v, Wires: h.run.wires.Seen(),
		Updater: h.heard.updater.Load(), Terminals: h.heard.terminals.Load(), Starts: h.events.Starts(), Unaudited: h.auditor.Unfinished(), Unsaved: h.recorder.Unsaved(), Trail: h.trail.State(), Logins: h.operations.Gate.ManyRefused(), Backups: h.operations.Backups(),
		Emissions: h.operations.Emitted.State(), NoCourier: !h.processes.IsUp(bus.ProcessCourier),
	}
	for _, p := range h.processes.States() {
		f.Processes = append(f.Processes, alarms.ProcessFacts{Name: p.Name, Restarts: p.Restarts, GaveUp: p.GaveUp, Up: p.State == process.StateReady, Last: p.Trouble})
	}
	f.Hold = h.run.hold.why(h.config.Host)
	f.Issuing, f.Misused = h.operations.Authority()
	if h.record.Own == nil && f.Hold == "" { // has no witness to ask
		w := h.record.Status()
		f.Witness = &alarms.WitnessFacts{Address: h.config.Witness, Reachable: w.Reachable, Problem: w.Problem}
	}
	f.Unheard = h.peer.link.Refused()
	if v.WitnessReplaced {
		f.Replaced = replacedWitness(v)
	}
	return f
}
