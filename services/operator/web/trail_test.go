package web

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/trail"
)

// told keeps what the audit trail is told.
type told struct {
	mu  sync.Mutex
	all []trail.Refusal
}

func (t *told) Refused(r trail.Refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, r)
}

// TestTrail_IsToldOfEachRefusal: no token, a wrong one, a role that does not allow it, a login, another site; who it was where that was
// proved, never what was shown.
func TestTrail_IsToldOfEachRefusal(t *testing.T) {
	for what, c := range map[string]struct {
		method, path, body string
		header             map[string]string
		want               trail.Refusal
	}{
		"nothing shown": {http.MethodGet, operator.CallEvents.Path, "", map[string]string{"Authorization": ""}, trail.Refusal{What: "events", Why: "the token is missing"}},
		"a wrong token": {http.MethodPost, operator.CallSwitchover.Path, "", map[string]string{"Authorization": "Bearer guess"}, trail.Refusal{What: "switchover", Why: "the token is missing or wrong"}},
		"another role": {http.MethodPost, operator.CallPromote.Path, `{"accept_loss":"0"}`, map[string]string{"Authorization": "Bearer " + operatortest.TokenOf(operator.Operate)},
			trail.Refusal{What: "promote", Name: "operate", Role: "operate", Why: "needs the role admin"}},
		"a login":      {http.MethodPost, PathLogin, `{"token":"guess"}`, nil, trail.Refusal{What: actLogin, Why: "missing or wrong"}},
		"another site": {http.MethodPost, operator.CallPause.Path, "{}", map[string]string{"Sec-Fetch-Site": "cross-site"}, trail.Refusal{What: "pause", Why: "cross-origin"}},
		"another name": {http.MethodGet, "/metrics", "", map[string]string{"Host": "evil.example"}, trail.Refusal{What: "/metrics", Why: "evil.example"}},
		"a page":       {http.MethodGet, "/metrics", "", map[string]string{"Authorization": "Bearer guess"}, trail.Refusal{What: "/metrics", Why: "missing or wrong"}},
	} {
		to := &told{}
		config := configOf(&operatortest.Host{Now: operatortest.Paired()})
		config.Trail = to
		config.Pages, config.Guarded = map[string]http.Handler{"/metrics": http.NotFoundHandler()}, map[string]operator.Role{"/metrics": operator.View}
		w := operatortest.Request(NewHandler(config), c.method, c.path, c.body, c.header)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden || len(to.all) != 1 {
			t.Errorf("%s: %d %s, told %+v", what, w.Code, w.Body, to.all)
			continue
		}
		got := to.all[0]
		if got.What != c.want.What || got.Name != c.want.Name || got.Role != c.want.Role || got.From == "" || !strings.Contains(got.Why, c.want.Why) || strings.Contains(got.Why, "guess") {
			t.Errorf("%s: told %+v", what, got)
		}
	}
}
