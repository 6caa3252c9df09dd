package business_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// announcer is a service that tells terminals what it is asked to.
func announcer() business.Service {
	type in struct {
		To    []string        `json:"to"`
		Topic string          `json:"topic"`
		Times int             `json:"times"`
		Body  json.RawMessage `json:"body"`
		Fail  bool            `json:"fail"`
		// Fence is a duration.
		Fence string `json:"fence"`
	}
	tell := business.Handle(func(_ context.Context, tx *business.Tx, q in) (any, error) {
		to := business.AllTerminals()
		if len(q.To) > 0 {
			to = business.Terminals(q.To...)
		}
		for range max(q.Times, 1) {
			if within, err := time.ParseDuration(q.Fence); q.Fence != "" {
				if err != nil {
					return nil, err
				}
				tx.Notify(to, q.Topic, q.Body, business.Fenced(within))
			} else if q.Body == nil {
				tx.Notify(to, q.Topic, nil)
			} else {
				tx.Notify(to, q.Topic, q.Body)
			}
		}
		if q.Fail {
			return nil, business.Conflict("not now")
		}
		return nil, nil
	})
	return business.Service{Name: "announcer", Version: "1.0.0", Operations: map[string]business.Operation{
		"tell": {Handler: tell}, "look": {Handler: tell, ReadOnly: true},
		"unsayable": {Handler: func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) {
			tx.Notify(business.AllTerminals(), "a", make(chan int))
			return nil, nil
		}},
	}}
}

func TestNotify_IsPartOfTheUpdate(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(announcer())
	counter := uint64(0)
	ask := func(operation, body string, code int) bus.Reply {
		t.Helper()
		counter++
		r := host.Call(businesstest.Numbered(counter, "announcer", operation, body))
		if r.Code != code {
			t.Errorf("%s %s: %d %s, want %d", operation, body, r.Code, r.Message, code)
		}
		return r
	}
	ask("tell", `{"topic":"a","body":{"x":1}}`, bus.CodeOK)
	ask("tell", `{"to":["t1","t2"],"topic":"b"}`, bus.CodeOK)
	ask("tell", `{"topic":"a","fail":true}`, bus.CodeConflict)
	ask("look", `{"topic":"a"}`, bus.CodeFault)
	ask("unsayable", `{}`, bus.CodeFault)
	for _, body := range []string{
		`{"topic":"a","fence":"1s"}`, `{"topic":"a","to":["t1"],"fence":"0s"}`, `{"topic":"a","to":["t1"],"fence":"-1s"}`, `{"topic":"a","to":["t1"],"fence":"24h1ms"}`,
		`{"topic":"two words"}`, `{"topic":""}`, `{"topic":"a","times":257}`, `{"to":["t1","t1"],"topic":"a"}`, `{"to":["no/id"],"topic":"a"}`,
		`{"topic":"a","body":"` + strings.Repeat("x", outbox.MaxBody) + `"}`, `{"to":["t1","t2","t3","t4","t5"],"topic":"a","times":205}`,
	} {
		if r := ask("tell", body, bus.CodeMalformed); !strings.Contains(r.Message, "notice") {
			t.Errorf("%.40s: %s", body, r.Message)
		}
	}
	ask("tell", `{"topic":"c","to":["t1"],"fence":"90s","body":{"x":2}}`, bus.CodeOK)
	got := host.Database.Notices()
	if n := len(got) - 1; n == 2 {
		if !got[n].Fenced || got[n].Within != 90*time.Second || got[0].Fenced {
			t.Errorf("%+v", got[n])
		}
		got = got[:n]
	}
	if len(got) != 2 || !got[0].All || string(got[0].Body) != `{"x":1}` || got[0].Topic != "a" || got[0].Service != "announcer" ||
		!slices.Equal(got[1].To, []string{"t1", "t2"}) || got[1].Body != nil || got[1].Sequence <= got[0].Sequence {
		t.Errorf("%+v", got)
	}
}
