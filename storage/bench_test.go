package storage

import (
	"fmt"
	"testing"

	"github.com/hotpair/hotpair/storage/history"
)

func BenchmarkStore_CommitFlush(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, w := open(b, b.TempDir(), Options{MaxUpdates: 100_000}), newWriter(b)
			commit(b, s, w.began())
			batch := make([]history.Stored, size)
			n := uint64(0)
			for b.Loop() {
				b.StopTimer()
				for i := range batch {
					n++
					batch[i] = w.next(history.Entry{
						Space:   "kv",
						Effects: []history.Effect{{Key: fmt.Appendf(nil, "key-%08d", n*2654435761%100_000), Value: make([]byte, 128)}},
						Request: history.RequestID{Terminal: fmt.Sprint("terminal-", n%50), Counter: n}, Oldest: n - min(n-1, 64),
						HasAnswer: true, Answer: history.Answer{Revision: true},
					})
				}
				b.StartTimer()
				commit(b, s, batch...)
				flush(b, s)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func BenchmarkStore_Commit(b *testing.B) {
	s, w := open(b, b.TempDir(), Options{}), newWriter(b)
	commit(b, s, w.began())
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		e := w.put("kv", fmt.Sprintf("key-%08d", n*7919%10_000), "a value of some length")
		commit(b, s, e)
		if n%10_000 == 0 {
			b.StopTimer()
			flush(b, s)
			b.StartTimer()
		}
	}
}

func BenchmarkReader_Get(b *testing.B) {
	s, w := open(b, b.TempDir(), Options{}), newWriter(b)
	commit(b, s, w.began())
	for i := range 20_000 {
		commit(b, s, w.put("kv", fmt.Sprintf("key-%08d", i), "a value of some length"))
		if i == 15_000 {
			flush(b, s)
		}
	}
	for name, from := range map[string]int{"bolt": 0, "overlay": 15_001} {
		b.Run(name, func(b *testing.B) {
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				err := s.View(func(r *Reader) error {
					if _, _, ok := r.Get("kv", fmt.Appendf(nil, "key-%08d", from+n%4999)); !ok {
						return history.ErrAbsent
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReader_Scan: a thousand keys that are given, or walked past.
func BenchmarkReader_Scan(b *testing.B) {
	s, w := open(b, b.TempDir(), Options{}), newWriter(b)
	commit(b, s, w.began())
	for i := range 10_000 {
		commit(b, s, w.put("kv", fmt.Sprintf("key-%08d", i*7919%10_000), "a value of some length"))
		if i == 8000 {
			flush(b, s)
		}
	}
	for name, read := range map[string]func(*Reader) int{
		"scan": func(r *Reader) int { items, _ := r.Scan("kv", nil, nil, 1000, 0); return len(items) },
		"walk": func(r *Reader) (n int) {
			for range r.Walk("kv", nil, nil) {
				if n++; n == 1000 {
					break
				}
			}
			return n
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.View(func(r *Reader) error {
					if read(r) != 1000 {
						return history.ErrAbsent
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStore_TestWrite(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	for b.Loop() {
		if err := s.TestWrite(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, w := open(b, dir, Options{}), newWriter(b)
	commit(b, s, w.began())
	for i := range 200_000 {
		commit(b, s, w.put("kv", fmt.Sprintf("key-%08d", i), string(make([]byte, 128))))
		if i%5000 == 0 {
			flush(b, s)
		}
	}
	flush(b, s)
	b.ReportMetric(float64(s.Stats().FileBytes)/(1<<20), "MiB")
	for b.Loop() {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		var err error
		if s, err = Open(dir, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
