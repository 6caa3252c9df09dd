package business_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// in names what an operation of these tests works on.
type in struct {
	Under string
	Key   string
}

func under(operation, prefix, key string) bus.Request {
	return businesstest.Request("bench", operation, fmt.Sprintf(`{"Under":%q,"Key":%q}`, prefix, key))
}

// found is what a scan gave, in a line.
func found(items []business.Item) string {
	keys := make([]string, len(items))
	for i, item := range items {
		keys[i] = item.Key
	}
	return strings.Join(keys, " ")
}

var putKey = business.Operation{Handler: business.Handle(func(_ context.Context, tx *business.Tx, in in) (any, error) {
	tx.Put(in.Key, nil)
	return nil, nil
})}

var deleteKey = business.Operation{Handler: business.Handle(func(_ context.Context, tx *business.Tx, in in) (any, error) {
	tx.Delete(in.Key)
	return nil, nil
})}

// TestScan_NoticesWhatComesAndGoes: behind the back of a handler that has scanned, something happens to the range. Who writes has
// worked on what is there when it is committed; what happens outside the range makes no difference.
func TestScan_NoticesWhatComesAndGoes(t *testing.T) {
	host := businesstest.NewHost(t)
	var behind atomic.Pointer[func()]
	var runs atomic.Int64
	host.Run(bench(map[string]business.Operation{
		"put":    putKey,
		"delete": deleteKey,
		"list": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in in) (any, error) {
			runs.Add(1)
			items, more, err := tx.Scan("a/", "", 2)
			if err != nil {
				return nil, err
			}
			(*behind.Load())()
			tx.Put("list", []byte(found(items)))
			return fmt.Sprint(found(items), " ", more), nil
		})},
	}))
	host.Caller("bench")
	for _, c := range []struct {
		before, behind []string // "+key" is put, "-key" deleted
		want           string
		runs           int64
	}{
		{nil, nil, " false", 1},
		{nil, []string{"+b"}, " false", 1},
		{nil, []string{"+a/5"}, "a/5 false", 2},
		{nil, []string{"+a/9"}, "a/5 a/9 false", 2},
		{nil, []string{"+a/5"}, "a/5 a/9 false", 2}, // it was written again, and has another revision
		{nil, []string{"-a/5"}, "a/9 false", 2},
		{nil, []string{"-a/5"}, "a/9 false", 1},                         // it was not there any more
		{[]string{"+a/3", "+a/5"}, []string{"+a/7"}, "a/3 a/5 true", 1}, // behind the page
		{nil, []string{"+a/4"}, "a/3 a/4 true", 2},
		{nil, []string{"-a/3", "+a/3"}, "a/3 a/4 true", 2},
		{nil, []string{"+a/2", "-a/2"}, "a/3 a/4 true", 1}, // as it was
	} {
		do := func(steps []string) {
			for _, step := range steps {
				expect(t, host.Call(under(map[byte]string{'+': "put", '-': "delete"}[step[0]], "", step[1:])), 0, "{}")
			}
		}
		do(c.before)
		runs.Store(0)
		var once sync.Once
		change := func() { once.Do(func() { do(c.behind) }) }
		behind.Store(&change)
		expect(t, host.Call(under("list", "", "")), 0, `"`+c.want+`"`)
		if n := runs.Load(); n != c.runs {
			t.Errorf("%v behind its back: %d runs, want %d", c.behind, n, c.runs)
		}
	}
}

// TestScan_OneOfManyGetsIn: clients that each put a key if there is none with the prefix. One gets in, and is told so.
func TestScan_OneOfManyGetsIn(t *testing.T) {
	const clients, rounds = 16, 20
	host := businesstest.NewHost(t)
	host.Run(bench(map[string]business.Operation{
		"claim": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in in) (any, error) {
			items, _, err := tx.Scan(in.Under, "", 1)
			if err != nil {
				return nil, err
			}
			if len(items) > 0 {
				return nil, business.Conflict("taken by %s", items[0].Key)
			}
			tx.Put(in.Under+in.Key, nil)
			return nil, nil
		})},
	}))
	caller := host.Caller("bench")
	for round := range rounds {
		prefix := fmt.Sprintf("seat-%d/", round)
		var won atomic.Int64
		var working sync.WaitGroup
		for client := range clients {
			working.Go(func() {
				reply, err := caller.Call(t.Context(), under("claim", prefix, fmt.Sprint(client)))
				switch {
				case err == nil && reply.Code == bus.CodeOK:
					won.Add(1)
				case err != nil || reply.Code != bus.CodeConflict:
					t.Errorf("%+v %v", reply, err)
				}
			})
		}
		working.Wait()
		if n, keys := won.Load(), host.Database.Len("bench"); n != 1 || keys != round+1 {
			t.Fatalf("round %d: %d were told that they got in, and there are %d keys", round, n, keys)
		}
	}
}

// TestScan_TakesTurns: many clients that add to a range what depends on all of it. None is refused, and few runs are lost.
func TestScan_TakesTurns(t *testing.T) {
	const clients, each = 32, 10
	host := businesstest.NewHost(t)
	host.Run(bench(map[string]business.Operation{
		"append": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in in) (any, error) {
			items, _, err := tx.Scan(in.Under, "", 0)
			if err != nil {
				return nil, err
			}
			tx.Put(fmt.Sprintf("%s%04d", in.Under, len(items)), nil)
			return nil, nil
		})},
	}))
	caller := host.Caller("bench")
	var working sync.WaitGroup
	for range clients {
		working.Go(func() {
			for range each {
				if reply, err := caller.Call(t.Context(), under("append", "q/", "")); err != nil || reply.Code != bus.CodeOK {
					t.Errorf("%+v %v", reply, err)
				}
			}
		})
	}
	working.Wait()
	if n := host.Database.Len("bench"); n != clients*each {
		t.Errorf("%d keys, want %d", n, clients*each)
	}
	calls := host.Database.Calls()
	t.Logf("%d requests, %+v", clients*each, calls)
	if calls.Commits > 3*clients*each {
		t.Errorf("%d commits for %d requests", calls.Commits, clients*each)
	}
}
