package operator

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestToken_IsNeededForWhatChangesSomething holds for every path, also those that come later.
func TestToken_IsNeededForWhatChangesSomething(t *testing.T) {
	changing := 0
	for path, rt := range routes() {
		if rt.method == http.MethodGet {
			continue
		}
		changing++
		for what, header := range map[string]string{"none": "", "another": "Bearer wrong", "a part": "Bearer " + testToken[:5], "no scheme": testToken, "basic": "Basic " + testToken} {
			h := &table{}
			w := request(t, h, rt.method, path, "", map[string]string{"Authorization": header})
			if p := wantProblem(t, w, http.StatusUnauthorized); p.Type != problemType+"token" || w.Header().Get("WWW-Authenticate") == "" || len(h.callers) != 0 {
				t.Errorf("%s with %s: %+v", path, what, p)
			}
		}
	}
	if changing == 0 {
		t.Error("no path changes anything")
	}
	if w := request(t, &table{}, http.MethodPost, PathSwitchover, "", nil); w.Code != http.StatusOK {
		t.Errorf("switchover with the token: %d %s", w.Code, w.Body)
	}
	if w := request(t, &table{}, http.MethodGet, PathStatus, "", map[string]string{"Authorization": ""}); w.Code != http.StatusOK {
		t.Errorf("status without a token: %d", w.Code)
	}
}

// TestToken_IsNotOpenWithoutOne holds that a host without a token takes no call that changes something.
func TestToken_IsNotOpenWithoutOne(t *testing.T) {
	h := NewHandler(ServerConfig{Host: &table{}, Clock: clock})
	for _, header := range []string{"", "Bearer", "Bearer "} {
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1"+PathSwitchover, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		if w := served(h, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
}

func TestToken_IsLeftForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	for _, token := range []string{"one", "one", "another"} {
		if err := WriteToken(dir, token); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadToken(dir); got != token || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(filepath.Join(dir, tokenFile), 0o666); err != nil {
		t.Fatal(err)
	}
	if token, err := ReadToken(dir); err == nil {
		t.Errorf("read %q out of a file that anybody may write", token)
	}
	if err := WriteToken(filepath.Join(dir, "absent"), "x"); err == nil {
		t.Error("no error for a directory that there is not")
	}
}

// TestPeerOrigin_MayReadOnly holds that the other host's console may read here, and nobody else's page, and that it
// may change nothing.
func TestPeerOrigin_MayReadOnly(t *testing.T) {
	h := &table{status: Status{Host: "a", Peer: Peer{Host: "b", HTTP: "192.0.2.2:7704"}}}
	ask := func(method, path, origin string) (int, string) {
		w := request(t, h, method, path, "", map[string]string{"Origin": origin, "Sec-Fetch-Site": "cross-site"})
		return w.Code, w.Header().Get("Access-Control-Allow-Origin")
	}
	if code, allowed := ask(http.MethodGet, PathStatus, "http://192.0.2.2:7704"); code != http.StatusOK || allowed != "http://192.0.2.2:7704" {
		t.Errorf("the other host's console reads: %d, allowed %q", code, allowed)
	}
	for _, origin := range []string{"http://192.0.2.2:7705", "http://evil.example", "null", "https://192.0.2.2:7704"} {
		if _, allowed := ask(http.MethodGet, PathStatus, origin); allowed != "" {
			t.Errorf("%s is allowed as %q", origin, allowed)
		}
	}
	if code, allowed := ask(http.MethodPost, PathSwitchover, "http://192.0.2.2:7704"); code != http.StatusForbidden || allowed != "" || len(h.callers) != 0 {
		t.Errorf("the other host's console switches over: %d, allowed %q", code, allowed)
	}
	h.status.Peer.HTTP = ""
	if _, allowed := ask(http.MethodGet, PathStatus, "http://"); allowed != "" {
		t.Errorf("allowed %q while the other host is not known", allowed)
	}
}
