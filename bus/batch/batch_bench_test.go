package batch

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/proc"
)

// BenchmarkCaller_ClosedLoop has so many clients that each wait for their answer, before a responder that serves what
// waits at one time, as a group commit does. cpu-us/op and items/batch are what it is about.
func BenchmarkCaller_ClosedLoop(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			asker, server := batchPair(b)
			var mu sync.Mutex
			var waiting []func(string)
			some := make(chan struct{}, 1)
			r, err := NewResponder(server, "commit", "", size, func(_, _ string, answer func(string)) {
				mu.Lock()
				waiting = append(waiting, answer)
				mu.Unlock()
				select {
				case some <- struct{}{}:
				default:
				}
			}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			end := make(chan struct{})
			var committer sync.WaitGroup
			committer.Go(func() {
				for {
					select {
					case <-some:
					case <-end:
						return
					}
					mu.Lock()
					frame := waiting
					waiting = nil
					mu.Unlock()
					time.Sleep(200 * time.Microsecond) // a disk
					for _, answer := range frame {
						answer("done")
					}
				}
			})
			if err := server.Flush(); err != nil {
				b.Fatal(err)
			}
			c, err := NewCaller[string, string](CallerConfig[string]{Conn: asker, Subject: "commit", Size: size})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			var left atomic.Int64
			left.Store(int64(b.N))
			before := proc.Own()
			b.ResetTimer()
			var loops sync.WaitGroup
			for range clients {
				loops.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := c.Call(b.Context(), "request"); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			loops.Wait()
			b.StopTimer()
			b.ReportMetric(float64((proc.Own()-before).Microseconds())/float64(b.N), "cpu-us/op")
			c.mu.Lock()
			b.ReportMetric(float64(b.N)/float64(c.batches), "items/batch")
			c.mu.Unlock()
			close(end)
			committer.Wait()
		})
	}
}
