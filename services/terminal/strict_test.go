package terminal

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// TestFault_B5_WhatNamesTwoThingsGoesNoFurther: the agent let through whatever encoding/json takes for JSON, so each service read
// names in its own way. It is refused at the first door, for services in any language.
func TestFault_B5_WhatNamesTwoThingsGoesNoFurther(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	for body, said := range map[string]string{
		"{\"account\":\"M\xf6ller\"}":   "no UTF-8",
		`{"account":"\ud800"}`:          "half of a character",
		`{"amount":1,"amount":500}`:     "stands twice",
		`{"of":[{"a":1,"\u0061":500}]}`: "stands twice",
		`{"amount":1} {"amount":500}`:   "nothing after it",
	} {
		m := request(t, nc, "request.ledger.transfer", body, bus.HeaderDeadline, "100ms")
		if wantCode(t, m, bus.CodeMalformed); !strings.Contains(m.Header.Get(bus.HeaderError), said) {
			t.Errorf("%q: %q, want %q", body, m.Header.Get(bus.HeaderError), said)
		}
	}
}

// TestFault_B6_IdsAndHeadersAreCheckedWhereTheyComeIn: ids that no store takes passed here and were 400 only after a trip to the
// service; hotpair-request-id was taken for nothing, and the repeated request done twice.
func TestFault_B6_IdsAndHeadersAreCheckedWhereTheyComeIn(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	answering(t, a)
	nc := app(t, a)
	now := time.Now().UTC()
	ask := func(header nats.Header) *nats.Msg {
		t.Helper()
		m, err := nc.RequestMsg(&nats.Msg{Subject: "request.kv.put", Data: []byte(`{}`), Header: header}, patience)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, id := range []string{
		now.Format("2006-01-02T15:04:05.000000") + "+00:00/" + strings.Repeat("ж", 40), // Python's isoformat
		issued("order 17/3"), "019b7c3e-9a2e-7c41-8d7e-5f0c8a3b2e11",
	} {
		wantCode(t, ask(nats.Header{bus.HeaderRequestID: {id}}), bus.CodeOK)
	}
	for said, header := range map[string]nats.Header{
		"write it as Hotpair-Request-Id":    {"hotpair-request-id": {issued("x")}},
		"write it as Hotpair-Deadline":      {"Hotpair-DeadLine": {"3s"}},
		"remove it, or":                     {bus.HeaderTerminal: {"t2"}},
		"is set 2 times":                    {bus.HeaderRequestID: {issued("x"), issued("y")}},
		"not a request id":                  {bus.HeaderRequestID: {""}},
		"a UUID of version 4":               {bus.HeaderRequestID: {"9d2c8f0e-3b1a-4c6d-9e7f-0a1b2c3d4e5f"}},
		"at most 128; shorten":              {bus.HeaderRequestID: {issued(strings.Repeat("ж", 64))}},
		"not in UTC; write it as 2026-01-0": {bus.HeaderRequestID: {"2026-01-02T03:04:05+02:00/x"}},
	} {
		m := ask(header)
		if wantCode(t, m, bus.CodeMalformed); !strings.Contains(m.Header.Get(bus.HeaderError), said) {
			t.Errorf("%v: %q, want %q", header, m.Header.Get(bus.HeaderError), said)
		}
	}
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestFault_B6_WhatNobodyCanBeAnsweredIsTold: a request sent with publish was dropped without a word to anybody.
func TestFault_B6_WhatNobodyCanBeAnsweredIsTold(t *testing.T) {
	var said lines
	a := start(t, t.TempDir(), func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&said, nil)) })
	answering(t, a)
	nc := app(t, a)
	for range 3 {
		if err := nc.Publish("request.kv.put", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	wantServed(t, nc) // and what came before it has been looked at
	if got := a.dropped.Load(); got != 3 {
		t.Errorf("%d are counted as dropped", got)
	}
	if text := said.String(); strings.Count(text, "dropped, not executed") != 3 || !strings.Contains(text, "so_far=3") || !strings.Contains(text, "subject=request.kv.put") {
		t.Errorf("told:\n%s", text)
	}
}
