package main

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
)

// TestBusiness_RunsWhatIsBuiltIn: HOTPAIR_BUSINESS takes the names that "hotpair business" runs, and no others.
func TestBusiness_RunsWhatIsBuiltIn(t *testing.T) {
	names := businessCommand().ValidArgs
	var services config.Services
	if err := services.Decode(strings.Join(names, ",")); err != nil || len(services) != len(names) {
		t.Errorf("%s: %v, %v", names, services, err)
	}
	err := services.Decode("none-of-them")
	if want := "not built in (" + strings.Join(names, ", ") + ")"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q in it", err, want)
	}
}

// Help was a flat list of 28 commands, with what nobody starts by hand among them.
func TestFault_D10_HelpIsGroupedByWhoNeedsIt(t *testing.T) {
	for _, c := range commands().Commands() {
		if c.GroupID == "" && !c.Hidden {
			t.Errorf("%s is in no group", c.Name())
		}
	}
	for args, shown := range map[string]bool{"help": false, "--help": false, "help --all": true} {
		root, out := commands(), &strings.Builder{}
		root.SetOut(out)
		root.SetArgs(strings.Fields(args))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\n  terminal-if") != shown || strings.Count(out.String(), "Control a pair:") != 1 || strings.Count(out.String(), "Write a service:") != 1 || strings.Contains(out.String(), "Additional") {
			t.Errorf("%s says\n%s", args, out)
		}
	}
}
