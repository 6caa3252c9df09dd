package command

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestVerifyCommand(t *testing.T) {
	good := "--http=http://" + serve(t, &operatortest.Host{}).Address()
	bad := "--http=http://" + serve(t, &operatortest.Host{Now: operator.Status{Host: "differs"}}).Address()
	for _, c := range []struct{ args, err, want string }{
		{"verify --last " + good, "", "never compared"},
		{"verify " + good, "", "12 345 keys compared on a and b, all equal"},
		{"verify " + bad, "the databases differ in 120 keys", "needle?[2J"},
		{"verify " + bad, "the databases differ", "and 119 more"},
		{"verify --json " + bad, "the databases differ", `"kind": "different"`},
		{"verify --stop " + good, "refused", ""},
		{"verify --stop --last " + good, "wrong usage", ""},
		{"verify --repair --last " + good, "wrong usage", ""},
	} {
		out, _, err := run(t, strings.Fields(c.args)...)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), c.err)) {
			t.Errorf("%s: %v, want %q", c.args, err, c.err)
		}
		if !strings.Contains(out, c.want) {
			t.Errorf("%s says %q, want %q", c.args, out, c.want)
		}
	}
	operatortest.WantProblem(t, request(t, &operatortest.Host{}, http.MethodPost, operator.CallVerify.Path, `{"fix":true}`, nil), http.StatusBadRequest)
	operatortest.WantProblem(t, request(t, &operatortest.Host{}, http.MethodPost, operator.CallStopVerify.Path, "", nil), http.StatusConflict)
	operatortest.WantProblem(t, request(t, &operatortest.Host{Err: operator.ErrForward}, http.MethodPost, operator.CallVerify.Path, "", nil), http.StatusBadGateway)
}
