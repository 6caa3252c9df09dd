package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/peercred"
)

// turnedAway says for which want of proof an answer refuses: token, role, "" for none.
func turnedAway(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p operator.Problem
	if json.Unmarshal(w.Body.Bytes(), &p) != nil {
		return ""
	}
	for kind, status := range map[string]int{"token": http.StatusUnauthorized, "role": http.StatusForbidden} {
		if p.Type == operator.ProblemType+kind {
			if w.Code != status || p.Detail == "" {
				t.Errorf("%+v", p)
			}
			return kind
		}
	}
	return ""
}

// TestRoles_OverHTTP asks every path as everybody: the answer is what the table says. One without a role is nobody's.
func TestRoles_OverHTTP(t *testing.T) {
	callers := map[string]struct {
		from, token string
		role        operator.Role
	}{
		"a stranger on the machine": {"127.0.0.1:9", "", operator.Anyone},
		"a stranger over IPv6":      {"[::1]:9", "", operator.Anyone},
		"a stranger from elsewhere": {"192.0.2.9:9", "", ""},
		"view":                      {"192.0.2.9:9", operatortest.TokenOf(operator.View), operator.View},
		"operate":                   {"192.0.2.9:9", operatortest.TokenOf(operator.Operate), operator.Operate},
		"admin":                     {"192.0.2.9:9", operatortest.TokenOf(operator.Administer), operator.Administer},
	}
	h := &operatortest.Host{Now: operatortest.Paired(), Err: operator.ErrUnavailable} // nothing is done for long
	handler := NewHandler(configOf(h))
	refused := 0
	for path, rt := range routes(h.Registry().Served()) {
		if path == PathStream || path == operator.CallEvents.Path {
			continue // below: they last
		}
		for who, c := range callers {
			r := httptest.NewRequest(rt.Method, path, nil)
			r.RemoteAddr, r.Host = c.from, "127.0.0.1:7704"
			want := ""
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
				want = "role"
			} else {
				want = "token"
			}
			if c.role.May(rt.Role) || rt.open {
				want = ""
			}
			if path == PathLogin {
				want = "token" // it carries none
			}
			if want != "" {
				refused++
			}
			if got := turnedAway(t, operatortest.Served(handler, r)); got != want {
				t.Errorf("%s %s as %s: refused for %q, want %q", rt.Method, path, who, got, want)
			}
		}
	}
	if refused < 50 {
		t.Errorf("only %d were refused", refused)
	}
}

// TestRoles_ProveNothing: whatever is shown that is no token is refused, late, at every path that is not open, and nothing is done.
func TestRoles_ProveNothing(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired()}
	handler := NewHandler(configOf(h))
	for what, header := range map[string]string{"another": "Bearer wrong", "a part": "Bearer " + operatortest.Token[:5], "no scheme": operatortest.Token, "basic": "Basic " + operatortest.Token, "empty": "Bearer "} {
		began := time.Now()
		w := operatortest.Request(handler, http.MethodPost, operator.CallSwitchover.Path, "", map[string]string{"Authorization": header})
		if p := operatortest.WantProblem(t, w, http.StatusUnauthorized); p.Type != operator.ProblemType+"token" || w.Header().Get("WWW-Authenticate") == "" || len(h.Callers) != 0 {
			t.Errorf("%s: %+v", what, p)
		}
		if took := time.Since(began); took < 400*time.Millisecond {
			t.Errorf("%s cost %s", what, took)
		}
	}
}

// TestStatus_OfStrangersNamesNothing: keys, terminals, requests and people are for operators.
func TestStatus_OfStrangersNamesNothing(t *testing.T) {
	const secret = "terminal-17/request-4"
	now := operatortest.Paired()
	now.Events = []operator.Event{{Host: "a", Text: secret, Time: time.Unix(9, 0)}}
	now.Alarms = []operator.Alarm{{ID: "updates-lost", Severity: "critical", Text: secret, Remedy: "do"}}
	now.Audit = &operator.Audit{Missing: 1, Examples: []string{secret}}
	now.Pause = &operator.Pause{By: secret}
	h := &operatortest.Host{Now: now}
	for token, knows := range map[string]bool{"": false, operatortest.TokenOf(operator.View): true} {
		r := httptest.NewRequest(http.MethodGet, operator.CallStatus.Path, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:9", "127.0.0.1:7704"
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := operatortest.Served(NewHandler(configOf(h)), r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "updates-lost") || strings.Contains(w.Body.String(), secret) != knows {
			t.Errorf("with %q: %d %s", token, w.Code, w.Body)
		}
	}
	if len(h.Now.Events) != 1 || h.Now.Alarms[0].Text != secret || h.Now.Pause.By != secret {
		t.Error("the host's own status has changed")
	}
}

const asAnother = "HOTPAIR_TEST_ASK" // path of a socket that this binary asks, as another user

// TestRoles_OverTheSocket: root is admin by the kernel's word, without a token; another user of the machine is a stranger.
func TestRoles_OverTheSocket(t *testing.T) {
	if path := os.Getenv(asAnother); path != "" {
		for _, call := range []func() error{
			func() error { _, err := operator.NewClient("unix:" + path).Status(t.Context()); return err },
			func() error {
				_, err := operator.CallEvents.Ask(t.Context(), operator.NewClient("unix:"+path), operator.EventsQuery{Limit: 1})
				return err
			},
			func() error {
				_, err := operator.CallSwitchover.Ask(t.Context(), operator.NewClient("unix:"+path), operator.None{})
				return err
			},
			func() error {
				_, err := operator.CallSwitchover.Ask(t.Context(), operator.NewClient("unix:"+path).WithToken(operatortest.Token), operator.None{})
				return err
			},
		} {
			err := call()
			t.Logf("answer: %t %t", err == nil, errors.Is(err, operator.ErrToken))
		}
		return
	}
	dir, err := os.MkdirTemp("", "hotpair-socket")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h := &operatortest.Host{Now: operatortest.Paired(), Done: operatortest.Switched()}
	c := configOf(h)
	c.Socket = filepath.Join(dir, operator.SocketFile)
	t.Setenv("SUDO_USER", "carol")
	operatortest.Start(t, NewServer(c))
	client := operator.NewClient("unix:" + c.Socket).WithReason("a test, of ü")
	deadline := time.Now().Add(10 * time.Second)
	for { // it is made beside the port
		if _, err = client.Status(t.Context()); err == nil || time.Now().After(deadline) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operator.CallSwitchover.Ask(t.Context(), client, operator.None{}); err != nil {
		t.Fatal(err)
	}
	got := h.Callers[0]
	if got.Role != operator.Administer || got.Credential != operator.BySocket || got.From != "socket" || !strings.Contains(got.Name, "uid ") || got.Reason != "a test, of ü" {
		t.Errorf("%+v", got)
	}
	if os.Getuid() != 0 {
		t.Skip("SKIPPED, ANOTHER USER IS NOT TRIED: this test is not run by root")
	}
	if got.Claim != "carol" || !strings.HasPrefix(got.Name, "root (uid 0)") {
		t.Errorf("%+v", got)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(c.Socket, 0o666)); err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "test")
	if err := copyFile(os.Args[0], self); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self, "-test.run", "^TestRoles_OverTheSocket$", "-test.v")
	other.Dir = dir
	other.Env = []string{asAnother + "=" + c.Socket}
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := other.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var answers []string
	for line := range strings.Lines(string(out)) {
		if _, answer, found := strings.Cut(line, "answer: "); found {
			answers = append(answers, strings.TrimSpace(answer))
		}
	}
	// It may see how the pair is, nothing else, and act as an operator with a token.
	if want := "true false,false true,false true,true false"; strings.Join(answers, ",") != want {
		t.Errorf("another user got %q, want %q\n%s", answers, want, out)
	}
	if last := h.Callers[len(h.Callers)-1]; len(h.Callers) != 2 || last.Name != "admin" || last.Credential != operator.ByToken || last.Claim != "" {
		t.Errorf("%+v", h.Callers)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// TestSocket_ThatIsRemovedIsMadeAgain: it is the way in when nothing else is, and tidy people remove what they don't know.
func TestSocket_ThatIsRemovedIsMadeAgain(t *testing.T) {
	c := configOf(&operatortest.Host{Now: operatortest.Paired()})
	c.Socket = filepath.Join(t.TempDir(), operator.SocketFile)
	operatortest.Start(t, NewServer(c))
	for range 2 {
		deadline := time.Now().Add(30 * time.Second)
		for {
			conn, err := peercred.Dial(t.Context(), c.Socket)
			if err == nil {
				_ = conn.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := os.Remove(c.Socket); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReasons_MayBeRequired: then nothing is done for who gives none, and reading asks for none.
func TestReasons_MayBeRequired(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Done: operatortest.Switched()}
	c := configOf(h)
	c.Reasons = true
	handler := NewHandler(c)
	for reason, want := range map[string]int{"": 400, "%20": 400, "%zz": 400, strings.Repeat("x", operator.MaxReason+1): 400, "works": 200} {
		h.Callers = nil
		w := operatortest.Request(handler, http.MethodPost, operator.CallSwitchover.Path, "", map[string]string{operator.HeaderReason: reason})
		if w.Code != want || len(h.Callers) != (want/100)%4/2 {
			t.Errorf("%q: %d %s, done %d times", reason, w.Code, w.Body, len(h.Callers))
		}
	}
	if w := operatortest.Request(handler, http.MethodGet, operator.CallAlarms.Path, "", nil); w.Code != http.StatusOK {
		t.Errorf("reading: %d %s", w.Code, w.Body)
	}
}
