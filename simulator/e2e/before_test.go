package e2e_test

import (
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/simulator/clustertest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// before is the release before this one, and its commit: a checkout need not have tags.
//
//go:embed testdata/before
var before string

// TestUpgrade_FromTheReleaseBefore: the release before is built from its commit, serves, is upgraded under load to what is tested here, host by host,
// is taken back, and upgraded again. No request fails and nothing is lost. An archive or a shallow clone has no release before: there two versions
// meet in TestUpgrade_OneHostAfterTheOther alone.
func TestUpgrade_FromTheReleaseBefore(t *testing.T) {
	sideBySide(t)
	name, commit, _ := strings.Cut(strings.TrimSpace(before), " ")
	if history, err := exec.Command("git", "rev-parse", "--is-shallow-repository").Output(); err != nil || strings.TrimSpace(string(history)) == "true" {
		t.Logf("measured: %s did not run: this checkout has no history to build it from (%v)", name, err)
		return
	}
	source := t.TempDir()
	if err := checkout(commit, source); err != nil {
		t.Fatalf("the source of %s: %v", name, err)
	}
	program, err := clustertest.BuildFrom(source, t.TempDir(), "-trimpath", clustertest.Called(name)) // elsewhere nothing that was compiled before would be used again
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}

	place := filepath.Join(t.TempDir(), "hotpair")
	install(t, program, place)
	c := &cluster{clustertest.Start(t, place, filepath.Join(t.TempDir(), "pair"), []string{"--terminals", "2"}, leaseSetting)}
	c.awaitPaired()
	w := c.startWork(100)
	active, s := c.mustActive()
	if !strings.HasPrefix(s.Version, name+" ") {
		t.Errorf("%s serves with %s, not %s", active, s.Version, name)
	}
	now := named(t, binary)
	c.walkWhole(place, now, binary, "isi")
	if after, _ := c.mustActive(); after != pair.Other(active) {
		t.Errorf("%s serves", after)
	}
	c.walkWhole(place, name, program, "isi") // the way back is open
	c.walkWhole(place, now, binary, "isi")
	if out, err := c.hotpair("upgrade", "finish", "--dir", c.Dir); err != nil || !strings.Contains(out, fmt.Sprintf("the pair is at level %d now", level.Own().Newest)) {
		t.Errorf("finish: %v\n%s", err, out)
	}
	w.finish()
	c.compareHistories()
}

// checkout writes the files of a commit to a directory.
func checkout(commit, dir string) error {
	archive := filepath.Join(dir, "source.tar")
	for _, command := range [][]string{{"git", "-C", filepath.Join("..", ".."), "archive", "-o", archive, commit}, {"tar", "-xf", archive, "-C", dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	return nil
}
