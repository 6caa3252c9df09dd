package rivals

import (
	"bufio"
	"context"
	"io"
	"testing"
	"time"
)

// TestExchange_WithAProcessThatWorks plays the other side of the exchange.
func TestExchange_WithAProcessThatWorks(t *testing.T) {
	for _, c := range []struct {
		name, first, last string
		good              bool
	}{
		{"works", "working\n", `{"answers":[[[5,1]]],"failed":[[7]]}` + "\n", true},
		{"never works", "", `{}` + "\n", false},
		{"says something else", "hello\n", "", false},
		{"dies while it works", "working\n", "", false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if c.first != "" {
			ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		}
		jobs, in := io.Pipe()
		out, answers := io.Pipe()
		go func() {
			defer answers.Close()
			reader := bufio.NewReader(jobs)
			if _, err := reader.ReadString('\n'); err != nil {
				return
			}
			if c.first == "" {
				<-ctx.Done() // longer than the test's patience
			}
			_, _ = io.WriteString(answers, c.first)
			_, _ = io.Copy(io.Discard, reader) // until the work is to end
			_, _ = io.WriteString(answers, c.last)
		}()
		did := false
		o, err := exchange(ctx, in, out, []byte("{}"), func() error { did = true; return nil })
		cancel()
		if (err == nil) != c.good || c.good && (!did || len(o.Answers) != 1 || o.Failed[0][0] != 7) {
			t.Errorf("%s: %+v, %v", c.name, o, err)
		}
	}
}
