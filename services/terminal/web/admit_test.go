package web

import (
	"net/http"
	"strings"
	"testing"
)

// Only what names this machine is answered: a page can point its own name at 127.0.0.1 and is of the same origin then.
func TestAdmit_AnswersNamesOfThisMachineOnly(t *testing.T) {
	a := &agent{}
	_, address := serve(t, Config{Agent: a})
	_, port, _ := strings.Cut(address, ":")
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port, "LOCALHOST", "127.3.2.1", "[::1]:" + port, "[::1]", "[::ffff:127.0.0.1]"} {
		for _, path := range []string{"/", "/v1/status"} {
			if r, body := call(t, address, "GET", path, "", "Host", host); r.StatusCode != 200 {
				t.Errorf("Host %s: %d %s", host, r.StatusCode, body)
			}
		}
	}
	for _, host := range []string{"evil.example", "evil.example:" + port, "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.7", "0.0.0.0", "[::]", "[fe80::1%25lo]", "localhost.", "1", ""} {
		for _, c := range [][2]string{{"GET", "/"}, {"GET", "/v1/status"}, {"GET", "/v1/notices"}, {"POST", "/v1/kv/put"}, {"OPTIONS", "/v1/kv/put"}} {
			r, body := call(t, address, c[0], c[1], "", "Host", host)
			wantProblem(t, r, body, http.StatusMisdirectedRequest, "host")
		}
	}
	if a.count() != 0 {
		t.Errorf("%d requests", a.count())
	}
}

// Pages of other origins have a browser ask nothing, whether it says the origin or only that it is another one; those that are listed may,
// and are told so before they ask.
func TestAdmit_RefusesPagesOfOtherOrigins(t *testing.T) {
	const good = "https://till.example"
	a := &agent{}
	_, address := serve(t, Config{Agent: a, Origins: []string{good}})
	for _, origin := range []string{"https://evil.example", "null", "http://till.example", "https://till.example:8443", "https://till.example.evil", "file://", "",
		"http://localhost:3000", "http://127.0.0.1", "https://" + address, good + "," + good} {
		for _, c := range [][2]string{{"GET", "/"}, {"GET", "/v1/status"}, {"GET", "/v1/notices"}, {"POST", "/v1/kv/put"}} {
			r, body := call(t, address, c[0], c[1], "", "Origin", origin)
			wantProblem(t, r, body, http.StatusForbidden, "origin")
			if shared := r.Header.Get("Access-Control-Allow-Origin"); shared != "" {
				t.Errorf("%q is shared with %q", c[1], shared)
			}
		}
		// Before it asks, it is told nothing that lets it.
		r, _ := call(t, address, "OPTIONS", "/v1/kv/put", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if r.StatusCode == http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%q may ask: %d %v", origin, r.StatusCode, r.Header)
		}
	}
	// Of an image or a script a browser says no origin.
	for _, site := range []string{"cross-site", "same-site"} {
		for _, path := range []string{"/v1/status", "/v1/notices", "/page.js"} {
			r, body := call(t, address, "GET", path, "", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", "no-cors")
			wantProblem(t, r, body, http.StatusForbidden, "origin")
		}
	}
	if r, body := call(t, address, "GET", "/v1/status", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a link leads to %d %s", r.StatusCode, body)
	}
	if r, _ := call(t, address, "GET", "/", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); r.StatusCode != 200 || !strings.Contains(r.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("a link to the page: %d %v", r.StatusCode, r.Header)
	}
	if a.count() != 0 {
		t.Fatalf("%d requests", a.count())
	}

	for _, origin := range []string{good, "http://" + address} {
		if r, body := call(t, address, "POST", "/v1/kv/put", "{}", "Origin", origin); r.StatusCode != 200 || body != "{}" {
			t.Errorf("%s: %d %s", origin, r.StatusCode, body)
		}
	}
	r, _ := call(t, address, "POST", "/v1/kv/put", "{}", "Origin", good)
	if h := r.Header; h.Get("Access-Control-Allow-Origin") != good || h.Get("Vary") != "Origin" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Hotpair-Position") ||
		h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%v", h)
	}
	r, _ = call(t, address, "OPTIONS", "/v1/kv/put", "", "Origin", good, "Access-Control-Request-Method", "POST", "Access-Control-Request-Private-Network", "true")
	for name, wanted := range map[string]string{"Access-Control-Allow-Origin": good, "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Hotpair-Request-Id",
		"Access-Control-Allow-Private-Network": "true"} {
		if !strings.Contains(r.Header.Get(name), wanted) || r.StatusCode != http.StatusNoContent {
			t.Errorf("%d %s: %q", r.StatusCode, name, r.Header.Get(name))
		}
	}
	// Two applications, as far as the bounds go.
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) != 3 || a.asked[0].App == a.asked[1].App || a.asked[0].App != a.asked[2].App {
		t.Errorf("asked by %+v", a.asked)
	}
}

// Nobody comes in from elsewhere, wherever the agent is told to listen.
func TestAdmit_ThisMachineAlone(t *testing.T) {
	s := New(Config{Listen: "0.0.0.0:0", Agent: &agent{}})
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), ErrNotLocal.Error()) {
		t.Errorf("it listens everywhere: %v", err)
	}
	for address, local := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "10.0.0.1:1": false, "[fe80::1]:1": false, "": false, "@": false} {
		if isLocal(address) != local {
			t.Errorf("%s is local: %t", address, !local)
		}
	}
}

// What is refused before it is asked says why, and what to do instead.
func TestCall_RefusesWhatIsNoRequest(t *testing.T) {
	a := &agent{}
	_, address := serve(t, Config{Agent: a})
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		kind         string
	}{
		{"POST", "/v1/kv", nil, 404, "path"},
		{"POST", "/v1/", nil, 404, "path"},
		{"POST", "/v1/kv/put/more", nil, 404, "path"},
		{"POST", "/v1/kv/", nil, 404, "path"},
		{"POST", "/v1//put", nil, 404, "path"},
		{"POST", "/v1/kv/p%2Fut", nil, 404, "path"},
		{"POST", "/v1/kv/..", nil, 404, "path"},
		{"POST", "/v1/k$v/put", nil, 404, "path"},
		{"POST", "/v1/kv/" + strings.Repeat("x", 65), nil, 404, "path"},
		{"POST", "/v2/kv/put", nil, 405, "method"}, // a file
		{"GET", "/v1/kv/put", nil, 405, "method"},
		{"DELETE", "/v1/kv/put", nil, 405, "method"},
		{"POST", "/v1/status", nil, 405, "method"},
		{"PUT", "/", nil, 405, "method"},
		{"POST", "/v1/kv/put?key=a", nil, 400, "malformed"},
		{"POST", "/v1/kv/put?", nil, 400, "malformed"},
		{"POST", "/v1/kv/put", []string{"Content-Type", "text/plain"}, 415, "type"},
		{"POST", "/v1/kv/put", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "type"},
		{"POST", "/v1/kv/put", []string{"Content-Type", "application/json; charset=latin1"}, 415, "type"},
		{"POST", "/v1/kv/put", []string{"Content-Type", ";"}, 415, "type"},
		{"POST", "/v1/kv/put", []string{"Content-Encoding", "gzip"}, 415, "type"},
		{"GET", "/v1/queue", nil, 404, "path"},
		{"DELETE", "/v1/queue?key=x", nil, 404, "path"},
		{"GET", "/v1/queue/x?key=x", nil, 404, "path"},
		{"GET", "/v1/queue?key=%zz", nil, 400, "malformed"},
		{"GET", "/v1/queue?&", nil, 400, "malformed"},
		{"GET", "/v1/queue/x?x", nil, 404, "path"},
		{"PUT", "/v1/queue/x", nil, 405, "method"},
		{"GET", "/v1/queue?", nil, 404, "path"},
		{"DELETE", "/v1/queue?after=1", nil, 404, "path"},
		{"GET", "/v1/queue/x?after=1", nil, 404, "path"},
	} {
		r, body := call(t, address, c.method, c.path, "{}", c.headers...)
		wantProblem(t, r, body, c.status, c.kind)
		if c.status == 405 && r.Header.Get("Allow") == "" {
			t.Errorf("%s %s: nothing says which method is right", c.method, c.path)
		}
	}
	for path, want := range map[string]string{
		"/v1/queue/x":                 `{"id":"x","key":"","after":0,"limit":0}`,
		"/v1/queue?key=a%2Fb":         `{"id":"","key":"a/b","after":0,"limit":0}`,
		"/v1/queue?after=0":           `{"id":"","key":"","after":0,"limit":0}`,
		"/v1/queue?after=17&limit=50": `{"id":"","key":"","after":17,"limit":50}`,
	} {
		if r, body := call(t, address, "GET", path, ""); r.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
	for _, query := range []string{"after=", "after=-1", "after=1.5", "after=99999999999999999999", "after=1&after=2", "after=1&limit=0", "after=1&limit=x", "limit=5", "key=", "key=a&after=1", "key=a&key=b", "from=1", "after=1&from=2"} {
		r, body := call(t, address, "GET", "/v1/queue?"+query, "")
		wantProblem(t, r, body, http.StatusBadRequest, "malformed")
	}
	if r, body := call(t, address, "DELETE", "/v1/queue/x", ""); r.StatusCode != 409 || !strings.Contains(body, "x waits") || !strings.Contains(body, "Only a request with an outcome can be removed") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if r, body := call(t, address, "GET", "/v1/queue?key=absent", ""); r.StatusCode != 404 || !strings.Contains(body, "queue it again under its key") || !strings.Contains(body, `"done":"unknown"`) {
		t.Errorf("%s", body)
	}
	if a.count() != 0 {
		t.Errorf("asked %d times", a.count())
	}
	for _, kind := range []string{"application/json", "application/json; charset=UTF-8", "application/vnd.till+json"} {
		if r, body := call(t, address, "POST", "/v1/kv/put", "{}", "Content-Type", kind); r.StatusCode != 200 || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s %v", kind, r.StatusCode, body, r.Header)
		}
	}
}
