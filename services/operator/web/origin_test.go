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

// TestOrigin_OfTheOtherHost_ReadsNothing: each console is its own host's, with a login of its own.
func TestOrigin_OfTheOtherHost_ReadsNothing(t *testing.T) {
	h := &operatortest.Host{Now: operator.Status{Host: "a", Peer: operator.Peer{Host: "b", HTTP: "192.0.2.2:7704"}}}
	w := request(t, h, http.MethodGet, operator.CallStatus.Path, "", map[string]string{"Origin": "http://192.0.2.2:7704", "Sec-Fetch-Site": "cross-site"})
	if allowed := w.Header().Get("Access-Control-Allow-Origin"); allowed != "" {
		t.Errorf("%q may read", allowed)
	}
}
