package updater

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

const (
	// searchers is how many searches of the history are asked for at once, and searched how many updates there are to look at.
	searchers, searched = 32, 20_000
	// slower is by how much searches may slow updates down; one of so many rounds must show that they do not.
	slower, rounds = 2, 15
)

// 32 searches at once took four fifths of the updates: they ran beside each other in the process that commits. The medians with and
// without them are measured in turn: the machine may have other things to do, which one round may feel more than another. What searches
// themselves do to updates, every round feels.
func TestFault_C11_SearchesHardlySlowUpdates(t *testing.T) {
	a := newHost(t, "a", processtest.Address(t), processtest.Address(t)).start()
	a.lead(1, false)
	a.fillHistory(searched)
	var said []string
	for range rounds {
		without := median(a.commitTimes(60))
		stop := a.searches(searchers)
		with := median(a.commitTimes(60))
		stop()
		said = append(said, fmt.Sprintf("%s to %s", without, with))
		if with <= slower*without {
			t.Logf("measured: median of an update without and with %d searches at once: %s", searchers, said)
			return
		}
	}
	t.Errorf("searches slow updates down: %s", said)
}

// BenchmarkCommit_BesideSearches measures the median of updates made one after the other, alone and beside searches of the history.
func BenchmarkCommit_BesideSearches(b *testing.B) {
	a := newHost(b, "a", processtest.Address(b), processtest.Address(b)).start()
	a.lead(1, false)
	a.fillHistory(searched)
	for _, n := range []int{0, searchers} {
		b.Run(fmt.Sprintf("searches=%d", n), func(b *testing.B) {
			defer a.searches(n)()
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
				commit := bus.Commit{Epoch: 1, Operations: []bus.Operation{put(fmt.Sprintf("filled-%d", i%1000), "a value of some length, as such values are")}}
				if r, err := h.kv.Call(context.Background(), bus.DatabaseCall{Commit: &commit}); err != nil || r.Code != bus.CodeOK {
					h.t.Errorf("fill: %v %+v", err, r)
					return
				}
			}
		})
	}
	group.Wait()
}

// searches has so many at a time look for a key that there is not, until stop.
func (h *host) searches(n int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for ctx.Err() == nil {
				_, _ = bus.CallHistory.Ask(ctx, h.main, bus.HistoryRequest{Key: "nobody's", Limit: 1}) // most are told to ask again
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
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
