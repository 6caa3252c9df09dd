package query_test

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/query"
)

// FuzzQuery: what is accepted is within bounds, and comes back from what it is written as.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{"from=1&limit=2", "limit=0", "%", "from", "key=a%26b&service=kv&before=7"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := operator.CallHistory.Unless
		if query.Decode(text, &q) != nil || operator.CallHistory.Check(&q) != nil {
			return
		}
		if q.Limit < 1 || q.Limit > operator.MaxHistory {
			t.Errorf("query %q became %+v", text, q)
		}
		var back bus.HistoryRequest
		if err := query.Decode(query.Encode(q), &back); err != nil || back != q {
			t.Errorf("%+v came back as %+v, %v", q, back, err)
		}
	})
}
