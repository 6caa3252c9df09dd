package link

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeep_DialsAtOnceAfterALossAndEverMoreSlowlyAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := errors.New("over")
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		refused := errors.New("refused")
		outcomes := []error{refused, refused, refused, nil, refused, nil, nil}
		var at []time.Duration
		err := Keep(ctx, func(context.Context) error {
			at = append(at, time.Since(began)/time.Millisecond)
			outcome := outcomes[0]
			if outcomes = outcomes[1:]; len(outcomes) == 0 {
				cancel(over)
			}
			return outcome
		})
		if want := []time.Duration{0, 1, 3, 7, 7, 8, 8}; !errors.Is(err, over) || !slices.Equal(at, want) {
			t.Errorf("dialled after %v ms, want %v: %v", at, want, err)
		}
	})
}
