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
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

// serve runs the real server on a free port.
func serve(t *testing.T, h fake) *Server {
	t.Helper()
	s := NewServer(configOf(h))
	operatortest.Start(t, s)
	return s
}

func request(t *testing.T, h fake, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	return operatortest.Request(NewHandler(configOf(h)), method, target, body, header)
}

func configOf(h fake) ServerConfig {
	return ServerConfig{Listen: "127.0.0.1:0", Host: h, Backups: h, Live: h, Operations: h.Registry(), Clock: operatortest.Clock, Gate: operatortest.Gate(), Names: []string{"hosta.internal"}}
}

func TestStatus_OverHTTP_IsWhatTheHostSays(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired()}
	s := serve(t, h)
	got, err := operator.NewClient("http://" + s.Address() + "/").WithToken(operatortest.TokenOf(operator.View)).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(verdict.Whole(operatortest.Paired()), got); diff != "" {
		t.Error(diff)
	}
}

// TestStatus_JSON_HasTheStableNames: programs of users read these.
func TestStatus_JSON_HasTheStableNames(t *testing.T) {
	w := request(t, &operatortest.Host{Now: operator.Status{Host: "a"}}, http.MethodGet, operator.CallStatus.Path, "", nil)
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
	operatortest.Golden(t, "status-json", indented(t, request(t, &operatortest.Host{Now: operatortest.Paired()}, http.MethodGet, operator.CallStatus.Path, "", nil).Body.Bytes()))
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
		got, err := operator.CallHistory.Ask(t.Context(), c, r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(operatortest.HistoryPage(), got); diff != "" || h.Asked != r {
			t.Errorf("asked %+v for %+v:\n%s", h.Asked, r, diff)
		}
	}
	if _, err := operator.CallHistory.Ask(t.Context(), c, bus.HistoryRequest{}); err != nil || h.Asked.Limit != operator.DefaultHistory {
		t.Errorf("without a limit the host was asked %+v, %v", h.Asked, err)
	}
}

func TestHistory_MalformedQuery_IsRefused(t *testing.T) {
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=-1", "limit=x", "from=-1", "from=1.5", "from=", "form=3", "from=1&from=2", "limit=%zz",
		"from=18446744073709551616", "a;b",
	} {
		operatortest.WantProblem(t, request(t, &operatortest.Host{}, http.MethodGet, operator.CallHistory.Path+"?"+query, "", nil), http.StatusBadRequest)
	}
}

func TestHistory_UpdaterDown_SaysSo(t *testing.T) {
	s := serve(t, &operatortest.Host{Err: fmt.Errorf("%w: the updater is restarting", operator.ErrUnavailable)})
	_, err := operator.CallHistory.Ask(t.Context(), operator.NewClient("http://"+s.Address()).WithToken(operatortest.Token), bus.HistoryRequest{})
	if !errors.Is(err, operator.ErrUnavailable) || err.Error() != "the updater is restarting" {
		t.Errorf("History = %v, want ErrUnavailable", err)
	}
	p := operatortest.WantProblem(t, request(t, &operatortest.Host{Err: fmt.Errorf("%w: updater: disk", operator.ErrUnavailable)}, http.MethodGet, operator.CallHistory.Path, "", nil), http.StatusServiceUnavailable)
	if !strings.Contains(p.Detail, "disk") {
		t.Errorf("problem %+v", p)
	}
}

func TestSwitchover_OverHTTP(t *testing.T) {
	h := &operatortest.Host{Done: operatortest.Switched()}
	s := serve(t, h)
	got, err := operator.CallSwitchover.Ask(t.Context(), operator.NewClient("http://"+s.Address()).WithToken(operatortest.Token), operator.None{})
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

// TestErrors_CrossHTTP: what a host returns is the same sentinel where it is read.
func TestErrors_CrossHTTP(t *testing.T) {
	for _, sentinel := range []error{operator.ErrUsage, operator.ErrRefused, operator.ErrUnavailable, operator.ErrForward, operator.ErrUnfinished, context.DeadlineExceeded} {
		err := fmt.Errorf("%w: there is no in-sync standby", sentinel)
		part := operator.Switchover{Steps: operatortest.Switched().Steps[:2]}
		s := serve(t, &operatortest.Host{Err: err, Done: part})
		_, got := operator.CallSwitchover.Ask(t.Context(), operator.NewClient("http://"+s.Address()).WithToken(operatortest.Token), operator.None{})
		var p *operator.Problem
		if !errors.Is(got, sentinel) || !errors.As(got, &p) || p.Detail != "there is no in-sync standby" || p.Result == nil || len(p.Result.Steps) != 2 {
			t.Errorf("over HTTP %v became %v (%+v)", err, got, p)
		}
		for _, other := range []error{operator.ErrUsage, operator.ErrRefused, operator.ErrUnavailable, operator.ErrForward, operator.ErrUnfinished} {
			if other != sentinel && errors.Is(got, other) {
				t.Errorf("%v is also %v", got, other)
			}
		}
	}
}

func TestHandler_WrongMethodPathBody(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Done: operatortest.Switched()}
	for path, rt := range routes(h.Registry().Served()) {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "BREW"} {
			if method == rt.Method {
				continue
			}
			w := request(t, h, method, path, "", nil)
			operatortest.WantProblem(t, w, http.StatusMethodNotAllowed)
			if w.Header().Get("Allow") != rt.Method {
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
		if w := request(t, h, http.MethodPost, operator.CallSwitchover.Path, body, nil); w.Code != status {
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
	c := operator.NewClient("http://" + s.Address()).WithToken(operatortest.TokenOf(operator.View))
	var group sync.WaitGroup
	answers := make(chan error, maxFrom+1)
	for range maxFrom + 1 {
		group.Go(func() {
			_, err := operator.CallExplain.Ask(t.Context(), c, operator.None{})
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
	for range maxFrom {
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
	s := NewServer(ServerConfig{Listen: l.Addr().String(), Host: &operatortest.Host{}, Operations: (&operatortest.Host{}).Registry(), Clock: operatortest.Clock})
	if err := s.Run(t.Context()); !errors.Is(err, bus.ErrListen) {
		t.Errorf("Run = %v, want ErrListen", err)
	}
}

// fake is a host as tests make them.
type fake interface {
	Host
	Backups
	Live
	Registry() *registry.Registry
}
