package terminal

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/requestid"
	"github.com/hotpair/hotpair/services/strictjson"
)

// FuzzRequest: whatever an application sends is refused with a sentence, or is a request that every host takes.
func FuzzRequest(f *testing.F) {
	f.Add("request.kv.put", `{"key":"a"}`, bus.HeaderRequestID, "2026-01-02T03:04:05Z/x", "30s")
	f.Add("request.kv", `{`, "hotpair-request-id", "", "-1s")
	f.Add("request..put", `{"a":1,"a":2}`, "Hotpair-Terminal", "\xff", "1e9h")
	f.Fuzz(func(t *testing.T, subject, body, header, value, deadline string) {
		a := New(Config{ID: "t1"})
		h := nats.Header{bus.HeaderDeadline: {deadline}}
		h[header] = append(h[header], value)
		e, code, said := a.read(questionOf(&nats.Msg{Subject: subject, Reply: "_INBOX.x", Data: []byte(body), Header: h}), time.Now())
		if said != "" {
			if e != nil || code < 400 {
				t.Errorf("refused with %d %q: %+v", code, said, e)
			}
			return
		}
		_, id := requestid.Issued(e.id.App)
		if !bus.ValidName(e.service) || !bus.ValidName(e.operation) || strictjson.Check(e.body) != nil || e.id.App != "" && id != nil ||
			e.deadline.Sub(e.arrived) <= 0 || e.deadline.Sub(e.arrived) > a.config.MaxDeadline {
			t.Errorf("taken: %+v", e)
		}
	})
}
