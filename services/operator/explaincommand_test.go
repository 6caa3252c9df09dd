package operator

import (
	"testing"
)

func TestExplainCommand(t *testing.T) {
	for name, e := range map[string]Explanation{"explain-paired": explained(), "explain-solo": explainedSolo()} {
		a := &table{status: paired(), decided: decided{explained: e}}
		out, _, err := run(t, "explain", "--dir", pair(t, a, nil))
		if err != nil {
			t.Fatal(err)
		}
		wantScreen(t, out)
		golden(t, name, out)
	}
}
