package business_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// bench is a service whose operations are the functions of one test.
func bench(operations map[string]business.Operation) business.Service {
	return business.Service{Name: "bench", Version: "1.0.0", Operations: operations}
}

func request(operation string) bus.Request { return businesstest.Request("bench", operation, "") }

func handler(f func(tx *business.Tx) (any, error)) business.Handler {
	return func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) { return f(tx) }
}

// set writes two keys at once, so that whoever sees them differ has not seen one position.
var set = business.Operation{Handler: business.Handle(func(_ context.Context, tx *business.Tx, in struct{ V string }) (any, error) {
	tx.Put("a", []byte(in.V))
	tx.Put("b", []byte(in.V))
	return nil, nil
})}

func setTo(v string) bus.Request {
	return businesstest.Request("bench", "set", fmt.Sprintf(`{"V":%q}`, v))
}

// TestTx_ReadsInSeveralTripsAreOfOnePosition: between two reads both keys change. A handler that only reads, one that
// fails and one that writes must all see either both old or both new.
func TestTx_ReadsInSeveralTripsAreOfOnePosition(t *testing.T) {
	host := businesstest.NewHost(t)
	var between atomic.Pointer[func()]
	nothing := func() {}
	between.Store(&nothing)
	var torn atomic.Int64
	read := func(tx *business.Tx) (string, error) {
		a, err := tx.Get("a")
		if err != nil {
			return "", err
		}
		(*between.Load())()
		b, err := tx.Get("b")
		if err != nil {
			return "", err
		}
		if string(a.Value) != string(b.Value) {
			torn.Add(1)
		}
		return string(a.Value) + string(b.Value), nil
	}
	host.Run(bench(map[string]business.Operation{
		"set": set,
		"read": {ReadOnly: true, Handler: handler(func(tx *business.Tx) (any, error) {
			return read(tx)
		})},
		"fail": {Handler: handler(func(tx *business.Tx) (any, error) {
			both, err := read(tx)
			if err != nil {
				return nil, err
			}
			return nil, business.Conflict("%s", both)
		})},
		"write": {Handler: handler(func(tx *business.Tx) (any, error) {
			both, err := read(tx)
			if err != nil {
				return nil, err
			}
			tx.Put("c", []byte(both))
			return both, nil
		})},
	}))
	host.Caller("bench")
	for i, operation := range []string{"read", "fail", "write"} {
		before, after := fmt.Sprint(2*i), fmt.Sprint(2*i+1)
		host.Call(setTo(before))
		var once sync.Once
		change := func() { once.Do(func() { host.Call(setTo(after)) }) }
		between.Store(&change)
		reply := host.Call(request(operation))
		if got := strings.Trim(string(reply.Body), `"`) + reply.Message; got != after+after {
			t.Errorf("%s: %s, want %s", operation, got, after+after)
		}
	}
	if n := torn.Load(); n > 0 {
		t.Errorf("%d runs saw one old and one new key", n)
	}
}

func TestTx_SeesItsOwnWrites(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(bench(map[string]business.Operation{
		"set": set,
		"own": {Handler: handler(func(tx *business.Tx) (any, error) {
			tx.Put("new", []byte("1"))
			tx.Delete("a")
			tx.Put("new", []byte("2"))
			items, err := tx.GetMany("new", "a", "b", "none", "b")
			if err != nil {
				return nil, err
			}
			tx.Put("b", []byte("9"))
			b, err := tx.Get("b")
			return fmt.Sprint(items, b), err
		})},
	}))
	host.Call(setTo("x"))
	reply := host.Call(request("own"))
	want := `"[{new [50] 0 true} {a [] 0 false} {b [120] 2 true} {none [] 0 false} {b [120] 2 true}] {b [57] 2 true}"`
	if string(reply.Body) != want {
		t.Errorf("%d %s %s\nwant %s", reply.Code, reply.Message, reply.Body, want)
	}
	for key, want := range map[string]string{"new": "2", "a": "", "b": "9"} {
		if v, _ := host.Database.Value("bench", key); string(v) != want {
			t.Errorf("%s is %q, want %q", key, v, want)
		}
	}
	if calls := host.Database.Calls(); calls.Reads != 1 {
		t.Errorf("%d trips to read, want 1", calls.Reads)
	}
}

func TestTx_ErrorForgetsWrites(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(bench(map[string]business.Operation{
		"fail": {Handler: handler(func(tx *business.Tx) (any, error) {
			tx.Put("k", []byte("1"))
			return nil, business.Conflict("no")
		})},
	}))
	expect(t, host.Call(request("fail")), bus.CodeConflict, "no")
	if host.Database.Len("bench") != 0 {
		t.Error("something was written")
	}
}

func TestTx_ScanOfSeveralPagesIsOfOnePosition(t *testing.T) {
	host := businesstest.NewHost(t, func(d *businesstest.Database) { d.SetScanItems(1) })
	var between atomic.Pointer[func()]
	nothing := func() {}
	between.Store(&nothing)
	pages := func(scan func(prefix, after string, limit int) ([]business.Item, bool, error)) (string, error) {
		seen, after, more := "", "", true
		for more {
			items, next, err := scan("", after, 0)
			if err != nil {
				return "", err
			}
			for _, item := range items {
				seen += string(item.Value)
				after = item.Key
			}
			more = next
			(*between.Load())()
		}
		return seen, nil
	}
	host.Run(bench(map[string]business.Operation{
		"set":  set,
		"scan": {ReadOnly: true, Handler: handler(func(tx *business.Tx) (any, error) { return pages(tx.Scan) })},
		"kept": {ReadOnly: true, Handler: handler(func(tx *business.Tx) (any, error) { return pages(tx.ScanKept) })},
	}))
	host.Run(kv.Service())
	host.Caller("bench")
	host.Caller(kv.Name)
	for i, operation := range []string{"scan", "kept"} {
		before, after := fmt.Sprint(2*i), fmt.Sprint(2*i+1)
		host.Call(setTo(before))
		var once sync.Once
		change := func() { once.Do(func() { host.Call(setTo(after)) }) }
		between.Store(&change)
		reply := host.Call(request(operation))
		expect(t, reply, 0, `"`+after+after+`"`)
	}
	// Another service commits between all pages: that makes no difference.
	write := func() { host.Call(businesstest.Request(kv.Name, "put", `{"key":"k","value":1}`)) }
	between.Store(&write)
	expect(t, host.Call(request("scan")), 0, `"33"`)
	expect(t, host.Call(request("kept")), 0, `"33"`)
}

// TestTx_ScanOfVeryMuch: what is more than can be compared at each page needs that nothing at all is committed between pages.
// Another service commits there all the time. A strict scan gives up; for kept keys it makes no difference.
func TestTx_ScanOfVeryMuch(t *testing.T) {
	const keys = keyrange.MostKeys + 1000
	host := businesstest.NewHost(t)
	var fill atomic.Int64
	all := func(scan func(prefix, after string, limit int) ([]business.Item, bool, error)) (n int, err error) {
		for after, more := "", true; more; {
			var items []business.Item
			if items, more, err = scan("", after, 0); err != nil {
				return 0, err
			}
			n, after = n+len(items), items[len(items)-1].Key
			host.Call(businesstest.Request(kv.Name, "put", `{"key":"k","value":1}`))
		}
		return n, nil
	}
	host.Run(bench(map[string]business.Operation{
		"fill": {Handler: handler(func(tx *business.Tx) (any, error) {
			for i := range 4000 {
				tx.Put(fmt.Sprintf("%06d", fill.Load()+int64(i)), nil)
			}
			return nil, nil
		})},
		"scan": {ReadOnly: true, Handler: handler(func(tx *business.Tx) (any, error) { return all(tx.Scan) })},
		"kept": {ReadOnly: true, Handler: handler(func(tx *business.Tx) (any, error) { return all(tx.ScanKept) })},
		"count": {Handler: handler(func(tx *business.Tx) (any, error) {
			n, err := all(tx.ScanKept)
			tx.Put("count", []byte(fmt.Sprint(n)))
			return n, err
		})},
	}))
	host.Run(kv.Service())
	host.Caller("bench")
	host.Caller(kv.Name)
	for ; fill.Load() < keys; fill.Add(4000) {
		expect(t, host.Call(request("fill")), 0, "{}")
	}
	expect(t, host.Call(request("scan")), bus.CodeOverloaded, "not executed")
	expect(t, host.Call(request("kept")), 0, fmt.Sprint(fill.Load()))
	expect(t, host.Call(request("count")), bus.CodeTooLarge, "scan less in one update")
}

func TestTx_MistakesOfAHandlerAreFaults(t *testing.T) {
	logged := &processtest.Output{}
	host := businesstest.NewHost(t)
	host.Log = slog.New(slog.NewTextHandler(logged, nil))
	host.Run(bench(map[string]business.Operation{
		"set": set,
		"readonly": {ReadOnly: true, Handler: handler(func(tx *business.Tx) (any, error) {
			tx.Put("k", nil)
			return nil, nil
		})},
		"scanlate": {Handler: handler(func(tx *business.Tx) (any, error) {
			tx.Put("k", nil)
			_, _, _ = tx.Scan("", "", 0) // the error is not even returned
			return nil, nil
		})},
		"panic": {Handler: handler(func(tx *business.Tx) (any, error) {
			tx.Put("k", nil)
			panic("poison")
		})},
		"error":   {Handler: handler(func(*business.Tx) (any, error) { return nil, errors.New("secret reason") })},
		"channel": {Handler: handler(func(*business.Tx) (any, error) { return make(chan int), nil })},
		"large":   {Handler: handler(func(*business.Tx) (any, error) { return strings.Repeat("x", 5<<20), nil })},
	}))
	for _, c := range []struct {
		operation string
		code      int
		log       string
	}{
		{"readonly", bus.CodeFault, business.ErrReadOnly.Error()},
		{"scanlate", bus.CodeFault, business.ErrScanAfterWrite.Error()},
		{"panic", bus.CodeFault, "poison"},
		{"error", bus.CodeFault, "secret reason"},
		{"channel", bus.CodeFault, "chan int"},
		{"large", bus.CodeTooLarge, ""},
	} {
		reply := host.Call(request(c.operation))
		if reply.Code != c.code || strings.Contains(reply.Message, "secret") {
			t.Errorf("%s: %d %s, want %d", c.operation, reply.Code, reply.Message, c.code)
		}
		if !strings.Contains(logged.String(), c.log) {
			t.Errorf("%s: the log does not say %q", c.operation, c.log)
		}
	}
	if host.Database.Len("bench") != 0 {
		t.Error("something was written")
	}
	expect(t, host.Call(setTo("1")), 0, "{}") // the process goes on
	// At a later attempt the fault is the outcome, for ever.
	q := request("panic")
	q.ID, q.Attempt = bus.RequestID{Terminal: "t1", Counter: 1}, 2
	reply := host.Call(q)
	expect(t, reply, bus.CodeFault, "internal fault")
	recorded, _ := host.Database.Recorded(q.ID)
	same(t, recorded, reply)
}
