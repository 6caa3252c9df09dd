package operator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/storage/position"
)

func TestHealth_LagAndVerbose(t *testing.T) {
	right := lease.Right{Epoch: 7, Until: 2 * time.Second}
	active := Status{Host: "a", Role: "active", Mode: "paired", InSync: []string{"a", "b"}, Fit: true, Active: "a", RightUntilMS: 500,
		Committed: position.Position{Epoch: 7, Sequence: 100}, Notified: position.Position{Epoch: 7, Sequence: 90},
		Processes: map[string]Process{"updater": {State: "ready"}}}
	standby := Status{Host: "b", Role: "standby", Mode: "paired", InSync: []string{"a", "b"}, Fit: true, Active: "a", Lag: 5}
	unfit := standby
	unfit.Fit, unfit.Unfit = false, "updater is not ready"
	behind := standby
	behind.Mode, behind.InSync = "catching-up", []string{"a"}
	for _, c := range []struct {
		target string
		status Status
		right  lease.Right
		code   int
		want   []string
	}{
		{PathActive, active, right, 200, []string{"active"}},
		{PathActive + "?lag=10", active, right, 200, []string{"active"}},
		{PathActive + "?lag=9", active, right, 503, []string{"10 updates not at the other host, 9 allowed"}},
		{PathActive + "?lag=10&verbose", active, right, 200, []string{"[+] right", "[+] lag: 10 updates", "active"}},
		{PathActive + "?verbose", standby, lease.Right{}, 503, []string{"[-] right: b is standby", "check failed"}},
		{PathActive + "?lag=10", standby, lease.Right{}, 503, []string{"may not answer"}},
		{PathStandby + "?lag=5", standby, lease.Right{}, 200, []string{"standby"}},
		{PathStandby + "?lag=4", standby, lease.Right{}, 503, []string{"5 updates not applied, 4 allowed"}},
		{PathStandby + "?lag=4&verbose", standby, lease.Right{}, 503, []string{"[+] sync", "[-] lag"}},
		{PathStandby + "?lag=1000", behind, lease.Right{}, 503, []string{"no in-sync standby"}},
		{PathReady + "?verbose", active, right, 200, []string{"[+] right", "[+] updater: ready", "[+] witness: not reachable", "ready: active"}},
		{PathReady + "?lag=4", standby, lease.Right{}, 503, []string{"4 allowed"}},
		{PathReady + "?verbose=true", unfit, lease.Right{}, 503, []string{"[+] sync", "[-] fit: b could not take over: updater is not ready"}},
		{PathReady, unfit, lease.Right{}, 503, []string{"updater is not ready"}},
		{PathLive + "?verbose", behind, lease.Right{}, 200, []string{"[+] main", "live"}},
		{PathActive + "?lag=1MB", active, right, 400, []string{"is no number of updates"}},
		{PathActive + "?lag=-1", active, right, 400, []string{"is no number of updates"}},
		{PathStandby + "?leg=1", standby, lease.Right{}, 400, []string{"there are lag"}},
		{PathStandby + "?lag=1&lag=2", standby, lease.Right{}, 400, []string{"each once"}},
	} {
		w := request(t, &table{status: c.status, right: c.right}, http.MethodGet, c.target, "", nil)
		if w.Code != c.code {
			t.Errorf("%s: %d %s, want %d", c.target, w.Code, w.Body, c.code)
		}
		for _, want := range c.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %q does not hold %q", c.target, w.Body, want)
			}
		}
	}
}
