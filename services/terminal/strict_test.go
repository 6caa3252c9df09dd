package terminal

import (
	"strings"
	"testing"

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
