package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
)

// pair gives the directory of a cluster that is down.
func pair(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := `{"hosts":{"a":{"http":"http://127.0.0.1:1"},"b":{"http":"http://127.0.0.2:1"}}}`
	if err := os.WriteFile(filepath.Join(dir, ClusterFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// FuzzDecodeCluster: what is accepted names hosts.
func FuzzDecodeCluster(f *testing.F) {
	f.Add([]byte(`{"hosts":{"a":{"http":"http://127.0.0.1:1"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if targets, err := decodeCluster(body); err == nil && len(targets) == 0 {
			t.Error("a cluster without hosts was accepted")
		}
	})
}

func TestPlace_WhatComesFirst(t *testing.T) {
	clusterDir := pair(t)
	temp := t.TempDir()
	folder := filepath.Join(temp, "hotpair-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	pointer := func(port int, dir string) {
		if err := os.WriteFile(filepath.Join(folder, "cluster-"+strconv.Itoa(port)), []byte(dir+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, p Place, urls ...string) {
		t.Helper()
		targets, err := p.Find()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		var got []string
		for _, target := range targets {
			got = append(got, target.URL)
		}
		if diff := cmp.Diff(urls, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	hosts, err := cluster(clusterDir)
	if err != nil {
		t.Fatal(err)
	}
	a, b := hosts[0].URL, hosts[1].URL
	env := []string{"HOTPAIR_HTTP=10.0.0.1:7704"}
	want("nothing", Place{Temp: temp}, "http://127.0.0.1:7704")
	want("flag", Place{HTTP: "https://x:1", Env: env, Temp: temp}, "https://x:1")
	want("directory", Place{Dir: clusterDir, Env: env, Temp: temp}, a, b)
	want("environment", Place{Env: env, Temp: temp}, "https://10.0.0.1:7704")
	want("empty variable", Place{Env: []string{"HOTPAIR_HTTP="}, Temp: temp}, "http://127.0.0.1:7704")
	pointer(9000, t.TempDir())
	want("pointer to what has ended", Place{Temp: temp}, "http://127.0.0.1:7704")
	pointer(9100, clusterDir)
	want("the only cluster", Place{Temp: temp}, a, b)
	other := pair(t)
	pointer(clusterPort, other)
	others, err := cluster(other)
	if err != nil {
		t.Fatal(err)
	}
	want("the cluster on the default ports", Place{Temp: temp}, others[0].URL, others[1].URL)
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	want("pointers that anybody can write", Place{Temp: temp}, "http://127.0.0.1:7704")
	if _, err := (Place{Env: []string{"HOTPAIR_HTPP=x"}, Temp: temp}).Find(); !errors.Is(err, operator.ErrUsage) || !errors.Is(err, config.ErrInvalid) {
		t.Errorf("misspelt variable: %v", err)
	}
}

func TestCluster_UnreadableFile_IsUsage(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "{}", `{"hosts":{}}`, `{"hosts":{"a":{"http":""}}}`, `{"hosts":{"a":{"http":"file:///x"}}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ClusterFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := cluster(dir); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%q: %v, want ErrUsage", text, err)
		}
	}
}

// On a real host every command that changes something failed as the guide had it, until HOTPAIR_DATA was set: the environment file of the
// unit says where the host is, and so where its unix socket is.
func TestFault_D6_TheUnitsEnvironmentFileIsFound(t *testing.T) {
	data := t.TempDir()
	socket := filepath.Join(data, operator.SocketFile)
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // whether somebody listens shows when it is asked
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("hpt_alice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "host.env")
	text := "# a host\nHOTPAIR_HOST=a\nHOTPAIR_DATA=\"" + data + "\"\nHOTPAIR_HTTP=127.0.0.1:7999\nHOTPAIR_PAIR_SECRET=x\n"
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		place Place
		want  Target
	}{
		"on the host":            {Place{Unit: unit}, Target{URL: "unix:" + socket}},
		"its data are set":       {Place{Env: []string{"HOTPAIR_DATA=" + data}}, Target{URL: "unix:" + socket}},
		"its socket is set":      {Place{Env: []string{"HOTPAIR_HTTP_SOCKET=" + socket}}, Target{URL: "unix:" + socket}},
		"its socket is named":    {Place{HTTP: "unix:" + socket}, Target{URL: "unix:" + socket}},
		"another address is set": {Place{Unit: unit, Env: []string{"HOTPAIR_HTTP=127.0.0.1:8000"}}, Target{URL: "http://127.0.0.1:8000"}},
		"another host is named":  {Place{Unit: unit, HTTP: "10.0.0.2:7704"}, Target{URL: "https://10.0.0.2:7704"}},
		"with a token":           {Place{HTTP: "10.0.0.2:7704", Env: []string{"HOTPAIR_TOKEN=hpt_bob"}}, Target{URL: "https://10.0.0.2:7704", Token: "hpt_bob"}},
		"with a file":            {Place{HTTP: "10.0.0.2:7704", TokenFile: token, Env: []string{"HOTPAIR_TOKEN=hpt_bob"}}, Target{URL: "https://10.0.0.2:7704", Token: "hpt_alice"}},
		"with a reason":          {Place{HTTP: "10.0.0.2:7704", Reason: "because"}, Target{URL: "https://10.0.0.2:7704", Reason: "because"}},
		"no unit":                {Place{}, Target{URL: "http://127.0.0.1:7704"}},
	} {
		c.place.Temp = t.TempDir()
		if got, err := c.place.Find(); err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	for what, place := range map[string]Place{
		"a file that there is not": {HTTP: "10.0.0.2:7704", TokenFile: token + ".none"},
		"half a path":              {HTTP: "unix:operator.sock"},
	} {
		if got, err := place.Find(); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// TestPlace_NoTokenCrossesANetworkInClear: the first call would have told it to whoever listens, whatever the host says then.
func TestPlace_NoTokenCrossesANetworkInClear(t *testing.T) {
	token := []string{"HOTPAIR_TOKEN=hpt_bob"}
	for at, want := range map[string]string{
		"127.0.0.1:7704": "http://127.0.0.1:7704", "localhost:7704": "http://localhost:7704", "[::1]:7704": "http://[::1]:7704", "http://127.0.0.1": "http://127.0.0.1",
		"192.0.2.1:7704": "https://192.0.2.1:7704", "hosta:7704": "https://hosta:7704", "https://hosta": "https://hosta", "[2001:db8::1]:7704": "https://[2001:db8::1]:7704",
		"http://192.0.2.1:7704": "", "http://hosta": "", "http://127.0.0.1:1@192.0.2.1:7704": "", "http://localhost.example:7704": "", "ftp://hosta": "",
	} {
		found, err := Place{HTTP: at, Env: token}.Find()
		if want == "" {
			if !errors.Is(err, operator.ErrUsage) || !strings.Contains(err.Error(), "https://") {
				t.Errorf("%s: %+v, %v", at, found, err)
			}
		} else if err != nil || found[0].URL != want || found[0].Token != "hpt_bob" {
			t.Errorf("%s: %+v, %v, want %s", at, found, err, want)
		}
	}
	for what, p := range map[string]Place{"without a token": {HTTP: "http://192.0.2.1:7704"}, "a pair in clear": {HTTP: "http://192.0.2.1:7704", Env: append(token, "HOTPAIR_INSECURE=true")}} {
		if found, err := p.Find(); err != nil || found[0].URL != "http://192.0.2.1:7704" {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
	}
}
