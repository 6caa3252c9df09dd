package mainprocess

import (
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/role"
)

// measures holds what main itself counts; all else comes with the heartbeats of the other processes.
type measures struct {
	takeovers atomic.Uint64
	logins    *broker.Users // users of the bus, whose refused logins are counted
	gap       histogram.Histogram
	refused   refusals.Counter // by main itself
	recorder  *metrics.Recorder
	counted   uint64 // epoch of the last counted term; used by the driver's goroutine only
}

// stepped counts each term that this host begins as active. It runs on the driver's goroutine after each step.
func (m *measures) stepped(v role.View) {
	if v.Role == role.Active && v.Epoch > m.counted {
		m.counted = v.Epoch
		m.takeovers.Add(1)
	}
}

// Audited counts the gap of an attach, if any terminal noticed one.
func (m *measures) Audited(outcome *operator.Audit) {
	if outcome.Felt > 0 {
		m.gap.Observe(time.Duration(outcome.GapWorstMS * float64(time.Millisecond)))
	}
}

// Measures returns the present counts of this host, without asking other processes.
func (h *host) Measures() metrics.Measures {
	m := metrics.Measures{Takeovers: h.measures.takeovers.Load(), Gap: h.measures.gap.Sample(), Lease: h.config.Lease, Lateness: h.peer.link.Lateness().Day()}
	m.Heard, m.Replied = h.peer.link.Lateness().Samples()
	if u := h.heard.updater.Load(); u != nil {
		m.Oldest = u.OldestFrame
		if u.Measured != nil {
			m.Updater = *u.Measured
		}
	}
	if t := h.heard.terminals.Load(); t != nil {
		m.Terminals, m.InFlight = t.Measured, t.InFlight
	}
	m.Refused = h.measures.refused.Counts()
	m.Refused[refusals.BusLogin], m.Refused[refusals.LinkLogin], m.Refused[refusals.LinkUnproved] = h.measures.logins.Refused(), h.peer.link.RefusedLogins(), h.peer.unproved.Load()
	m.Refused.Add(m.Updater.Refused)
	m.Refused.Add(m.Terminals.Refused)
	return m
}
