package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRest_WaitsOrTellsWhyNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		for _, d := range []time.Duration{time.Hour, 0, -time.Hour} {
			if err := Rest(ctx, d); err != nil {
				t.Errorf("rest of %v: %v", d, err)
			}
		}
		if took := time.Since(began); took != time.Hour {
			t.Errorf("rested for %v", took)
		}
		over := errors.New("over")
		time.AfterFunc(time.Minute, func() { cancel(over) })
		for _, d := range []time.Duration{time.Hour, time.Hour, 0} {
			if err := Rest(ctx, d); !errors.Is(err, over) {
				t.Errorf("rest of %v: %v, want the cause", d, err)
			}
		}
		if took := time.Since(began); took != time.Hour+time.Minute {
			t.Errorf("rested for %v in all", took)
		}
	})
}
