package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestSeries_IsAListAlsoWhenEmpty(t *testing.T) {
	w := request(t, &operatortest.Host{}, http.MethodGet, operator.CallSeries.Path, "", nil)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &fields); err != nil || string(fields["points"]) != "[]" {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
	h := &operatortest.Host{Points: []operator.Point{{Time: time.Unix(1, 0), Requests: 12.5}}}
	var s operator.Series
	w = request(t, h, http.MethodGet, operator.CallSeries.Path, "", nil)
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || len(s.Points) != 1 || s.Points[0].Requests != 12.5 {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
}
