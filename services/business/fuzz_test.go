package business

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// FuzzDecodeBody: what comes from a terminal is read or refused with 400, and what is read is what encoding/json reads.
func FuzzDecodeBody(f *testing.F) {
	for _, body := range []string{``, `{}`, `{"key":"a","value":{"x":[1]},"limit":3}`, `{"key":1}`, `{"other":1}`, `[]`, `null`, `{"key":"a"}{}`, `{"key":"\ud800"}`, "\xff", `{"limit":1e99}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		type shape struct {
			Key   string          `json:"key"`
			Value json.RawMessage `json:"value"`
			Limit int             `json:"limit"`
		}
		var in, plain shape
		err := DecodeBody(body, &in)
		if err != nil {
			told, ok := err.(*Error)
			if !ok || told.Code != bus.CodeMalformed || told.Message == "" {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if err := json.Unmarshal(body, &plain); len(body) > 0 && err == nil && (plain.Key != in.Key || plain.Limit != in.Limit || string(plain.Value) != string(in.Value)) {
			t.Errorf("%q: %+v, want %+v", body, in, plain)
		}
	})
}

// FuzzSingleRequest: headers from a foreign caller never panic, and what is accepted is what was said.
func FuzzSingleRequest(f *testing.F) {
	f.Add("t1", "7", "", "1", "7", "5", "30s")
	f.Add("", "", "2026-01-02T15:04:05Z/x", "-1", "x", "18446744073709551616", "-5s")
	f.Fuzz(func(t *testing.T, terminal, counter, app, attempt, epoch, ticket, deadline string) {
		h := nats.Header{}
		for name, value := range map[string]string{
			bus.HeaderTerminal: terminal, bus.HeaderCounter: counter, bus.HeaderRequestID: app, bus.HeaderAttempt: attempt,
			bus.HeaderEpoch: epoch, bus.HeaderTicket: ticket, bus.HeaderDeadline: deadline,
		} {
			h.Set(name, value)
		}
		q, err := singleRequest("kv", "put", h, nil)
		if err != nil {
			if err.Code != bus.CodeMalformed {
				t.Errorf("%+v", err)
			}
			return
		}
		if q.ID.Terminal != terminal || q.ID.App != app || q.Ticket != ticket || q.Attempt < 0 || q.Remaining < 0 {
			t.Errorf("%+v", q)
		}
	})
}
