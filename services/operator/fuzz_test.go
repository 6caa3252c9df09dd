package operator

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
)

func FuzzDecode(f *testing.F) {
	f.Add(200, "application/json", []byte(`{"host":"a","position":"7/1","processes":{"x":{"pid":1}},"events":[{"step":"B1"}]}`), "from=1&limit=2")
	f.Add(409, "application/problem+json", []byte(`{"type":"urn:hotpair:problem:refused","title":"x","result":{"steps":[{}]}}`), "limit=0")
	f.Add(200, "", []byte(`{"catch_up":{"done":1e300,"missing":3},"role":"standby","mode":"copying","position":"7"}`), "%")
	f.Add(200, "", []byte(`{"hosts":{"a":{"http":"http://127.0.0.1:1"}},"updates":[{"position":"1/1","keys":["k"]}]}`), "from")
	f.Fuzz(func(t *testing.T, code int, contentType string, body []byte, query string) {
		var status Status
		if decodeAnswer(code, contentType, body, &status) == nil {
			s := &screen{}
			statusScreen(s, status)
			wantScreen(t, s.out.String())
		}
		var page bus.HistoryPage
		if decodeAnswer(code, contentType, body, &page) == nil {
			s := &screen{}
			historyScreen(s, page)
			wantScreen(t, s.out.String())
		}
		var done Switchover
		if err := DecodeOutcome(body, &done); err == nil {
			s := &screen{}
			switchoverScreen(s, done, nil)
			wantScreen(t, s.out.String())
		}
		if targets, err := decodeCluster(body); err == nil && len(targets) == 0 {
			t.Error("a cluster without hosts was accepted")
		}
		if r, err := historyRequest(query); err == nil && (r.Limit < 1 || r.Limit > MaxHistory) {
			t.Errorf("query %q became %+v", query, r)
		}
		_ = bus.DecodeJSON(body, &Forwarded{}) // that it can't be read is as good
	})
}
