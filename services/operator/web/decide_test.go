package web

import (
	"net/http"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestPause_BadRequests(t *testing.T) {
	for body, want := range map[string]int{
		`{"for":"forever"}`: http.StatusBadRequest, `{"for":"-1m"}`: http.StatusBadRequest, `{"until":"x"}`: http.StatusBadRequest,
		`{`: http.StatusBadRequest, `{"for":"1m"}`: http.StatusOK, ``: http.StatusOK,
	} {
		h := &operatortest.Host{Now: operatortest.Paired()}
		if w := request(t, h, http.MethodPost, operator.CallPause.Path, body, nil); w.Code != want {
			t.Errorf("%s: answered %d %s, want %d", body, w.Code, w.Body, want)
		} else if want != http.StatusOK && len(h.Decided.Paused) > 0 {
			t.Errorf("%s reached the host", body)
		}
	}
}

func TestPromote_BadRequests(t *testing.T) {
	for body, want := range map[string]int{
		``: http.StatusBadRequest, `{}`: http.StatusBadRequest, `{"accept_loss":"-1"}`: http.StatusBadRequest, `{"accept_loss":"many"}`: http.StatusBadRequest,
		`{"accept_loss":"0"}`: http.StatusOK, `{"accept_loss":"unknown"}`: http.StatusOK,
	} {
		h := &operatortest.Host{Now: operatortest.Standby(), Decided: operatortest.Decided{Plan: operatortest.Plans()["promote-known"]}}
		if w := request(t, h, http.MethodPost, operator.CallPromote.Path, body, nil); w.Code != want {
			t.Errorf("%s: answered %d %s, want %d", body, w.Code, w.Body, want)
		} else if want != http.StatusOK && len(h.Decided.Accepted) > 0 {
			t.Errorf("%s reached the host", body)
		}
	}
}
