package conformance

import (
	"encoding/json"
	"testing"
)

func TestNamed_FillsWhatWasAnswered(t *testing.T) {
	n := named{}
	n.take("ann", []byte(`{"hook": 12345678901234567890, "ticket": "a7", "of": {"x": true}}`))
	n.take("odd", []byte(`[1]`))
	for body, want := range map[string]string{
		`{"hook": "$ann.hook", "ticket": "$ann.ticket"}`:     `{"hook":12345678901234567890,"ticket":"a7"}`,
		`{"list": ["$ann.ticket", {"of": "$ann.of"}, 1]}`:    `{"list":["a7",{"of":{"x":true}},1]}`,
		`{"ticket": "$bob.ticket", "price": "$ann.coat"}`:    `{"price":"$ann.coat","ticket":"$bob.ticket"}`,
		`{"ticket": "ann.ticket",  "price": "5 $"}`:          `{"ticket": "ann.ticket",  "price": "5 $"}`,
		`{"big": 12345678901234567890, "hook": "$ann.hook"}`: `{"big":12345678901234567890,"hook":12345678901234567890}`,
		`{"broken": "$ann.hook"`:                             `{"broken": "$ann.hook"`,
		``:                                                   ``,
	} {
		if got := string(n.fill(json.RawMessage(body))); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// TestHooks_WhatIsDrawnByLotIsKnownToTheNextCase: a ticket that the service draws is another one on each host, and a later case has it.
func TestHooks_WhatIsDrawnByLotIsKnownToTheNextCase(t *testing.T) {
	t.Parallel()
	passes(t, Options{Command: []string{python(t), "testdata/hooks.py"}, Cases: cases(t, "testdata/hooks.json")}, "one-position", "unknown-operation", "crashes")
}
