package command

import (
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestExplainCommand(t *testing.T) {
	for name, e := range map[string]operator.Explanation{"explain-paired": operatortest.Explained(), "explain-solo": operatortest.ExplainedSolo()} {
		a := &operatortest.Host{Now: operatortest.Paired(), Decided: operatortest.Decided{Explained: e}}
		out, _, err := run(t, "explain", "--dir", pair(t, a, nil))
		if err != nil {
			t.Fatal(err)
		}
		wantScreen(t, out)
		operatortest.Golden(t, name, out)
	}
}
