package main

import (
	"runtime/debug"
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

// Both sides of an upgrade said "(devel)": what runs is known by its commit and date.
func TestFault_D12_VersionSaysCommitAndDate(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-11-28T06:24:55Z"}, {Key: "vcs.modified", Value: "false"}}}
	info.Main.Version = "(devel)"
	if got := described(info); got != " commit 0123456789ab of 2026-11-28T06:24:55Z" {
		t.Error(got)
	}
	info.Main.Version, info.Settings[2].Value = "v1.2.3", "true"
	if got := described(info); got != " v1.2.3 commit 0123456789ab with changes, of 2026-11-28T06:24:55Z" {
		t.Error(got)
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
		if strings.Contains(out.String(), "\n  terminal-if") != shown || !strings.Contains(out.String(), "Steer it:") || strings.Contains(out.String(), "Additional") {
			t.Errorf("%s says\n%s", args, out)
		}
	}
}
