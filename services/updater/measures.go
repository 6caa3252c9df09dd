package updater

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/histogram"
)

// measures are what this process has counted since it started, over all its terms.
type measures struct {
	updates     atomic.Uint64
	commit      histogram.Histogram // a frame, from its departure until it is committed
	journal     histogram.Histogram // its append to the own journal (A3)
	probe       histogram.Histogram // a small durable write as standby
	reused      reuse
	replication histogram.Histogram // until it was seen to be in the other one (A4); never seen before the own append is done
}

// reuse is what is known of numbers that were used twice.
type reuse struct {
	mu   sync.Mutex
	last bus.NumbersReused
}

// note counts a request of a series under a number that another one had.
func (r *reuse) note(series string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = bus.NumbersReused{Count: r.last.Count + 1, Terminal: bus.TerminalOf(series), At: time.Now()}
}

func (r *reuse) seen() bus.NumbersReused {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (m *measures) sample() *bus.UpdaterMeasures {
	s := &bus.UpdaterMeasures{
		Updates: m.updates.Load(), Commit: m.commit.Sample(), Journal: m.journal.Sample(), Replication: m.replication.Sample(),
	}
	if probe := m.probe.Sample(); probe.Count() > 0 {
		s.Probe = &probe
	}
	return s
}
