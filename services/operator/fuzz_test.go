package operator

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
)

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(200, "application/json", []byte(`{"host":"a","position":"7/1","processes":{"x":{"pid":1}},"events":[{"step":"B1"}]}`))
	f.Add(409, "application/problem+json", []byte(`{"type":"urn:hotpair:problem:refused","title":"x","result":{"steps":[{}]}}`))
	f.Add(200, "", []byte(`{"catch_up":{"done":1e300,"missing":3},"role":"standby","mode":"copying","position":"7"}`))
	f.Add(200, "", []byte(`{"hosts":{"a":{"http":"http://127.0.0.1:1"}},"updates":[{"position":"1/1","keys":["k"]}]}`))
	f.Fuzz(func(t *testing.T, code int, contentType string, body []byte) {
		var status Status
		_ = decodeAnswer(code, contentType, body, &status)
		var page bus.HistoryPage
		_ = decodeAnswer(code, contentType, body, &page)
	})
}
