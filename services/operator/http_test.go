package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

// serve runs the real server on a free port.
func serve(t *testing.T, h Host) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0", Host: h, Clock: clock, Token: testToken})
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		t.Fatalf("Run: %v", err)
	}
	return s
}

func request(t *testing.T, h Host, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:7704"
	r.Header.Set("Authorization", "Bearer "+testToken)
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	return served(NewHandler(ServerConfig{Host: h, Clock: clock, Token: testToken}), r)
}

func TestStatus_OverHTTP_IsWhatTheHostSays(t *testing.T) {
	h := &table{status: paired()}
	s := serve(t, h)
	got, err := NewClient("http://" + s.Address() + "/").Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole(paired()), got); diff != "" {
		t.Error(diff)
	}
}

// TestStatus_JSON_HasTheStableNames: programs of users read these.
func TestStatus_JSON_HasTheStableNames(t *testing.T) {
	w := request(t, &table{status: Status{Host: "a"}}, http.MethodGet, PathStatus, "", nil)
	var got map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"host": `"a"`, "role": `""`, "mode": `""`, "epoch": `0`, "position": `"0/0"`, "notified": `"0/0"`, "in_sync": `[]`,
		"active": `""`, "processes": `{}`, "terminals": `{"attached":0,"warm":0,"unreachable":0}`, "alarms": `[]`,
		"committed": `"0/0"`, "applied": `"0/0"`, "lag": `0`, "record_version": `0`, "right_until_ms": `0`, "incarnation": `"0"`,
	} {
		if string(got[name]) != want {
			t.Errorf("%s = %s, want %s", name, got[name], want)
		}
	}
	golden(t, "status-json", indented(t, request(t, &table{status: paired()}, http.MethodGet, PathStatus, "", nil).Body.Bytes()))
}

func indented(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}

func TestHistory_PassesWhatWasAskedFor(t *testing.T) {
	h := &table{page: page()}
	s := serve(t, h)
	c := NewClient("http://" + s.Address()).WithToken(testToken)
	for _, r := range []bus.HistoryRequest{{Limit: 7}, {From: 100, Limit: MaxHistory}} {
		got, err := c.History(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(page(), got); diff != "" || h.asked != r {
			t.Errorf("asked %+v for %+v:\n%s", h.asked, r, diff)
		}
	}
	if _, err := c.History(t.Context(), bus.HistoryRequest{}); err != nil || h.asked.Limit != DefaultHistory {
		t.Errorf("without a limit the host was asked %+v, %v", h.asked, err)
	}
}

func TestHistory_MalformedQuery_IsRefused(t *testing.T) {
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=-1", "limit=x", "from=-1", "from=1.5", "from=", "form=3", "from=1&from=2", "limit=%zz",
		"from=18446744073709551616", "a;b",
	} {
		wantProblem(t, request(t, &table{}, http.MethodGet, PathHistory+"?"+query, "", nil), http.StatusBadRequest)
	}
}

func TestHistory_UpdaterDown_SaysSo(t *testing.T) {
	s := serve(t, &table{err: fmt.Errorf("%w: the updater is restarting", ErrUnavailable)})
	_, err := NewClient("http://"+s.Address()).History(t.Context(), bus.HistoryRequest{})
	if !errors.Is(err, ErrUnavailable) || err.Error() != "the updater is restarting" {
		t.Errorf("History = %v, want ErrUnavailable", err)
	}
	p := wantProblem(t, request(t, &table{err: fmt.Errorf("%w: updater: disk", ErrUnavailable)}, http.MethodGet, PathHistory, "", nil), http.StatusServiceUnavailable)
	if !strings.Contains(p.Detail, "disk") {
		t.Errorf("problem %+v", p)
	}
}

func TestSwitchover_OverHTTP(t *testing.T) {
	h := &table{done: switched()}
	s := serve(t, h)
	got, err := NewClient("http://" + s.Address()).WithToken(testToken).Switchover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(switched(), got); diff != "" {
		t.Error(diff)
	}
	if len(h.callers) != 1 || h.callers[0].ID == "" || !strings.HasPrefix(h.callers[0].From, "127.0.0.1:") {
		t.Errorf("callers %+v", h.callers)
	}
}

// TestErrors_CrossHTTPAndLink: what a host returns is the same sentinel where it is read.
func TestErrors_CrossHTTPAndLink(t *testing.T) {
	for _, sentinel := range []error{ErrUsage, ErrRefused, ErrUnavailable, ErrForward, ErrUnfinished, context.DeadlineExceeded} {
		err := fmt.Errorf("%w: there is no in-sync standby", sentinel)
		part := Switchover{Steps: switched().Steps[:2]}
		s := serve(t, &table{err: err, done: part})
		_, got := NewClient("http://" + s.Address()).WithToken(testToken).Switchover(t.Context())
		var p *Problem
		if !errors.Is(got, sentinel) || !errors.As(got, &p) || p.Detail != "there is no in-sync standby" || p.Result == nil || len(p.Result.Steps) != 2 {
			t.Errorf("over HTTP %v became %v (%+v)", err, got, p)
		}
		var back Switchover
		got = DecodeOutcome(EncodeOutcome(part, err), &back)
		if !errors.Is(got, sentinel) || got.Error() != "there is no in-sync standby" || len(back.Steps) != 2 {
			t.Errorf("over the link %v became %v with %+v", err, got, back)
		}
		for _, other := range []error{ErrUsage, ErrRefused, ErrUnavailable, ErrForward, ErrUnfinished} {
			if other != sentinel && errors.Is(got, other) {
				t.Errorf("%v is also %v", got, other)
			}
		}
	}
	var back Switchover
	err := DecodeOutcome(EncodeOutcome(switched(), nil), &back)
	if err != nil || cmp.Diff(switched(), back) != "" {
		t.Errorf("DecodeOutcome = %+v, %v", back, err)
	}
	call := Call{What: CallSwitchover, Caller: Caller{ID: "1", From: "10.0.0.9:1", Via: "b"}, Arguments: json.RawMessage(`{"x":1}`)}
	var got Forwarded
	if err := bus.DecodeJSON(bus.EncodeJSON(Forwarded{Call: call}), &got); err != nil || cmp.Diff(call, got.Call) != "" {
		t.Errorf("a forwarded call came as %+v, %v", got, err)
	}
}

func TestHandler_WrongMethodPathBody(t *testing.T) {
	h := &table{status: paired(), done: switched()}
	for path, rt := range routes() {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "BREW"} {
			if method == rt.method {
				continue
			}
			w := request(t, h, method, path, "", nil)
			wantProblem(t, w, http.StatusMethodNotAllowed)
			if w.Header().Get("Allow") != rt.method {
				t.Errorf("%s %s: Allow %q", method, path, w.Header().Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/", "/api/v1", "/api/v1/status/", "/api/v2/status", "/active/../livez", "//livez"} {
		wantProblem(t, request(t, h, http.MethodGet, "http://127.0.0.1"+path, "", nil), http.StatusNotFound)
	}
	for body, status := range map[string]int{
		`{"force":true}`: 400, `[]`: 400, `{`: 400, `1`: 400, strings.Repeat(" ", maxBody+1): 413, "": 200, "{}": 200, " \n": 200,
	} {
		if w := request(t, h, http.MethodPost, PathSwitchover, body, nil); w.Code != status {
			t.Errorf("body %.20q: %d %s, want %d", body, w.Code, w.Body, status)
		}
	}
	if len(h.callers) != 3 {
		t.Errorf("%d switchovers were made, want 3", len(h.callers))
	}
	if w := request(t, h, http.MethodHead, PathLive, "", nil); w.Code != http.StatusOK {
		t.Errorf("HEAD %s = %d", PathLive, w.Code)
	}
}

// TestHandler_FullOfCalls_StillAnswersHealthChecks: a load balancer must not lose the host because people look at it.
func TestHandler_FullOfCalls_StillAnswersHealthChecks(t *testing.T) {
	h := &table{status: paired(), right: lease.Right{Epoch: 7, Until: time.Hour}, blocking: make(chan struct{})}
	s := serve(t, h)
	c := NewClient("http://" + s.Address()).WithToken(testToken)
	var group sync.WaitGroup
	answers := make(chan error, maxCalls+1)
	for range maxCalls + 1 {
		group.Go(func() {
			_, err := c.History(t.Context(), bus.HistoryRequest{})
			answers <- err
		})
	}
	err := <-answers // the one too many
	var p *Problem
	if !errors.As(err, &p) || p.Status != http.StatusTooManyRequests {
		t.Errorf("call beyond the limit: %v", err)
	}
	response, err := http.Get("http://" + s.Address() + PathActive)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s = %v, %v", PathActive, response, err)
	} else {
		_ = response.Body.Close()
	}
	close(h.blocking)
	group.Wait()
	for range maxCalls {
		if err := <-answers; err != nil {
			t.Errorf("call within the limit: %v", err)
		}
	}
}

func TestServer_PortInUse_IsErrListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := NewServer(ServerConfig{Listen: l.Addr().String(), Host: &table{}, Clock: clock})
	if err := s.Run(t.Context()); !errors.Is(err, bus.ErrListen) {
		t.Errorf("Run = %v, want ErrListen", err)
	}
}

func FuzzHistoryRequest(f *testing.F) {
	for _, query := range []string{"from=1&limit=2", "limit=0", "%", "from"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if r, err := historyRequest(query); err == nil && (r.Limit < 1 || r.Limit > MaxHistory) {
			t.Errorf("query %q became %+v", query, r)
		}
	})
}
