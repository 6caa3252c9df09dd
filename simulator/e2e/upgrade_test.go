package e2e_test

import (
	"fmt"
	"os"
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

// TestUpgrade_OneHostAfterTheOther: two versions serve side by side, in both roles and with the terminals and the witness of the one
// before; the way back is open until an operator says that the upgrade is finished, and closed from then on.
func TestUpgrade_OneHostAfterTheOther(t *testing.T) {
	later, err := clustertest.Build(t.TempDir(), "-ldflags", "-X github.com/hotpair/hotpair/services/level.newest=2")
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "hotpair")
	install(t, binary, place)
	c := &cluster{clustertest.Start(t, place, filepath.Join(t.TempDir(), "pair"), []string{"--terminals", "2"}, leaseSetting)}
	c.awaitPaired()
	w := c.startWork(100)
	renew := func(host, program string) {
		t.Helper()
		install(t, program, place)
		c.order("stop", host)
		c.order("start", host)
		c.awaitPaired()
	}
	levels := func() (l bus.Levels) {
		t.Helper()
		out, err := c.hotpair("upgrade", "--json", "--dir", c.Dir)
		if err != nil || decodeObject(out, &l) != nil {
			t.Fatalf("upgrade: %v\n%s", err, out)
		}
		return l
	}
	if l := levels(); l.Level != 1 || l.Next != 1 || l.Hindered != "" {
		t.Fatalf("a new pair: %+v", l)
	}
	active, _ := c.mustActive()
	standby := pair.Other(active)

	renew(standby, later) // the version before is active
	if l := levels(); l.Level != 1 || l.PeerLevels.Newest != 2 || !strings.Contains(l.Hindered, "upgrade "+active+" first") {
		t.Errorf("one host is upgraded: %+v", l)
	}
	if out, err := c.hotpair("upgrade", "finish", "--dir", c.Dir); err == nil || !strings.Contains(out, "upgrade "+active+" first") {
		t.Errorf("finished with one host: %v\n%s", err, out)
	}
	if out, err := c.hotpair("switchover", "--dir", c.Dir); err != nil { // the later version is active
		t.Fatalf("%v\n%s", err, out)
	}
	c.awaitPaired()
	renew(active, later)
	renew(active, binary) // the way back is open
	renew(active, later)
	if l := levels(); l.Level != 1 || l.Next != 2 || l.Hindered != "" {
		t.Errorf("both are upgraded: %+v", l)
	}
	out, err := c.hotpair("upgrade", "finish", "--dir", c.Dir)
	if err != nil || !strings.Contains(out, "the pair is at level 2 now") {
		t.Fatalf("finish: %v\n%s", err, out)
	}
	if l := levels(); l.Level != 2 || l.Next != 2 {
		t.Errorf("after it: %+v", l)
	}
	w.finish()

	// What the host before knew it can't read any more, and it says so; nor is it let in without data.
	install(t, binary, place)
	c.order("stop", active)
	c.order("start", active)
	c.says(active, "this program knows 1, not level 2: upgrade it")
	c.order("kill", active)
	if err := os.Rename(filepath.Join(c.Dir, active), filepath.Join(c.Dir, active+".aside")); err != nil {
		t.Fatal(err)
	}
	c.order("start", active)
	c.says(active, fmt.Sprintf("%s knows 1, not level 2: upgrade it (that is where the data of %s are)", active, standby))
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

// says waits until the log of a host has a sentence.
func (c *cluster) says(host, sentence string) {
	c.Helper()
	c.Await(healWithin, fmt.Sprintf("%q in the log of %s", sentence, host), func() bool {
		text, err := os.ReadFile(filepath.Join(c.Dir, "host-"+host+".log"))
		return err == nil && strings.Contains(string(text), sentence)
	})
}
