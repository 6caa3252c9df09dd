package terminalif

import (
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/membership"
)

const (
	// fewTerminals are listed in every heartbeat. A longer list is sent when it changed, at most each listEvery: a
	// thousand entries in each heartbeat would cost more than the rest of an idle host.
	fewTerminals = 64
	listEvery    = time.Second
	listAnyway   = 10 * time.Second
)

// reporter makes the state for heartbeats.
type reporter struct {
	mu     sync.Mutex
	seen   uint64 // changes at the last list
	listed time.Time
	counts bus.TerminalState // of the change numbered counted
	at     uint64
}

// state counts the sessions; all: list them too, whatever was sent before.
func (r *reporter) state(i *Interface, all bool) bus.TerminalState {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := i.changes.Load()
	since := time.Since(r.listed)
	list := all || len(i.roster.all()) <= fewTerminals || (changes != r.seen && since >= listEvery) || since >= listAnyway
	if list || changes != r.at || r.at == 0 {
		r.counts, r.at = count(i, list), changes
	}
	if list && !all {
		r.seen, r.listed = changes, time.Now()
	}
	state := r.counts
	r.counts.Terminals = nil
	state.InFlight, state.Timers, state.Notices = i.relay.inFlight(), *i.timers.Load(), *i.notices.Load()
	state.Directories = i.directories.State()
	state.Measured = bus.TerminalMeasures{Request: i.relay.requests.Sample(), Refused: i.relay.refused.Counts()}
	if t := i.present(); t != nil {
		state.Epoch = t.Epoch
	}
	return state
}

func count(i *Interface, list bool) bus.TerminalState {
	var state bus.TerminalState
	var accepted []uint64 // by those that are reached
	for _, s := range i.roster.all() {
		s.mu.Lock()
		status, epoch, gap, audit := s.status.TerminalStatus, s.epoch, s.gap, s.audit
		s.mu.Unlock()
		state.HighestEpoch = max(state.HighestEpoch, epoch)
		switch status.State {
		case stateAttached:
			state.Attached++
			state.LastGap = max(state.LastGap, gap)
			if audit == 0 {
				state.Unaudited++
			}
		case stateWarm:
			state.Warm++
		default:
			state.Unreachable++
		}
		if status.State == stateAttached || status.State == stateWarm {
			accepted = append(accepted, epoch)
		}
		if list {
			state.Terminals = append(state.Terminals, status)
		}
	}
	state.MostEpoch = membership.MostAccepted(accepted)
	return state
}
