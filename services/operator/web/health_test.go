package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/storage/position"
)

func TestHealth_LagAndVerbose(t *testing.T) {
	right := lease.Right{Epoch: 7, Until: 2 * time.Second}
	active := operator.Status{Host: "a", Role: "active", Mode: "paired", InSync: []string{"a", "b"}, Fit: true, Active: "a", RightUntilMS: 500,
		Committed: position.Position{Epoch: 7, Sequence: 100}, Notified: position.Position{Epoch: 7, Sequence: 90},
		Processes: map[string]operator.Process{"updater": {State: "ready"}}}
	standby := operator.Status{Host: "b", Role: "standby", Mode: "paired", InSync: []string{"a", "b"}, Fit: true, Active: "a", Lag: 5}
	unfit := standby
	unfit.Fit, unfit.Unfit = false, "updater is not ready"
	behind := standby
	behind.Mode, behind.InSync = "catching-up", []string{"a"}
	for _, c := range []struct {
		target string
		status operator.Status
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
		w := request(t, &operatortest.Host{Now: c.status, Holds: c.right}, http.MethodGet, c.target, "", nil)
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

func TestHealth_ByRoleAndRight(t *testing.T) {
	until := func(at time.Duration) lease.Right { return lease.Right{Epoch: 7, Until: at} }
	all := operatortest.Samples()
	unfit := all["standby-in-sync"]
	unfit.Fit, unfit.Unfit = false, "the updater is down"
	cases := []struct {
		name                   string
		status                 operator.Status
		right                  lease.Right
		ready, active, standby bool
	}{
		{"active", all["active-paired"], until(time.Second + 1), true, true, false},
		{"active solo", all["active-solo"], until(2 * time.Second), true, true, false},
		{"active whose right has just ended", all["active-paired"], until(time.Second), false, false, false},
		{"active with a right of no epoch", all["active-paired"], lease.Right{Until: time.Hour}, false, false, false},
		{"handover", all["handover"], lease.Right{}, false, false, false},
		{"standby in sync", all["standby-in-sync"], lease.Right{}, true, false, true},
		{"standby in sync, not fit", unfit, lease.Right{}, false, false, true},
		{"standby catching up", all["standby-catching-up"], lease.Right{}, false, false, false},
		{"standby copying", all["standby-copying"], lease.Right{}, false, false, false},
		{"standby waiting", all["standby-waiting"], lease.Right{}, false, false, false},
		{"takeover", all["takeover"], lease.Right{}, false, false, false},
		{"starting", all["starting"], lease.Right{}, false, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := &operatortest.Host{Now: c.status, Holds: c.right}
			for path, want := range map[string]bool{PathLive: true, PathReady: c.ready, PathActive: c.active, PathStandby: c.standby} {
				w := request(t, h, http.MethodGet, path, "", nil)
				if want && w.Code != http.StatusOK {
					t.Errorf("%s = %d %s, want 200", path, w.Code, w.Body)
				}
				if !want {
					if p := operatortest.WantProblem(t, w, http.StatusServiceUnavailable); p.Detail == "" {
						t.Errorf("%s does not say why not", path)
					}
				}
				if w.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%s may be cached", path)
				}
			}
		})
	}
}
