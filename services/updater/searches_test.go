package updater

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
)

const (
	// searchers is how many searches of the history are asked for at once, and searched how many updates there are to look at.
	searchers, searched = 32, 20_000
	// slower is by how much searches may slow updates down, by the medians of that many rounds at least, of that many updates each. More are made
	// while it is in doubt, which it is not beyond hopeless.
	slower, hopeless, least, most, each = 2, 20, 5, 15, 50
)

// 32 searches at once took four fifths of the updates: they ran beside each other in the process that commits. Updates are measured
// without and with them in turn, each round by its median. In each, searches are answered while it is measured, and all of them are before the
// next one. Searches that slow updates down do so in every round. What else the machine and its disk have to do comes and goes, and only ever
// makes rounds slower, of either kind: so rounds are compared by their lower quartile.
func TestFault_C11_SearchesHardlySlowUpdates(t *testing.T) {
	processtest.Prefer(t)
	a := newHost(t, "a", processtest.Address(t), processtest.Address(t)).start()
	a.lead(1, false)
	a.fillHistory(searched)
	var without, with []time.Duration
	for len(with) < least || len(with) < most && quartile(with) > slower*quartile(without) && quartile(with) < hopeless*quartile(without) {
		without = append(without, median(a.commitTimes(each)))
		s := a.searches(searchers)
		var took []time.Duration
		for before := s.await(0); len(took) < each || s.answered.Load() == before; { // one of them from its beginning to its end
			took = append(took, a.commitTimes(1)...)
		}
		s.stop()
		with = append(with, median(took))
	}
	t.Logf("measured: median of an update without searches, in each round, %s; with %d at once %s", without, searchers, with)
	if quartile(with) > slower*quartile(without) {
		t.Errorf("searches slow updates down from %s to %s", quartile(without), quartile(with))
	}
}

// BenchmarkCommit_BesideSearches measures the median of updates made one after the other, alone and beside searches of the history.
func BenchmarkCommit_BesideSearches(b *testing.B) {
	a := newHost(b, "a", processtest.Address(b), processtest.Address(b)).start()
	a.lead(1, false)
	a.fillHistory(searched)
	for _, n := range []int{0, searchers} {
		b.Run(fmt.Sprintf("searches=%d", n), func(b *testing.B) {
			s := a.searches(n)
			defer s.stop()
			if n > 0 {
				s.await(0)
			}
			b.ResetTimer()
			b.ReportMetric(float64(median(a.commitTimes(b.N)).Microseconds()), "p50-µs")
		})
	}
}

// fillHistory commits so many updates.
func (h *host) fillHistory(n int) {
	h.t.Helper()
	var group sync.WaitGroup
	for c := range 64 {
		group.Go(func() {
			for i := c; i < n; i += 64 {
				commit := bus.Commit{Epoch: 1, Operations: []bus.Operation{drafttest.Put(fmt.Sprintf("filled-%d", i%1000), "a value of some length, as such values are")}}
				if r, err := h.kv.Call(context.Background(), bus.DatabaseCall{Commit: &commit}); err != nil || r.Code != bus.CodeOK {
					h.t.Errorf("fill: %v %+v", err, r)
					return
				}
			}
		})
	}
	group.Wait()
}

// searching are searches that go on until stop, which returns when none is left.
type searching struct {
	h        *host
	answered atomic.Int64
	stop     func()
}

// searches has so many at a time look for a key that there is not.
func (h *host) searches(n int) *searching {
	s := &searching{h: h}
	var over atomic.Bool
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for !over.Load() {
				page, err := bus.CallHistory.Ask(context.Background(), h.main, bus.HistoryRequest{Key: "nobody's", Limit: 1})
				if err == nil && page.Last > 0 { // most are told to ask again
					s.answered.Add(1)
				}
			}
		})
	}
	s.stop = func() {
		over.Store(true)
		group.Wait() // not given up: what nobody waits for is looked for all the same
	}
	return s
}

// await waits until more searches than that were answered, and gives how many were.
func (s *searching) await(than int64) int64 {
	s.h.t.Helper()
	processtest.Await(s.h.t, "a search to be answered", func() bool { return s.answered.Load() > than })
	return s.answered.Load()
}

// commitTimes makes updates one after the other.
func (h *host) commitTimes(n int) (took []time.Duration) {
	h.t.Helper()
	for i := range n {
		began := time.Now()
		h.put(1, "measured", fmt.Sprint(i))
		took = append(took, time.Since(began))
	}
	return took
}

func median(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)/2]
}

// quartile is the lower one.
func quartile(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)/4]
}
