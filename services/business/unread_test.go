package business

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_A13_UnreadAnswersOfAProcessAreBounded: no test had come to how much a business process keeps of answers that nobody reads. Beyond it a
// request is busy at once, and once they are read the next one is served.
func TestFault_A13_UnreadAnswersOfAProcessAreBounded(t *testing.T) {
	free := make(bustest.Blocked)
	answers := batch.NewAnswerer(free, func(r bus.Reply) int { return len(r.Body) }, func(_ bus.Request, _ string, answer func(bus.Reply)) {
		answer(bus.Reply{Body: make([]byte, 1<<20)})
	}, nil)
	one := bustest.Batch(t, bus.Request{})
	r := newRequests(Service{Operations: map[string]Operation{"get": {ReadOnly: true, Handler: func(context.Context, *Tx, json.RawMessage) (any, error) {
		return nil, nil
	}}}}, nil, slog.New(slog.DiscardHandler))
	r.unread.Store(&batch.Responder[bus.Request, bus.Reply]{Answerer: answers})
	ask := func() int {
		got := make(chan bus.Reply, 1)
		r.take(t.Context(), bus.Request{Operation: "get", Remaining: int64(time.Minute)}, func(a bus.Reply) { got <- a })
		return (<-got).Code
	}
	for n := range maxBacklog >> 20 {
		if code := ask(); code != bus.CodeOK {
			t.Fatalf("with %d MiB of answers unread: %d", n, code)
		}
		answers.Take(&nats.Msg{Reply: "asker.1", Data: one})
	}
	answers.Take(&nats.Msg{Reply: "asker.1", Data: one})
	if code := ask(); code != bus.CodeOverloaded {
		t.Errorf("with more than %d MiB of answers unread: %d, want %d", maxBacklog>>20, code, bus.CodeOverloaded)
	}
	close(free)
	processtest.Await(t, "all is read", func() bool { return answers.Backlog() == 0 })
	if code := ask(); code != bus.CodeOK {
		t.Errorf("once they are read: %d", code)
	}
}
