package turns

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// 32 searches of the history ran at once in the process that commits updates, and commits fell to a fifth; with 64 the pair went
// solo. However many ask, one is looked for at a time; who waited long enough is told to ask again, and nobody waits for ever.
func TestFault_C11_ReadsOfMuchTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New()
		var now, most, done, refused atomic.Int32
		var all sync.WaitGroup
		began := time.Now()
		for range 64 {
			all.Go(func() {
				_, err := Take(t.Context(), turns, func(context.Context) (int, error) {
					if n := now.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(100 * time.Millisecond)
					now.Add(-1)
					return 0, nil
				})
				switch {
				case err == nil:
					done.Add(1)
				case errors.Is(err, ErrInTurn):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 1 {
			t.Errorf("%d at once", most.Load())
		}
		if done.Load() < 15 || done.Load()+refused.Load() != 64 {
			t.Errorf("%d answered, %d told to ask again", done.Load(), refused.Load())
		}
		if took := time.Since(began); took > Within+time.Second {
			t.Errorf("the last one waited %s", took)
		}
		// The turn is free again.
		if _, err := Take(t.Context(), turns, func(context.Context) (int, error) { return 0, nil }); err != nil {
			t.Error(err)
		}
	})
}
