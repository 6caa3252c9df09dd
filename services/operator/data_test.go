package operator

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/storage/position"
)

func (h *table) Terminals(_ context.Context, _ Caller, q TerminalsRequest) (TerminalsPage, error) {
	page := TerminalsPage{Source: SourceTable, Revision: 9, Total: 3, Hosts: []TerminalsHost{{Host: "a"}, {Host: "b", Problem: "link down"}}, Terminals: []TerminalRow{}}
	for _, id := range []string{"t1", "t2", "t3"} {
		if id <= q.After {
			continue
		}
		if len(page.Terminals) == min(q.Limit, 2) { // small pages
			page.More = true
			break
		}
		seen := TerminalSeen{State: "attached", Fresh: true, Active: "a", RTTMS: 0.4}
		if id == "t3" {
			seen = TerminalSeen{State: "unreachable", Reason: "connection refused"}
		}
		page.Terminals = append(page.Terminals, TerminalRow{ID: id, Address: "nats://10.0.0.1:4222", Hosts: map[string]TerminalSeen{"a": seen}})
	}
	return page, h.err
}

func (h *table) AddTerminals(_ context.Context, c Caller, add []TerminalAddress) (TerminalsChanged, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return TerminalsChanged{ID: c.ID, Revision: 12, Position: position.Position{Epoch: 1, Sequence: 12}, Began: true, Total: len(add) + 3}, h.err
}

func (h *table) RemoveTerminals(_ context.Context, c Caller, ids []string) (TerminalsChanged, error) {
	return TerminalsChanged{ID: c.ID, Revision: 13, Total: 3 - len(ids)}, h.err
}

func (h *table) ProbeTerminals(_ context.Context, _ Caller, q ProbeRequest) (ProbePage, error) {
	page := ProbePage{Total: 1, Hosts: []TerminalsHost{{Host: "a"}}, Terminals: []ProbedTerminal{}}
	for _, id := range append(q.IDs, "t9") {
		p := bus.TerminalProbe{ID: id, Outcome: bus.ProbeWrongKey, Detail: "it refuses the key that belongs to this id"}
		page.Terminals = append(page.Terminals, ProbedTerminal{ID: id, Address: "nats://x:1", Hosts: map[string]ProbeOutcome{"a": OutcomeOf(p)}})
	}
	return page, h.err
}

func TestTerminals_OverHTTP(t *testing.T) {
	h := &table{}
	if w := request(t, h, http.MethodGet, PathTerminals+"?limit=2&after=t1", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"t3"`) {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	for target, body := range map[string]string{
		PathTerminals + "?limit=0":   "GET",
		PathTerminals + "?limit=x":   "GET",
		PathTerminals + "?first=1":   "GET",
		PathTerminalsAdd:             `{"terminals":[]}`,
		PathTerminalsAdd + "?":       `{"terminals":[{"id":"x","adress":"nats://x:1"}]}`,
		PathTerminalsRemove:          `{"ids":[]}{}`,
		PathTerminalsRemove + "?":    `[`,
		PathTerminalsProbe:           `{"limit":101}`,
		PathTerminalsProbe + "?x":    `{"limit":-1}`,
		PathTerminalsAdd + "?more":   `{}{}`,
		PathTerminalsAdd + "?number": `5`,
	} {
		method := http.MethodPost
		if body == "GET" {
			method, body = http.MethodGet, ""
		}
		wantProblem(t, request(t, h, method, target, body, nil), http.StatusBadRequest)
	}
	if w := request(t, h, http.MethodPost, PathTerminalsAdd, `{"terminals":[{"id":"t7","address":"nats://x:1"}]}`, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"position":"1/12"`) {
		t.Errorf("add: %d %s", w.Code, w.Body)
	}
	h.err = ErrRefused
	if p := wantProblem(t, request(t, h, http.MethodPost, PathTerminalsRemove, `{"ids":["t1"]}`, nil), http.StatusConflict); p.ID == "" {
		t.Error("a refusal has no id")
	}
	wantProblem(t, request(t, h, http.MethodPost, PathTerminalsAdd, strings.Repeat(" ", maxBody+1)+"{}", nil), http.StatusRequestEntityTooLarge)
}

func TestTerminalsCommands(t *testing.T) {
	server := serve(t, &table{})
	at := "--http=http://" + server.Address()
	dir := t.TempDir()
	cluster := `{"hosts": {"a": {"http": "http://127.0.0.1:1", "env": {"HOTPAIR_PAIR_SECRET": "a secret of sixteen"}}}}`
	if err := os.WriteFile(filepath.Join(dir, clusterFile), []byte(cluster), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		err  string // part of the error, "" for none
		want string // part of the output
	}{
		{"terminals list " + at, "", "3 terminals, from the table in the database, revision 9"},
		{"terminals list " + at, "", "connection refused"},
		{"terminals list " + at, "", "of b nothing is known: link down"},
		{"terminals list --problems " + at, "", "1 terminal of 3"},
		{"terminals list --json " + at, "", `"total": 3`},
		{"terminals add t7=nats://10.0.0.7:4222 " + at, "", "HOTPAIR_TERMINALS no longer counts"},
		{"terminals add t7=10.0.0.7:4222 " + at, "write ID=nats://HOST:PORT", ""},
		{"terminals add t/7=nats://10.0.0.7:4222 " + at, "its id is not", ""},
		{"terminals add " + at, "name terminals", ""},
		{"terminals remove t1 " + at, "", "1 terminal removed; the table has 2 now"},
		{"terminals remove " + at, "wrong usage", ""},
		{"terminals probe " + at, "1 of 1 terminal not ok", "remedy: give the agent the key of this id: hotpair terminals key t9"},
		{"terminals key t7 --dir " + dir, "", "HOTPAIR_TERMINAL_KEY=" + config.TerminalKey("a secret of sixteen", "t7")},
		{"terminals key t7", "HOTPAIR_PAIR_SECRET", ""},
		{"terminals key no/id --dir " + dir, "wrong usage", ""},
		{"terminals rename", "wrong usage", ""},
	} {
		out, _, err := run(t, strings.Fields(c.args)...)
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		case !strings.Contains(out, c.want):
			t.Errorf("%s says %q, want %q", c.args, out, c.want)
		}
		for _, line := range strings.Split(out, "\n") {
			if len([]rune(line)) > width && !strings.Contains(c.args, "json") {
				t.Errorf("%s: a line of %d characters: %q", c.args, len([]rune(line)), line)
			}
		}
	}
}

// compared is what the fake host found: nothing wrong, or one key.
func (h *table) compared(id string, running bool) bus.VerifyState {
	s := bus.VerifyState{ID: id, Host: "a", Peer: "b", By: "a test", Keys: 12345, Sections: 9, Done: 1, Running: running, Began: time.Unix(100, 0), Ended: time.Unix(103, 0)}
	if h.status.Host == "differs" {
		s.Different = 120
		s.Named = []bus.VerifyDifference{{Space: "kv", Key: "needle\x1b[2J", Kind: "different", Damaged: "b"}}
	}
	return s
}

func (h *table) BeginVerify(_ context.Context, c Caller, q VerifyRequest) (bus.VerifyState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return h.compared(c.ID, true), h.err
}

func (h *table) VerifyState(context.Context, Caller) (bus.VerifyState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := ""
	if n := len(h.callers); n > 0 {
		id = h.callers[n-1].ID
	}
	return h.compared(id, false), h.err
}

func (h *table) StopVerify(context.Context, Caller) (bus.VerifyState, error) {
	return bus.VerifyState{}, ErrRefused
}

func TestVerifyCommand(t *testing.T) {
	good := "--http=http://" + serve(t, &table{}).Address()
	bad := "--http=http://" + serve(t, &table{status: Status{Host: "differs"}}).Address()
	for _, c := range []struct{ args, err, want string }{
		{"verify --last " + good, "", "never compared"},
		{"verify " + good, "", "12 345 keys compared on a and b, all alike"},
		{"verify " + bad, "the databases differ in 120 keys", "needle?[2J"},
		{"verify " + bad, "the databases differ", "and 119 more"},
		{"verify --json " + bad, "the databases differ", `"kind": "different"`},
		{"verify --stop " + good, "refused", ""},
		{"verify --stop --last " + good, "wrong usage", ""},
		{"verify --repair --last " + good, "wrong usage", ""},
	} {
		out, _, err := run(t, strings.Fields(c.args)...)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), c.err)) {
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		}
		if !strings.Contains(out, c.want) {
			t.Errorf("%s says %q, want %q", c.args, out, c.want)
		}
	}
	wantProblem(t, request(t, &table{}, http.MethodPost, PathVerifyBegin, `{"mend":true}`, nil), http.StatusBadRequest)
	wantProblem(t, request(t, &table{}, http.MethodPost, PathVerifyStop, "", nil), http.StatusConflict)
	wantProblem(t, request(t, &table{err: ErrForward}, http.MethodPost, PathVerifyBegin, "", nil), http.StatusBadGateway)
}
