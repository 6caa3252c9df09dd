// Package ticketstest has the cases that the service tickets passes in every language: cases.json, one request after
// the other on one pair.
package ticketstest

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/tickets"
)

//go:embed cases.json
var cases []byte

// Case is one request, or the run of a timer, with the expected results.
type Case struct {
	Operation string          `json:"operation"`
	Body      json.RawMessage `json:"body"`
	Fire      string          `json:"fire"` // the timer that runs
	Code      int             `json:"code"`
	Message   string          `json:"message"` // "" if it differs between languages
	// Answer has "*" for values that differ each time.
	Answer map[string]any `json:"answer"`
	// Timer is the timer that the seat of the answer has afterwards.
	Timer string `json:"timer"`
	// Notices of its update, to all terminals.
	Notices []Notice `json:"notices"`
	// Emissions of its update.
	Emissions []Emission `json:"emissions"`
}

// Notice is an expected notice.
type Notice struct {
	Topic string         `json:"topic"`
	Body  map[string]any `json:"body"`
}

// Emission is an expected emission.
type Emission struct {
	Target string         `json:"target"`
	Lane   string         `json:"lane"`
	Body   map[string]any `json:"body"`
}

// Run sends all requests of the cases by call, from counter 1, and returns the next counter.
func Run(t *testing.T, host *businesstest.Host, call func(bus.Request) bus.Reply) uint64 {
	t.Helper()
	var list []Case
	if err := json.Unmarshal(cases, &list); err != nil {
		t.Fatal(err)
	}
	host.Database.SetTargets("accounting")
	var counter uint64
	for n, c := range list {
		var q bus.Request
		if c.Fire != "" {
			q = host.Fire(tickets.Name, c.Fire, 0)
		} else {
			counter++
			q = businesstest.Numbered(counter, tickets.Name, c.Operation, string(c.Body))
		}
		told, emitted := len(host.Database.Notices()), len(host.Database.Emitted())
		reply := call(q)
		said := func(what string, v ...any) {
			t.Errorf("case %d, %s %s%s: %d %s %s: "+what, append([]any{n + 1, q.Operation, c.Body, c.Fire, reply.Code, reply.Message, reply.Body}, v...)...)
		}
		if reply.Code != c.Code || c.Message != "" && reply.Message != c.Message {
			said("want %d %s", c.Code, c.Message)
		}
		var notices []Notice
		for _, notice := range host.Database.Notices()[told:] {
			one := Notice{Topic: notice.Topic}
			if err := json.Unmarshal(notice.Body, &one.Body); err != nil || !notice.All {
				said("a notice to %v: %v", notice.To, err)
			}
			notices = append(notices, one)
		}
		if diff := cmp.Diff(c.Notices, notices); diff != "" {
			said("notices: %s", diff)
		}
		var emissions []Emission
		for _, emission := range host.Database.Emitted()[emitted:] {
			one := Emission{Target: emission.Target, Lane: emission.Lane}
			if err := json.Unmarshal(emission.Body, &one.Body); err != nil {
				said("an emission to %s: %v", emission.Target, err)
			}
			emissions = append(emissions, one)
		}
		if diff := cmp.Diff(c.Emissions, emissions); diff != "" {
			said("emissions: %s", diff)
		}
		if c.Code != bus.CodeOK {
			if reply.Message == "" {
				said("want a sentence")
			}
			continue
		}
		var answer map[string]any
		if err := json.Unmarshal(reply.Body, &answer); err != nil {
			said("%v", err)
		}
		for name, value := range c.Answer {
			if value == "*" && answer[name] != nil {
				answer[name] = value
			}
		}
		if diff := cmp.Diff(c.Answer, answer); diff != "" {
			said("%s", diff)
		}
		seat, _ := answer["seat"].(string)
		if _, waits := host.Database.Timer(tickets.Name, seat); waits != (c.Timer == seat && seat != "") {
			said("there is a timer: %v", waits)
		}
	}
	return counter + 1
}
