package replication

import (
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
)

// One frame of 64 updates made durable on both hosts at the same time, as the updater does it.
func BenchmarkPair_Commit(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(map[int]string{1: "1", 64: "64"}[n], func(b *testing.B) {
			one, two := newPair(b)
			one.serve(1, two)
			one.awaitState(bus.PeerClose)
			one.hold()
			frames := make([][]storage.Stored, 0, 2000)
			end := one.store.Committed()
			for range 2000 {
				e := chain(b, end, 1, n, "a value of a usual length, as an account or a session would have it")
				frames, end = append(frames, e), endOf(e)
			}
			used := cpu(b)
			b.ResetTimer()
			for i := range b.N {
				if i%len(frames) == 0 && i > 0 {
					b.StopTimer()
					began := cpu(b)
					for k := range frames {
						frames[k] = chain(b, end, 1, n, "a value of a usual length, as an account or a session would have it")
						end = endOf(frames[k])
					}
					used += cpu(b) - began
					b.StartTimer()
				}
				one.commit(frames[i%len(frames)]...)
			}
			b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu is the processor time of this process, in which both hosts are, so far.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
