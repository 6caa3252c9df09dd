package limit

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestMeasure_CountsWhatBothCopiesHold(t *testing.T) {
	rate, err := Measure(t.Context(), 4, 200, 200*time.Millisecond)
	if err != nil || rate <= 0 {
		t.Fatalf("%v, %v", rate, err)
	}
}

func TestMeasure_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := Measure(ctx, 4, 200, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Minute {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
}
