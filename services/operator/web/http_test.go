package web

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
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// serve runs the real server on a free port.
func serve(t *testing.T, h operator.Host) *Server {
	t.Helper()
	s := NewServer(configOf(h))
	operatortest.Start(t, s)
	return s
}

func request(t *testing.T, h operator.Host, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	return operatortest.Request(NewHandler(configOf(h)), method, target, body, header)
}

func configOf(h operator.Host) ServerConfig {
	return ServerConfig{Listen: "127.0.0.1:0", Host: h, Clock: operatortest.Clock, Token: operatortest.Token}
}

func TestStatus_OverHTTP_IsWhatTheHostSays(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired()}
	s := serve(t, h)
	got, err := operator.NewClient("http://" + s.Address() + "/").Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(operator.Whole(operatortest.Paired()), got); diff != "" {
		t.Error(diff)
	}
}

// TestStatus_JSON_HasTheStableNames: programs of users read these.
func TestStatus_JSON_HasTheStableNames(t *testing.T) {
	w := request(t, &operatortest.Host{Now: operator.Status{Host: "a"}}, http.MethodGet, operator.PathStatus, "", nil)
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
	operatortest.Golden(t, "status-json", indented(t, request(t, &operatortest.Host{Now: operatortest.Paired()}, http.MethodGet, operator.PathStatus, "", nil).Body.Bytes()))
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
	h := &operatortest.Host{Page: operatortest.HistoryPage()}
	s := serve(t, h)
	c := operator.NewClient("http://" + s.Address()).WithToken(operatortest.Token)
	for _, r := range []bus.HistoryRequest{{Limit: 7}, {From: 100, Limit: operator.MaxHistory}} {
		got, err := c.History(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(operatortest.HistoryPage(), got); diff != "" || h.Asked != r {
			t.Errorf("asked %+v for %+v:\n%s", h.Asked, r, diff)
		}
	}
	if _, err := c.History(t.Context(), bus.HistoryRequest{}); err != nil || h.Asked.Limit != operator.DefaultHistory {
		t.Errorf("without a limit the host was asked %+v, %v", h.Asked, err)
	}
}

func TestHistory_MalformedQuery_IsRefused(t *testing.T) {
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=-1", "limit=x", "from=-1", "from=1.5", "from=", "form=3", "from=1&from=2", "limit=%zz",
		"from=18446744073709551616", "a;b",
	} {
		operatortest.WantProblem(t, request(t, &operatortest.Host{}, http.MethodGet, operator.PathHistory+"?"+query, "", nil), http.StatusBadRequest)
	}
}

func TestHistory_UpdaterDown_SaysSo(t *testing.T) {
	s := serve(t, &operatortest.Host{Err: fmt.Errorf("%w: the updater is restarting", operator.ErrUnavailable)})
	_, err := operator.NewClient("http://"+s.Address()).History(t.Context(), bus.HistoryRequest{})
	if !errors.Is(err, operator.ErrUnavailable) || err.Error() != "the updater is restarting" {
		t.Errorf("History = %v, want ErrUnavailable", err)
	}
	p := operatortest.WantProblem(t, request(t, &operatortest.Host{Err: fmt.Errorf("%w: updater: disk", operator.ErrUnavailable)}, http.MethodGet, operator.PathHistory, "", nil), http.StatusServiceUnavailable)
	if !strings.Contains(p.Detail, "disk") {
		t.Errorf("problem %+v", p)
	}
}

func TestSwitchover_OverHTTP(t *testing.T) {
	h := &operatortest.Host{Done: operatortest.Switched()}
	s := serve(t, h)
	got, err := operator.NewClient("http://" + s.Address()).WithToken(operatortest.Token).Switchover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(operatortest.Switched(), got); diff != "" {
		t.Error(diff)
	}
	if len(h.Callers) != 1 || h.Callers[0].ID == "" || !strings.HasPrefix(h.Callers[0].From, "127.0.0.1:") {
		t.Errorf("callers %+v", h.Callers)
	}
}

// TestErrors_CrossHTTPAndLink: what a host returns is the same sentinel where it is read.
func TestErrors_CrossHTTPAndLink(t *testing.T) {
	for _, sentinel := range []error{operator.ErrUsage, operator.ErrRefused, operator.ErrUnavailable, operator.ErrForward, operator.ErrUnfinished, context.DeadlineExceeded} {
		err := fmt.Errorf("%w: there is no in-sync standby", sentinel)
		part := operator.Switchover{Steps: operatortest.Switched().Steps[:2]}
		s := serve(t, &operatortest.Host{Err: err, Done: part})
		_, got := operator.NewClient("http://" + s.Address()).WithToken(operatortest.Token).Switchover(t.Context())
		var p *operator.Problem
		if !errors.Is(got, sentinel) || !errors.As(got, &p) || p.Detail != "there is no in-sync standby" || p.Result == nil || len(p.Result.Steps) != 2 {
			t.Errorf("over HTTP %v became %v (%+v)", err, got, p)
		}
		var back operator.Switchover
		got = operator.DecodeOutcome(operator.EncodeOutcome(part, err), &back)
		if !errors.Is(got, sentinel) || got.Error() != "there is no in-sync standby" || len(back.Steps) != 2 {
			t.Errorf("over the link %v became %v with %+v", err, got, back)
		}
		for _, other := range []error{operator.ErrUsage, operator.ErrRefused, operator.ErrUnavailable, operator.ErrForward, operator.ErrUnfinished} {
			if other != sentinel && errors.Is(got, other) {
				t.Errorf("%v is also %v", got, other)
			}
		}
	}
	var back operator.Switchover
	err := operator.DecodeOutcome(operator.EncodeOutcome(operatortest.Switched(), nil), &back)
	if err != nil || cmp.Diff(operatortest.Switched(), back) != "" {
		t.Errorf("DecodeOutcome = %+v, %v", back, err)
	}
	call := operator.Call{What: operator.CallSwitchover, Caller: operator.Caller{ID: "1", From: "10.0.0.9:1", Via: "b"}, Arguments: json.RawMessage(`{"x":1}`)}
	var got operator.Forwarded
	if err := bus.DecodeJSON(bus.EncodeJSON(operator.Forwarded{Call: call}), &got); err != nil || cmp.Diff(call, got.Call) != "" {
		t.Errorf("a forwarded call came as %+v, %v", got, err)
	}
}

func TestHandler_WrongMethodPathBody(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Done: operatortest.Switched()}
	for path, rt := range routes() {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "BREW"} {
			if method == rt.method {
				continue
			}
			w := request(t, h, method, path, "", nil)
			operatortest.WantProblem(t, w, http.StatusMethodNotAllowed)
			if w.Header().Get("Allow") != rt.method {
				t.Errorf("%s %s: Allow %q", method, path, w.Header().Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/", "/api/v1", "/api/v1/status/", "/api/v2/status", "/active/../livez", "//livez"} {
		operatortest.WantProblem(t, request(t, h, http.MethodGet, "http://127.0.0.1"+path, "", nil), http.StatusNotFound)
	}
	for body, status := range map[string]int{
		`{"force":true}`: 400, `[]`: 400, `{`: 400, `1`: 400, strings.Repeat(" ", maxBody+1): 413, "": 200, "{}": 200, " \n": 200,
	} {
		if w := request(t, h, http.MethodPost, operator.PathSwitchover, body, nil); w.Code != status {
			t.Errorf("body %.20q: %d %s, want %d", body, w.Code, w.Body, status)
		}
	}
	if len(h.Callers) != 3 {
		t.Errorf("%d switchovers were made, want 3", len(h.Callers))
	}
	if w := request(t, h, http.MethodHead, PathLive, "", nil); w.Code != http.StatusOK {
		t.Errorf("HEAD %s = %d", PathLive, w.Code)
	}
}

// TestHandler_FullOfCalls_StillAnswersHealthChecks: a load balancer must not lose the host because people look at it.
func TestHandler_FullOfCalls_StillAnswersHealthChecks(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Holds: lease.Right{Epoch: 7, Until: time.Hour}, Blocking: make(chan struct{})}
	s := serve(t, h)
	c := operator.NewClient("http://" + s.Address()).WithToken(operatortest.Token)
	var group sync.WaitGroup
	answers := make(chan error, maxCalls+1)
	for range maxCalls + 1 {
		group.Go(func() {
			_, err := c.History(t.Context(), bus.HistoryRequest{})
			answers <- err
		})
	}
	err := <-answers // the one too many
	var p *operator.Problem
	if !errors.As(err, &p) || p.Status != http.StatusTooManyRequests {
		t.Errorf("call beyond the limit: %v", err)
	}
	response, err := http.Get("http://" + s.Address() + PathActive)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s = %v, %v", PathActive, response, err)
	} else {
		_ = response.Body.Close()
	}
	close(h.Blocking)
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
	s := NewServer(ServerConfig{Listen: l.Addr().String(), Host: &operatortest.Host{}, Clock: operatortest.Clock})
	if err := s.Run(t.Context()); !errors.Is(err, bus.ErrListen) {
		t.Errorf("Run = %v, want ErrListen", err)
	}
}

func FuzzHistoryRequest(f *testing.F) {
	for _, query := range []string{"from=1&limit=2", "limit=0", "%", "from"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if r, err := historyRequest(query); err == nil && (r.Limit < 1 || r.Limit > operator.MaxHistory) {
			t.Errorf("query %q became %+v", query, r)
		}
	})
}
