package web

import (
	"net/http"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestSwitchover_FromAnotherOrigin_IsRefused(t *testing.T) {
	for name, header := range map[string]map[string]string{
		"page of another site":             {"Sec-Fetch-Site": "cross-site"},
		"page of a sister site":            {"Sec-Fetch-Site": "same-site"},
		"old browser, other origin":        {"Origin": "http://evil.example"},
		"sandboxed page":                   {"Origin": "null"},
		"other port of this machine":       {"Origin": "http://127.0.0.1:8080"},
		"name that was pointed to us":      {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example", "Host": "evil.example"},
		"name that was pointed to us, old": {"Origin": "http://evil.example:7704", "Host": "evil.example:7704"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &operatortest.Host{Done: operatortest.Switched()}
			operatortest.WantProblem(t, request(t, h, http.MethodPost, operator.CallSwitchover.Path, "", header), http.StatusForbidden)
			if len(h.Callers) != 0 {
				t.Error("it was carried out")
			}
		})
	}
	for name, header := range map[string]map[string]string{
		"no browser":        nil,
		"own console":       {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:7704"},
		"own console, old":  {"Origin": "http://127.0.0.1:7704"},
		"console by name":   {"Origin": "http://localhost:7704", "Host": "localhost:7704"},
		"console over IPv6": {"Origin": "http://[::1]:7704", "Host": "[::1]:7704"},
		"script by name":    {"Host": "hosta.internal:7704"},
	} {
		if w := request(t, &operatortest.Host{Done: operatortest.Switched()}, http.MethodPost, operator.CallSwitchover.Path, "{}", header); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// A page whose name was pointed to a host's address read its history: of a plain GET of its own origin a browser tells nothing but the
// name, and that was looked at on loopback only. Names are those that are set.
func TestFault_C13_OnlyItsOwnNamesAreAnswered(t *testing.T) {
	for host, want := range map[string]int{
		"evil.example": http.StatusForbidden, "evil.example:7704": http.StatusForbidden, "hosta.internal.evil.example": http.StatusForbidden,
		"HostA.internal:7704": http.StatusOK, "192.0.2.1:7704": http.StatusOK, "[2001:db8::1]:7704": http.StatusOK, "localhost": http.StatusOK,
	} {
		for _, path := range []string{operator.CallHistory.Path, operator.CallStatus.Path, PathLive} {
			w := request(t, &operatortest.Host{Now: operatortest.Paired()}, http.MethodGet, path, "", map[string]string{"Host": host})
			if w.Code != want {
				t.Errorf("%s asked as %s: %d, want %d: %s", path, host, w.Code, want, w.Body)
			}
		}
	}
}

// TestServer_OnLoopback_AnswersNoOtherName: a page whose name was pointed to 127.0.0.1 must not read either.
func TestServer_OnLoopback_AnswersNoOtherName(t *testing.T) {
	s := serve(t, &operatortest.Host{Now: operatortest.Paired()})
	for host, want := range map[string]int{"evil.example": 403, "evil.example:7704": 403, "localhost": 200, s.Address(): 200} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+operator.CallStatus.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, response.StatusCode, want)
		}
	}
}

// TestToken_IsNeededForWhatChangesSomething holds for every path, also those that come later.
func TestToken_IsNeededForWhatChangesSomething(t *testing.T) {
	changing := 0
	for path, rt := range routes((&operatortest.Host{}).Registry().Served()) {
		if rt.Method == http.MethodGet {
			continue
		}
		changing++
		for what, header := range map[string]string{"none": "", "another": "Bearer wrong", "a part": "Bearer " + operatortest.Token[:5], "no scheme": operatortest.Token, "basic": "Basic " + operatortest.Token} {
			h := &operatortest.Host{}
			w := request(t, h, rt.Method, path, "", map[string]string{"Authorization": header})
			if p := operatortest.WantProblem(t, w, http.StatusUnauthorized); p.Type != operator.ProblemType+"token" || w.Header().Get("WWW-Authenticate") == "" || len(h.Callers) != 0 {
				t.Errorf("%s with %s: %+v", path, what, p)
			}
		}
	}
	if changing == 0 {
		t.Error("no path changes anything")
	}
	if w := request(t, &operatortest.Host{}, http.MethodPost, operator.CallSwitchover.Path, "", nil); w.Code != http.StatusOK {
		t.Errorf("switchover with the token: %d %s", w.Code, w.Body)
	}
	if w := request(t, &operatortest.Host{}, http.MethodGet, operator.CallStatus.Path, "", map[string]string{"Authorization": ""}); w.Code != http.StatusOK {
		t.Errorf("status without a token: %d", w.Code)
	}
}

// TestToken_IsNotOpenWithoutOne holds that a host without a token takes no call that changes something.
func TestToken_IsNotOpenWithoutOne(t *testing.T) {
	h := NewHandler(ServerConfig{Host: &operatortest.Host{}, Operations: (&operatortest.Host{}).Registry(), Clock: operatortest.Clock})
	for _, header := range []string{"", "Bearer", "Bearer "} {
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1"+operator.CallSwitchover.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		if w := operatortest.Served(h, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
}

// TestPeerOrigin_MayReadOnly holds that the other host's console may read here, and nobody else's page, and that it
// may change nothing.
func TestPeerOrigin_MayReadOnly(t *testing.T) {
	h := &operatortest.Host{Now: operator.Status{Host: "a", Peer: operator.Peer{Host: "b", HTTP: "192.0.2.2:7704"}}}
	ask := func(method, path, origin string) (int, string) {
		w := request(t, h, method, path, "", map[string]string{"Origin": origin, "Sec-Fetch-Site": "cross-site"})
		return w.Code, w.Header().Get("Access-Control-Allow-Origin")
	}
	if code, allowed := ask(http.MethodGet, operator.CallStatus.Path, "http://192.0.2.2:7704"); code != http.StatusOK || allowed != "http://192.0.2.2:7704" {
		t.Errorf("the other host's console reads: %d, allowed %q", code, allowed)
	}
	for _, origin := range []string{"http://192.0.2.2:7705", "http://evil.example", "null", "https://192.0.2.2:7704"} {
		if _, allowed := ask(http.MethodGet, operator.CallStatus.Path, origin); allowed != "" {
			t.Errorf("%s is allowed as %q", origin, allowed)
		}
	}
	if code, allowed := ask(http.MethodPost, operator.CallSwitchover.Path, "http://192.0.2.2:7704"); code != http.StatusForbidden || allowed != "" || len(h.Callers) != 0 {
		t.Errorf("the other host's console switches over: %d, allowed %q", code, allowed)
	}
	h.Now.Peer.HTTP = ""
	if _, allowed := ask(http.MethodGet, operator.CallStatus.Path, "http://"); allowed != "" {
		t.Errorf("allowed %q while the other host is not known", allowed)
	}
}
