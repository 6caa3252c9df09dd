package operator

import (
	"net/http"
	"testing"
)

func TestPause_BadRequests(t *testing.T) {
	for body, want := range map[string]int{
		`{"for":"forever"}`: http.StatusBadRequest, `{"for":"-1m"}`: http.StatusBadRequest, `{"until":"x"}`: http.StatusBadRequest,
		`{`: http.StatusBadRequest, `{"for":"1m"}`: http.StatusOK, ``: http.StatusOK,
	} {
		h := &table{status: paired()}
		if w := request(t, h, http.MethodPost, PathPause, body, nil); w.Code != want {
			t.Errorf("%s: answered %d %s, want %d", body, w.Code, w.Body, want)
		} else if want != http.StatusOK && len(h.decided.paused) > 0 {
			t.Errorf("%s reached the host", body)
		}
	}
}

func TestPromote_BadRequests(t *testing.T) {
	for body, want := range map[string]int{
		``: http.StatusBadRequest, `{}`: http.StatusBadRequest, `{"accept_loss":"-1"}`: http.StatusBadRequest, `{"accept_loss":"many"}`: http.StatusBadRequest,
		`{"accept_loss":"0"}`: http.StatusOK, `{"accept_loss":"unknown"}`: http.StatusOK,
	} {
		h := &table{status: standby(), decided: decided{plan: plans()["promote-known"]}}
		if w := request(t, h, http.MethodPost, PathPromote, body, nil); w.Code != want {
			t.Errorf("%s: answered %d %s, want %d", body, w.Code, w.Body, want)
		} else if want != http.StatusOK && len(h.decided.accepted) > 0 {
			t.Errorf("%s reached the host", body)
		}
	}
}
