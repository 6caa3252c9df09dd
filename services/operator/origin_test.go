package operator

import (
	"net/http"
	"testing"
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
			h := &table{done: switched()}
			wantProblem(t, request(t, h, http.MethodPost, PathSwitchover, "", header), http.StatusForbidden)
			if len(h.callers) != 0 {
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
		if w := request(t, &table{done: switched()}, http.MethodPost, PathSwitchover, "{}", header); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestServer_OnLoopback_AnswersNoOtherName: a page whose name was pointed to 127.0.0.1 must not read either.
func TestServer_OnLoopback_AnswersNoOtherName(t *testing.T) {
	s := serve(t, &table{status: paired()})
	for host, want := range map[string]int{"evil.example": 403, "evil.example:7704": 403, "localhost": 200, s.Address(): 200} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+PathStatus, nil)
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
