package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// TestFault_B5_ABodyOfACallSaysOneThing: of two durations the last one paused, and FOR was taken for "for".
func TestFault_B5_ABodyOfACallSaysOneThing(t *testing.T) {
	for body, said := range map[string]string{
		`{"FOR":"5h"}`:                `write \"for\"`,
		`{"for":"1m","for":"5h"}`:     "stands twice",
		`{"for":null}`:                "is null",
		"{\"for\":\"\xff\"}":          "no UTF-8",
		`{"for":"\udc00"}`:            "half of a character",
		`{"for":"1m"}{"for":"5h"}`:    "nothing after it",
		`{"for":"1m","whatever":"1"}`: "there is no field",
	} {
		h := &operatortest.Host{}
		w := request(t, h, http.MethodPost, operator.CallPause.Path, body, nil)
		operatortest.WantProblem(t, w, http.StatusBadRequest)
		if !strings.Contains(w.Body.String(), said) {
			t.Errorf("%q: %s, want %s", body, w.Body.String(), said)
		}
	}
}
