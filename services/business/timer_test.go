package business_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// seats is a service that reserves for a while.
func seats() business.Service {
	type in struct {
		Seat string `json:"seat"`
	}
	return business.Service{Name: "seats", Version: "1.0.0", Operations: map[string]business.Operation{
		"reserve": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, q in) (any, error) {
			tx.Put(q.Seat, []byte("reserved"))
			tx.After(q.Seat, 10*time.Minute, business.Timer{Operation: "release", Body: q})
			return nil, nil
		})},
		"sell": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, q in) (any, error) {
			tx.Put(q.Seat, []byte("sold"))
			tx.Cancel(q.Seat)
			return nil, nil
		})},
		"release": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, q in) (any, error) {
			due, ok := tx.Due()
			if !ok || due.Key != q.Seat {
				return nil, business.Malformed("not a timer: %+v", due)
			}
			if due.Late > time.Hour {
				return nil, errors.New("it fails")
			}
			if due.Late > time.Minute { // once more
				tx.At(q.Seat, time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), business.Timer{Operation: "release", Body: q, SkipLate: true})
			}
			tx.Delete(q.Seat)
			return nil, nil
		})},
		"look": {ReadOnly: true, Handler: func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) {
			tx.Cancel("x")
			return nil, nil
		}},
		"never": {Handler: func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) {
			tx.After("x", 0, business.Timer{Operation: "look"})
			return nil, nil
		}},
		"unsayable": {Handler: func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) {
			tx.At("x", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), business.Timer{Operation: "release"})
			return nil, nil
		}},
	}}
}

func TestTimer_IsSetMovedAndRun(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(seats())
	call := func(q bus.Request, code int) {
		t.Helper()
		if r := host.Call(q); r.Code != code {
			t.Errorf("%s: %d %s, want %d", q.Operation, r.Code, r.Message, code)
		}
	}
	counter := uint64(0)
	ask := func(operation string, code int) {
		t.Helper()
		counter++
		call(businesstest.Numbered(counter, "seats", operation, `{"seat":"12A"}`), code)
	}
	ask("reserve", bus.CodeOK)
	first, ok := host.Database.Timer("seats", "12A")
	if !ok || first.Operation != "release" || string(first.Body) != `{"seat":"12A"}` || first.After != 10*time.Minute {
		t.Fatalf("%+v", first)
	}
	old := host.Fire("seats", "12A", 0)
	ask("reserve", bus.CodeOK)
	call(old, bus.CodeTooOld) // it was moved
	if v, _ := host.Database.Value("seats", "12A"); string(v) != "reserved" {
		t.Errorf("the run of a timer that was moved left %q", v)
	}
	failing := host.Fire("seats", "12A", 2*time.Hour)
	call(failing, bus.CodeFault)
	if _, ok := host.Database.Timer("seats", "12A"); !ok {
		t.Error("a run that failed took the timer away")
	}
	again := host.Fire("seats", "12A", 2*time.Minute)
	call(again, bus.CodeOK)
	call(again, bus.CodeTooOld) // its own handler has set it again
	if set, ok := host.Database.Timer("seats", "12A"); !ok || set.At == 0 || !set.Skip || set.Revision == again.Timer.Revision {
		t.Errorf("set by its own handler: %+v, %v", set, ok)
	}
	last := host.Fire("seats", "12A", 0)
	call(last, bus.CodeOK)
	call(last, bus.CodeTooOld)
	if _, ok := host.Database.Timer("seats", "12A"); ok {
		t.Error("it is still there after its run")
	}
	ask("reserve", bus.CodeOK)
	ask("sell", bus.CodeOK)
	if _, ok := host.Database.Timer("seats", "12A"); ok {
		t.Error("it is still there after the cancel")
	}
}

// TestTimer_AnswerThatWasLost: the run is committed, its answer lost with the updater. The next try finds that it was done.
func TestTimer_UpdaterGoesAway(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(seats())
	host.Call(businesstest.Numbered(1, "seats", "reserve", `{"seat":"1A"}`))
	q := host.Fire("seats", "1A", 0)
	host.UpdaterDown()
	answers := make(chan bus.Reply, 1)
	host.Caller("seats").Go(q, func(r bus.Reply, _ error) { answers <- r })
	host.UpdaterUp()
	if r := <-answers; r.Code != bus.CodeOK && r.Code != bus.CodeTooOld {
		t.Errorf("%d %s", r.Code, r.Message)
	}
	if _, ok := host.Database.Timer("seats", "1A"); ok {
		t.Error("it was not run")
	}
}

func TestTimer_MistakesOfAService(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(seats())
	for n, operation := range []string{"look", "never", "unsayable"} {
		if r := host.Call(businesstest.Numbered(uint64(n+1), "seats", operation, `{}`)); r.Code != bus.CodeFault {
			t.Errorf("%s: %d %s", operation, r.Code, r.Message)
		}
	}
	for _, key := range []string{"x", ""} {
		if _, ok := host.Database.Timer("seats", key); ok {
			t.Errorf("a timer %q was set", key)
		}
	}
}

// TestTimer_StopUsesUpNoTry: the run that a stop ends was not executed, as far as anybody counts.
func TestTimer_StopUsesUpNoTry(t *testing.T) {
	host := businesstest.NewHost(t)
	service := seats()
	reached := make(chan struct{})
	service.Operations["release"] = business.Operation{Handler: func(ctx context.Context, _ *business.Tx, _ json.RawMessage) (any, error) {
		close(reached)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	p := host.Run(service)
	host.Call(businesstest.Numbered(1, "seats", "reserve", `{"seat":"1A"}`))
	answers := make(chan bus.Reply, 1)
	host.Caller("seats").Go(host.Fire("seats", "1A", 0), func(r bus.Reply, _ error) { answers <- r })
	<-reached
	if err := p.Stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
	select {
	case r := <-answers:
		if r.Code != bus.CodeNobody {
			t.Errorf("%d %s, want %d", r.Code, r.Message, bus.CodeNobody)
		}
	case <-time.After(businesstest.Patience):
		t.Error("no answer")
	}
	if _, ok := host.Database.Timer("seats", "1A"); !ok {
		t.Error("its timer is gone")
	}
}
