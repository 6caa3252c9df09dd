package sequence_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/sequence"
)

func TestSequence_Operations(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(sequence.Service())
	longest := strings.Repeat("n", sequence.MaxName)
	for _, s := range []struct {
		name, operation, body string
		code                  int
		want                  string
	}{
		{"last of none", "last", `{"name":"invoice"}`, 0, `{"number":0}`},
		{"first", "next", `{"name":"invoice"}`, 0, `{"number":1}`},
		{"second", "next", `{"name":"invoice"}`, 0, `{"number":2}`},
		{"another name", "next", `{"name":"receipt"}`, 0, `{"number":1}`},
		{"a name that begins alike", "next", `{"name":"invoice/2026"}`, 0, `{"number":1}`},
		{"last", "last", `{"name":"invoice"}`, 0, `{"number":2}`},
		{"last takes none", "last", `{"name":"invoice"}`, 0, `{"number":2}`},
		{"third", "next", `{"name":"invoice"}`, 0, `{"number":3}`},
		{"odd name", "next", `{"name":" ä/\u0000.*>"}`, 0, `{"number":1}`},
		{"longest name", "next", `{"name":"` + longest + `"}`, 0, `{"number":1}`},
		{"next of a long name", "next", `{"name":"` + longest + `n"}`, 400, `"name"`},
		{"last of a long name", "last", `{"name":"` + longest + `n"}`, 400, `"name"`},
		{"next without name", "next", `{}`, 400, `"name"`},
		{"last without name", "last", ``, 400, `"name"`},
		{"unknown field", "next", `{"name":"invoice","step":2}`, 400, `"step"`},
		{"wrong type", "next", `{"name":7}`, 400, `"name"`},
		{"unknown operation", "reset", `{"name":"invoice"}`, 404, `sequence has no operation "reset", only last, next`},
		{"no error takes a number", "last", `{"name":"invoice"}`, 0, `{"number":3}`},
	} {
		reply := host.Call(businesstest.Request(sequence.Name, s.operation, s.body))
		switch {
		case reply.Code != s.code:
			t.Errorf("%s: code %d (%s), want %d", s.name, reply.Code, reply.Message, s.code)
		case s.code == 0 && string(reply.Body) != s.want:
			t.Errorf("%s: %s, want %s", s.name, reply.Body, s.want)
		case s.code != 0 && !strings.Contains(reply.Message, s.want):
			t.Errorf("%s: %q, want %q in it", s.name, reply.Message, s.want)
		}
		if written := reply.Code == 0 && s.operation == "next"; written == reply.Position.IsZero() {
			t.Errorf("%s: position %v", s.name, reply.Position)
		}
	}
}

// TestSequence_NoGapsUnderParallelRequests: many ask for one name at once, each repeats each of its requests once, and in the
// end the numbers from 1 are there, each once.
func TestSequence_NoGapsUnderParallelRequests(t *testing.T) {
	const askers, each = 16, 20
	host := businesstest.NewHost(t)
	host.Run(sequence.Service())
	host.Caller(sequence.Name)
	given := make([][]uint64, askers)
	var asking sync.WaitGroup
	for a := range askers {
		asking.Go(func() {
			for n := range each {
				q := businesstest.Numbered(uint64(a*each+n+1), sequence.Name, "next", `{"name":"invoice"}`)
				reply, again := host.Call(q), host.Call(q)
				var number sequence.Number
				if err := json.Unmarshal(reply.Body, &number); err != nil || reply.Code != 0 {
					t.Errorf("request %v: %d %s %s", q.ID, reply.Code, reply.Message, reply.Body)
				}
				if string(again.Body) != string(reply.Body) || again.Position != reply.Position {
					t.Errorf("request %v: first %s at %v, then %s at %v", q.ID, reply.Body, reply.Position, again.Body, again.Position)
				}
				given[a] = append(given[a], number.Number)
			}
		})
	}
	asking.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(given...)))
	for i, number := range all {
		if number != uint64(i+1) {
			t.Fatalf("number %d stands where %d must be", number, i+1)
		}
	}
	if len(all) != askers*each {
		t.Errorf("%d numbers, want %d", len(all), askers*each)
	}
}

// TestSequence_V9aAppRepeatsItsIDAfterItsAgentRestarted: the agent knows nothing of the first attempt, so the repetition comes
// as one. It gets the number of the first attempt; another id gets the next.
func TestSequence_V9aAppRepeatsItsIDAfterItsAgentRestarted(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(sequence.Service())
	q := businesstest.Request(sequence.Name, "next", `{"name":"invoice"}`)
	q.ID = bus.RequestID{Terminal: "t1", App: "2026-01-01T00:00:00Z/invoice-7"}
	for _, what := range []string{"first", "repeated"} {
		if r := host.Call(q); r.Code != 0 || string(r.Body) != `{"number":1}` {
			t.Errorf("%s: %d %s %s", what, r.Code, r.Message, r.Body)
		}
	}
	q.ID.App = "2026-01-01T00:00:00Z/invoice-8"
	if r := host.Call(q); string(r.Body) != `{"number":2}` {
		t.Errorf("another id: %d %s %s", r.Code, r.Message, r.Body)
	}
}
