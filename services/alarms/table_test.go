package alarms

import (
	"os"
	"strings"
	"testing"
)

// Whoever is woken by an alarm looks it up in the guide.
func TestAlarmTable_EveryAlarmIsInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../deployments/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Table() {
		if row := "| `" + kind.ID + "` | " + kind.Severity + " |"; !strings.Contains(string(guide), row) {
			t.Errorf("deployments/OPERATIONS.md has no row %q", row)
		}
		if kind.Remedy == "" {
			t.Errorf("%s has no remedy", kind.ID)
		}
	}
}
