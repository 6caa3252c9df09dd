package operator

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func TestSeries_IsAListAlsoWhenEmpty(t *testing.T) {
	w := request(t, &table{}, http.MethodGet, PathSeries, "", nil)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &fields); err != nil || string(fields["points"]) != "[]" {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
	h := &table{points: []Point{{Time: time.Unix(1, 0), Requests: 12.5}}}
	var s Series
	w = request(t, h, http.MethodGet, PathSeries, "", nil)
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || len(s.Points) != 1 || s.Points[0].Requests != 12.5 {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
}
