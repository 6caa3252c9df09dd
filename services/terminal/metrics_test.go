package terminal

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// The page of an agent says what it is asked over both doors, what is queued, what came of that, and each interruption; it takes the token.
func TestHTTP_Metrics(t *testing.T) {
	a, url := withHTTP(t, func(c *Config) { c.Token = "sesame" })
	token := []string{"Authorization", "Bearer sesame"}
	page := func() map[string]string {
		t.Helper()
		got := do(t, t.Context(), http.MethodGet, url+"/v1/metrics", "", token...)
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Fatalf("%+v", got)
		}
		found := map[string]string{}
		for line := range strings.Lines(got.body) {
			name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "hotpair_terminal_"), " ")
			found[name] = value
		}
		return found
	}
	want := func(figures map[string]string) {
		t.Helper()
		got := page()
		for name, value := range figures {
			if got[name] != value {
				t.Errorf("%s is %q, want %s", name, got[name], value)
			}
		}
	}
	wantProblem(t, do(t, t.Context(), http.MethodGet, url+"/v1/metrics", ""), http.StatusUnauthorized, "nothing")
	wantProblem(t, do(t, t.Context(), http.MethodPost, url+"/v1/metrics", "", token...), http.StatusMethodNotAllowed, "nothing")
	for _, key := range []string{"1", "2", "3"} {
		if got := post(t, url+"/v1/till/sell", key, append(token, bus.HeaderQueue, "yes", bus.HeaderQueueKey, key)...); got.status != http.StatusAccepted {
			t.Fatalf("%+v", got)
		}
	}
	post(t, url+"/v1/till/sell", "4", append(token, bus.HeaderDeadline, "1ms")...)
	want(map[string]string{"attached": "0", "epoch": "0", "queue_requests": "3", "queue_results": "0", `answers_total{code="202"}`: "3", `answers_total{code="503"}`: "1",
		`answers_total{code="0"}`: "0", `interruptions_total{kind="takeover"}`: "0"})
	if got := page(); got["queue_bytes"] == "0" || got["queue_oldest_seconds"] == "0" {
		t.Errorf("%v", got)
	}
	serve := func(q bus.Request, answer func(bus.Reply)) {
		switch string(q.Body) {
		case "2":
			answer(bus.Reply{Code: bus.CodeConflict, Message: "no"})
		case "3":
			answer(bus.Reply{Code: bus.CodeTooOld, Message: "too old"})
		default:
			answer(bus.Reply{Body: []byte("{}")})
		}
	}
	newHost(t, a, "x").takesQueue(1, 1, 1<<17, serve)
	processtest.Await(t, "all that is queued is over", func() bool { return page()["queue_requests"] == "0" })
	if got := post(t, url+"/v1/till/sell", "5", token...); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	nc, err := nats.Connect(a.AppURL(), nats.Token("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	wantCode(t, request(t, nc, "request.till.sell", "2"), bus.CodeConflict)
	newHost(t, a, "y").takesQueue(2, 1, 1<<17, serve)
	want(map[string]string{"attached": "1", "epoch": "2", "queue_requests": "0", "queue_bytes": "0", "queue_oldest_seconds": "0", "queue_unknown": "1", "queue_results": "2",
		`queue_outcomes_total{code="0"}`: "1", `queue_outcomes_total{code="409"}`: "1", `queue_outcomes_total{code="410"}`: "0", `queue_outcomes_total{code="unknown"}`: "1",
		`answers_total{code="0"}`: "1", `answers_total{code="409"}`: "1", `interruptions_total{kind="takeover"}`: "1", `interruptions_total{kind="outage"}`: "0",
		`interruptions_felt_total{kind="takeover"}`: "0"})
}
