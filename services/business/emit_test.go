package business_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// teller is a service that emits as it is asked to.
func teller() business.Service {
	type in struct {
		Target string `json:"target"`
		Lane   string `json:"lane"`
		Body   any    `json:"body"`
		Twice  bool   `json:"twice"`
		Refuse bool   `json:"refuse"`
	}
	tell := func(_ context.Context, tx *business.Tx, q in) (any, error) {
		tx.Put("told", []byte(q.Lane))
		tx.Emit(q.Target, q.Lane, q.Body)
		if q.Twice {
			tx.Emit(q.Target, q.Lane, nil)
		}
		if q.Refuse {
			return nil, business.Malformed("not so")
		}
		return nil, nil
	}
	return business.Service{Name: "teller", Version: "1.0.0", Operations: map[string]business.Operation{
		"tell": {Handler: business.Handle(tell)},
		"look": {ReadOnly: true, Handler: business.Handle(tell)},
		"unsayable": {Handler: func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) {
			tx.Emit("billing", "a", math.NaN())
			return nil, nil
		}},
	}}
}

func TestEmit_WithTheUpdateOrNotAtAll(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(teller())
	host.Database.SetTargets("billing")
	counter := uint64(0)
	ask := func(operation, body string, code int) {
		t.Helper()
		counter++
		if r := host.Call(businesstest.Numbered(counter, "teller", operation, body)); r.Code != code {
			t.Errorf("%s %s: %d %s, want %d", operation, body, r.Code, r.Message, code)
		}
	}
	ask("tell", `{"target":"billing","lane":"12A","body":{"a":1},"twice":true}`, bus.CodeOK)
	ask("tell", `{"target":"billing","lane":"refused","refuse":true}`, bus.CodeMalformed)
	ask("tell", `{"target":"nowhere","lane":"12A"}`, bus.CodeAbsent)
	ask("tell", `{"target":"billing","lane":"a/b"}`, bus.CodeFault)
	ask("look", `{"target":"billing","lane":"12A"}`, bus.CodeFault)
	ask("unsayable", `{}`, bus.CodeFault)
	list := host.Database.Emitted()
	if len(list) != 2 || list[0].Service != "teller" || list[0].Target != "billing" || list[0].Lane != "12A" || string(list[0].Body) != `{"a":1}` || string(list[1].Body) != "{}" {
		t.Fatalf("%+v", list)
	}
	if !list[1].Number.After(list[0].Number) || list[0].Number.Sequence != list[1].Number.Sequence {
		t.Errorf("numbers %v, %v", list[0].Number, list[1].Number)
	}
	if v, _ := host.Database.Value("teller", "told"); string(v) != "12A" {
		t.Errorf("what was refused has left %q", v)
	}
}
