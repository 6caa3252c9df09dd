package replication

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/storage/history"
)

// One frame of 64 updates made durable on both hosts at the same time, as the updater does it.
func BenchmarkPair_Commit(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(map[int]string{1: "1", 64: "64"}[n], func(b *testing.B) {
			one, two := newPair(b)
			one.serve(1, two)
			one.awaitState(bus.PeerClose)
			one.hold()
			frames := make([][]history.Stored, 0, 2000)
			end := one.store.Committed()
			for range 2000 {
				e := journaltest.Chain(b, end, 1, n, "a value of a usual length, as an account or a session would have it")
				frames, end = append(frames, e), journaltest.End(e)
			}
			used := proc.Own()
			b.ResetTimer()
			for i := range b.N {
				if i%len(frames) == 0 && i > 0 {
					b.StopTimer()
					began := proc.Own()
					for k := range frames {
						frames[k] = journaltest.Chain(b, end, 1, n, "a value of a usual length, as an account or a session would have it")
						end = journaltest.End(frames[k])
					}
					used += proc.Own() - began
					b.StartTimer()
				}
				one.commit(frames[i%len(frames)]...)
			}
			b.ReportMetric(float64((proc.Own()-used).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
