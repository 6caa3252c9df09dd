package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

// Both sides of an upgrade said "(devel)": what runs is known by its name, its commit and when that was made.
func TestFault_D12_VersionSaysCommitAndDate(t *testing.T) {
	for _, c := range []struct{ version, changed, short, long string }{
		{"(devel)", "false", "unversioned 0123456789ab", "unversioned commit 0123456789ab of 2026-11-28T06:24:55Z"},
		{"v1.2.3", "true", "v1.2.3 0123456789ab", "v1.2.3 commit 0123456789ab with changes, of 2026-11-28T06:24:55Z"},
		{"v0.0.0-20261128062455-0123456789ab", "false", "v0.0.0-20261128062455-0123456789ab", "v0.0.0-20261128062455-0123456789ab commit 0123456789ab of 2026-11-28T06:24:55Z"},
	} {
		info := &debug.BuildInfo{Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-11-28T06:24:55Z"}, {Key: "vcs.modified", Value: c.changed}}}
		info.Main.Version = c.version
		if b := of(info); b.short() != c.short || b.long() != c.long {
			t.Errorf("%s: %q, %q", c.version, b.short(), b.long())
		}
	}
	if b := of(&debug.BuildInfo{}); b.short() != "unversioned" || !strings.Contains(b.long(), "without its commit") {
		t.Errorf("without anything: %q, %q", b.short(), b.long())
	}
	if long := Long(); !strings.Contains(long, ", level 1 to 2, go") || !strings.HasPrefix(long, "hotpair ") || !strings.HasPrefix(String(), Name()) {
		t.Errorf("%q, %q", long, String())
	}
}
