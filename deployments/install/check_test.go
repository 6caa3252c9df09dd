package install

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/identity"
)

// looked is a check of this machine itself, but for its paths.
func looked(t *testing.T, b bundle.Bundle, now time.Time) *checks {
	return &checks{place: Place{Data: t.TempDir()}, bundle: b, now: now, own: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")}}
}

func (c *checks) stops() (list []string) {
	for _, f := range c.found {
		if f.Stops {
			list = append(list, f.Check+": "+f.Problem)
		}
	}
	return list
}

func TestChecks_Address(t *testing.T) {
	list, _ := pairAt(t, time.Now())
	own, other := looked(t, list[0], time.Now()), looked(t, list[1], time.Now())
	own.address()
	if other.address(); len(own.stops()) != 0 || len(other.stops()) != 1 || !strings.Contains(other.stops()[0], "192.0.2.2, but this machine has 192.0.2.1") {
		t.Errorf("%v, %v", own.stops(), other.stops())
	}
	b := list[0]
	b.Address = "localhost"
	named := looked(t, b, time.Now())
	if named.address(); len(named.stops()) != 0 {
		t.Errorf("%v", named.stops())
	}
	b.Address = "no-such-machine.invalid"
	unknown := looked(t, b, time.Now())
	if unknown.address(); len(unknown.stops()) != 1 || !strings.Contains(unknown.stops()[0], "does not resolve") {
		t.Errorf("%v", unknown.stops())
	}
}

func TestChecks_Ports(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	list, _ := pairAt(t, time.Now())
	b := list[2]
	b.Settings = []string{"HOTPAIR_WITNESS_LISTEN=" + taken.Addr().String()}
	c := looked(t, b, time.Now())
	if c.ports(); len(c.stops()) != 1 || !strings.Contains(c.stops()[0], taken.Addr().String()) {
		t.Errorf("%v", c.stops())
	}
	must(t, taken.Close())
	c = looked(t, b, time.Now())
	if c.ports(); len(c.stops()) != 0 {
		t.Errorf("%v", c.stops())
	}
}

func TestChecks_Clock(t *testing.T) {
	made := time.Now()
	list, _ := pairAt(t, made)
	day := 24 * time.Hour
	for _, c := range []struct {
		member   int
		now      time.Time
		stops    string
		warnings int
	}{
		{0, made, "", 0},
		{0, made.Add(-time.Minute), "", 0},
		{0, made.Add(-time.Hour), "the bundle was made at", 0},
		{0, made.Add(40 * day), "", 1}, // its certificate has ended, and it renews it
		{2, made.Add(40 * day), "", 0},
		{2, made.Add(11 * 366 * day), "", 1},
		{0, made.Add(11 * 366 * day), "expired on", 0},
	} {
		seen := looked(t, list[c.member], c.now)
		seen.place.Root = "/image" // what the kernel says of this machine's clock is not asked
		seen.clock()
		if text := strings.Join(seen.stops(), " "); !strings.Contains(text, c.stops) || (text == "") != (c.stops == "") || len(seen.found)-len(seen.stops()) != c.warnings {
			t.Errorf("%s at %v: %+v", list[c.member].Name, c.now, seen.found)
		}
	}
}

// TestChecks_Disk: one that is too small, one that is in memory, one that takes no writes.
func TestChecks_Disk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root mounts disks")
	}
	list, _ := pairAt(t, time.Now())
	mounted := func(options string, flags uintptr) string {
		dir := t.TempDir()
		must(t, unix.Mount("tmpfs", dir, "tmpfs", flags, options))
		t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
		return filepath.Join(dir, "not/there/yet")
	}
	for _, c := range []struct {
		member int
		data   string
		stops  string
	}{
		{0, mounted("size=16m", 0), "16 MiB free, but host a needs 512 MiB"},
		{2, mounted("size=16m", 0), "the witness needs 32 MiB"},
		{2, mounted("size=64m", 0), ""},
		{2, mounted("size=64m", unix.MS_RDONLY), "can't write"},
	} {
		seen := looked(t, list[c.member], time.Now())
		seen.place.Data = c.data
		seen.disk()
		if text := strings.Join(seen.stops(), " "); !strings.Contains(text, c.stops) || (text == "") != (c.stops == "") {
			t.Errorf("%+v", seen.found)
		}
		if !slices.ContainsFunc(seen.found, func(f Finding) bool { return strings.Contains(f.Problem, "in memory") }) {
			t.Errorf("nobody says that it is in memory: %+v", seen.found)
		}
	}
}

// TestJoin_WhatItSaysToDoWorks: each remedy that a join names is done, and the join is made.
func TestJoin_WhatItSaysToDoWorks(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	j := joiner(root, list[0], raw[0])
	data, own, users := filepath.Join(root, "var/lib/hotpair"), filepath.Join(root, "etc/hotpair/host.env"), filepath.Join(root, "etc/passwd")
	must(t, errors.Join(os.MkdirAll(filepath.Join(data, "old"), 0o700), os.MkdirAll(filepath.Dir(own), 0o755)))
	must(t, os.WriteFile(own, []byte("HOTPAIR_LEASE 1s\n"), 0o600))
	known, err := os.ReadFile(users)
	must(t, err)
	must(t, os.Truncate(users, 0))
	j.Now = list[0].Made.Add(-time.Hour)
	says := func(words string) bool {
		done, _ := j.Join(t.Context(), true)
		return slices.ContainsFunc(done.Findings, func(f Finding) bool { return f.Stops && strings.Contains(f.Remedy, words) })
	}
	for _, c := range []struct {
		words string
		do    func() error
	}{
		{"otherwise move it away", func() error { return os.Rename(data, data+".old") }},
		{"correct it or move it away: it overrides", func() error { return os.Rename(own, own+".old") }},
		{"correct the wrong clock", func() error { j.Now = time.Now(); return nil }},
		{"useradd --system", func() error { return os.WriteFile(users, known, 0o644) }},
	} {
		if !says(c.words) && (c.words != "useradd --system" || os.Geteuid() == 0) {
			t.Errorf("nobody says %q", c.words)
		}
		must(t, c.do())
		if says(c.words) {
			t.Errorf("%q was done, and is said still", c.words)
		}
	}
	if done, err := j.Join(t.Context(), true); err != nil || !done.Already {
		t.Errorf("%+v, %v", done, err)
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root mounts disks")
	}
	disk := t.TempDir()
	must(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=520m"))
	t.Cleanup(func() { must(t, unix.Unmount(disk, 0)) })
	filler := filepath.Join(disk, "filler")
	must(t, os.WriteFile(filler, make([]byte, 16<<20), 0o600))
	full := looked(t, list[0], time.Now())
	full.place.Data = disk
	if full.disk(); len(full.stops()) != 1 || !strings.Contains(full.found[0].Remedy, "make room, or mount a larger disk") {
		t.Errorf("%+v", full.found)
	}
	must(t, os.Remove(filler))
	roomy := looked(t, list[0], time.Now())
	roomy.place.Data = disk
	if roomy.disk(); len(roomy.stops()) != 0 {
		t.Errorf("%+v", roomy.found)
	}
}

// TestMissing_SaysWhoDoesNotAnswer.
func TestMissing_SaysWhoDoesNotAnswer(t *testing.T) {
	there, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer there.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, gone.Close())
	for _, c := range []struct {
		peer, witness string
		want          []string
	}{
		{gone.Addr().String(), there.Addr().String(), []string{"the other host"}},
		{gone.Addr().String(), gone.Addr().String(), []string{"the other host", "the witness"}},
		{there.Addr().String(), "none", nil},
	} {
		said := missing(t.Context(), identity.RoleHost, func(name string) string {
			return map[string]string{"PEER_LINK": c.peer, "WITNESS": c.witness}[name]
		})
		ok := len(said) == len(c.want)
		for i := range c.want {
			ok = ok && strings.Contains(said[i], c.want[i])
		}
		if !ok {
			t.Errorf("%+v: %q", c, said)
		}
	}
}
