package world

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/terminal/queue"
)

// queue has a request kept by its terminal until it is done.
func (h *hall) queue(lane, operation, body string) (id string) {
	h.t.Helper()
	m := nats.NewMsg("request." + tickets.Name + "." + operation)
	m.Data = []byte(body)
	m.Header.Set(bus.HeaderQueue, "yes")
	m.Header.Set(bus.HeaderLane, lane)
	reply, err := h.app.RequestMsg(m, time.Minute)
	if err != nil || reply.Header.Get(bus.HeaderErrorCode) != "" {
		h.t.Fatalf("%v %v", reply, err)
	}
	var kept struct{ ID string }
	if err := json.Unmarshal(reply.Data, &kept); err != nil || kept.ID == "" {
		h.t.Fatalf("%s: %v", reply.Data, err)
	}
	return kept.ID
}

// came is what came of a request that was queued.
func (h *hall) came(id string) (told queue.Told) {
	h.t.Helper()
	reply, err := h.app.Request(bus.SubjectQueueGet, fmt.Appendf(nil, `{"id":%q}`, id), time.Minute)
	if err != nil || reply.Header.Get(bus.HeaderErrorCode) != "" {
		h.t.Fatalf("%v %v", reply, err)
	}
	if err := json.Unmarshal(reply.Data, &told); err != nil {
		h.t.Fatal(err)
	}
	return told
}

// TestQueue_ItsAnswersAreBoundedAndNeverDropped: what stands first in the queue of a terminal finds no service that does it, and the
// answers to all that comes behind it stay at the pair. At a bound the rest of the queue waits, which is an alarm, also after a takeover.
func TestQueue_ItsAnswersAreBoundedAndNeverDropped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var ready atomic.Bool
		h := newHall(t, business.Service{Name: tickets.Name, Version: "1.0.0", Operations: map[string]business.Operation{
			"echo": {Handler: func(_ context.Context, tx *business.Tx, in json.RawMessage) (any, error) { // as it came: it is large, and tried often
				tx.Put("last", []byte("1"))
				return in, nil
			}},
			"wait": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in string) (any, error) {
				if !ready.Load() {
					return nil, business.NotFound("not yet")
				}
				tx.Put("last", []byte("2"))
				return in, nil
			})},
		}})
		defer h.close()
		var done atomic.Int64
		if _, err := h.app.Subscribe(notice.AppSubject(notice.System, bus.TopicResult), func(*nats.Msg) { done.Add(1) }); err != nil {
			t.Fatal(err)
		}
		large := `"` + strings.Repeat("a", 900<<10) + `"`
		first := h.queue("first", "wait", `"x"`)
		var behind []string
		const many, fit = 24, 18 // of 900 KiB in 16 MiB
		for n := range many {
			behind = append(behind, h.queue(fmt.Sprint(n), "echo", large))
		}
		raised := func() {
			h.await(5*time.Minute, "the alarm", func() bool { return h.alarmed(h.active(), alarms.QueueDeferred) })
			if n := done.Load(); n != fit {
				t.Errorf("%d are done, want %d", n, fit)
			}
		}
		raised()
		var x string
		h.ask("echo", "online", &x) // what is not queued goes on
		lost := h.active()
		h.kill(lost)
		h.Host(lost).Start()
		h.paired()
		raised()
		ready.Store(true)
		h.await(5*time.Minute, "all is done", func() bool { return done.Load() == many+1 })
		if told := h.came(first); told.State != queue.Done.String() || told.Code != bus.CodeOK {
			t.Errorf("%+v", told)
		}
		for _, id := range behind {
			if told := h.came(id); string(told.Body) != large || told.Code != bus.CodeOK {
				t.Errorf("code %d, %d bytes", told.Code, len(told.Body))
			}
		}
		h.await(10*time.Minute, "the end of the alarm", func() bool { return !h.alarmed(h.active(), alarms.QueueDeferred) })
	})
}
