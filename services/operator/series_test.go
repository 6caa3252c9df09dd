package operator

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// Series gives what a host that stands still has done: nothing.
func (h *table) Series(after time.Time) Series {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Series{Host: h.status.Host, Every: time.Second}
	for _, p := range h.points {
		if p.Time.After(after) {
			s.Points = append(s.Points, p)
		}
	}
	return s
}

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
