package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/simulator/clustertest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// install puts a program in place of another, as an installation does: what runs keeps the old file.
func install(t *testing.T, program, place string) {
	t.Helper()
	content, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(place+".new", content, 0o755)
	}
	if err == nil {
		err = os.Rename(place+".new", place)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// named is what a program says that it is.
func named(t *testing.T, program string) string {
	t.Helper()
	text, err := exec.Command(program, "version").Output()
	words := strings.Fields(string(text))
	if err != nil || len(words) < 2 {
		t.Fatalf("version of %s: %v: %q", program, err, text)
	}
	return words[1]
}

// newer is what the later program is called.
const newer = "v0.3.0"

// TestUpgrade_OneHostAfterTheOther: two versions serve side by side, in both roles and with the terminals and the witness of the one
// before, and one command walks through it: broken off it goes on, and walks back, until an operator says that the upgrade is finished.
func TestUpgrade_OneHostAfterTheOther(t *testing.T) {
	sideBySide(t)
	later, err := clustertest.Build(t.TempDir(), clustertest.Called(newer)+" -X github.com/hotpair/hotpair/services/level.newest=3")
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "hotpair")
	install(t, binary, place)
	c := &cluster{clustertest.Start(t, place, filepath.Join(t.TempDir(), "pair"), []string{"--terminals", "2"}, leaseSetting)}
	c.awaitPaired()
	w := c.startWork(100)
	walk := func(to, program, breaks string) (string, error) {
		t.Helper()
		return c.walk(place, to, program, breaks)
	}
	levels := func() (l bus.Levels) {
		t.Helper()
		out, err := c.hotpair("upgrade", "--json", "--dir", c.Dir)
		if err != nil || decodeObject(out, &l) != nil {
			t.Fatalf("upgrade: %v\n%s", err, out)
		}
		return l
	}
	if l := levels(); l.Level != 2 || l.Next != 2 || l.Hindered != "" {
		t.Fatalf("a new pair: %+v", l)
	}
	active, _ := c.mustActive()
	standby := pair.Other(active)

	if out, err := walk(newer, later, active); err == nil || !strings.Contains(out, "switchover: "+active+" still runs") || !strings.Contains(out, "on "+active+": the install command") {
		t.Fatalf("broken off at %s: %v\n%s", active, err, out)
	}
	c.awaitPaired()
	if now, s := c.mustActive(); now != standby || !strings.HasPrefix(s.Version, newer+" ") { // the later version is active
		t.Errorf("%s serves with %s", now, s.Version)
	}
	if l := levels(); l.Level != 2 || l.Levels.Newest != 3 || !strings.Contains(l.Hindered, "upgrade "+active+" first") {
		t.Errorf("one host is upgraded: %+v", l)
	}
	if out, err := c.hotpair("upgrade", "finish", "--dir", c.Dir); err == nil || !strings.Contains(out, "upgrade "+active+" first") {
		t.Errorf("finished with one host: %v\n%s", err, out)
	}
	whole := func(to, program, steps string) {
		t.Helper()
		c.walkWhole(place, to, program, steps)
	}
	before := named(t, binary)
	whole(newer, later, "i")
	whole(before, binary, "isi") // the way back is open
	whole(newer, later, "isi")
	whole(newer, later, "")
	if l := levels(); l.Level != 2 || l.Next != 3 || l.Hindered != "" {
		t.Errorf("both are upgraded: %+v", l)
	}
	out, err := c.hotpair("upgrade", "finish", "--dir", c.Dir)
	if err != nil || !strings.Contains(out, "the pair is at level 3 now") {
		t.Fatalf("finish: %v\n%s", err, out)
	}
	if l := levels(); l.Level != 3 || l.Next != 3 {
		t.Errorf("after it: %+v", l)
	}
	w.finish()

	// What the host before knew it can't read any more, and it says so; nor is it let in without data.
	install(t, binary, place)
	c.order("stop", active)
	c.order("start", active)
	c.says(active, "this program knows 1 to 2, but not level 3: upgrade it")
	c.order("kill", active)
	if err := os.Rename(filepath.Join(c.Dir, active), filepath.Join(c.Dir, active+".aside")); err != nil {
		t.Fatal(err)
	}
	c.order("start", active)
	c.says(active, fmt.Sprintf("%s knows 1 to 2, but not level 3: upgrade it (the data of %s are at that level)", active, standby))
	c.order("kill", active)
	if err := os.RemoveAll(filepath.Join(c.Dir, active)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(c.Dir, active+".aside"), filepath.Join(c.Dir, active)); err != nil {
		t.Fatal(err)
	}
	install(t, later, place)
	c.order("start", active)
	c.awaitPaired()
	c.eachKey("after", 3, func(nc *nats.Conn, key string) error {
		_, err := ask(nc, "request.kv.put", []byte(fmt.Sprintf(`{"key":%q,"value":"x"}`, key)))
		return err
	})
	c.compareHistories()
}

// walk has the command upgrade to a version, with a program that an installation puts in its place on a host, and breaks off at a host.
func (c *cluster) walk(place, to, program, breaks string) (string, error) {
	c.Helper()
	return c.hotpair("upgrade", "run", "--dir", c.Dir, "--to", to, "--within", "90s", "--run", fmt.Sprintf(
		`test "$HOTPAIR_UPGRADE_HOST" != %q && test "$HOTPAIR_UPGRADE_TO" = %s && cp %s %s.new && mv %s.new %s &&
			%s cluster stop "$HOTPAIR_UPGRADE_HOST" --dir %s && %s cluster start "$HOTPAIR_UPGRADE_HOST" --dir %s`,
		breaks, to, program, place, place, place, binary, c.Dir, binary, c.Dir))
}

// walkWhole walks to the end, in these steps: i is an installation, s a switchover.
func (c *cluster) walkWhole(place, to, program, steps string) {
	c.Helper()
	out, err := c.walk(place, to, program, "")
	if err != nil || !strings.Contains(out, "both hosts run "+to) || strings.Count(out, "switchover: ") != strings.Count(steps, "s") || strings.Count(out, "install ") != strings.Count(steps, "i") {
		c.Fatalf("to %s: %v\n%s", to, err, out)
	}
	c.Logf("to %s:\n%s", to, out)
}

// says waits until the log of a host has a sentence.
func (c *cluster) says(host, sentence string) {
	c.Helper()
	c.Await(healWithin, fmt.Sprintf("%q in the log of %s", sentence, host), func() bool {
		text, err := os.ReadFile(filepath.Join(c.Dir, "host-"+host+".log"))
		return err == nil && strings.Contains(string(text), sentence)
	})
}
