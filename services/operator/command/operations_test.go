package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func TestOperationsCommand(t *testing.T) {
	out, _, err := run(t, "operations")
	if err != nil || !strings.Contains(out, "/api/v1/switchover") || !strings.Contains(out, operator.CallPause.Says) {
		t.Errorf("%v\n%s", err, out)
	}
	wantScreen(t, out)
	out, _, err = run(t, "operations", "--json")
	var list []operator.Info
	if err != nil || json.Unmarshal([]byte(out), &list) != nil || len(list) != len(operator.Operations()) || list[0].Path != operator.CallStatus.Path {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err := run(t, "operations", "all"); err == nil {
		t.Error("an argument was taken")
	}
}
