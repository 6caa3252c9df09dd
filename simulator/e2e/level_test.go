package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/level/leveltest"
	"github.com/hotpair/hotpair/simulator/clustertest"
)

var rewrite = leveltest.Rewrite()

// keptKeys is how many keys the kept data hold.
const keptKeys = 100

// TestLevel_DataDirectories: a pair goes on with the directories of two hosts, a witness and a terminal that a program of each level has
// left behind: nothing that was acknowledged is missing, and nothing about them is new.
func TestLevel_DataDirectories(t *testing.T) {
	sideBySide(t)
	kept := func(l level.Level) string { return filepath.Join("testdata", fmt.Sprintf("level%d", l), "pair.tar.gz") }
	own := level.Own()
	if *rewrite {
		keepDirectories(t, kept(own.Newest))
	}
	for l := own.Oldest; l <= own.Newest; l++ {
		t.Run(fmt.Sprint(l), func(t *testing.T) { goOn(t, kept(l)) })
	}
}

// goOn has a pair go on with kept directories.
func goOn(t *testing.T, kept string) {
	dir := t.TempDir()
	if out, err := exec.Command("tar", "xzf", kept, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := os.ReadFile(filepath.Join(dir, "pair", "a", "facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := startClusterIn(t, filepath.Join(dir, "pair"), []string{"--terminals", "1"}, leaseSetting)
	c.awaitPaired()
	c.eachKey("kept", keptKeys, func(nc *nats.Conn, key string) error {
		reply, err := ask(nc, "request.kv.get", []byte(fmt.Sprintf(`{"key":%q}`, key)))
		if err == nil && !strings.Contains(string(reply), "value of "+key) {
			err = fmt.Errorf("%s is %s", key, reply)
		}
		return err
	})
	a, err := c.Status("a")
	if err != nil || !strings.Contains(string(before), a.Identity) || !strings.Contains(string(before), a.PairID) || a.Epoch < 2 {
		t.Errorf("host a is %s of pair %s in epoch %d (%v), the kept facts are %s", a.Identity, a.PairID, a.Epoch, err, before)
	}
	c.compareHistories()
}

// keepDirectories has a new pair work, and keeps what it leaves behind. Logs say nothing to a program.
func keepDirectories(t *testing.T, kept string) {
	dir := t.TempDir()
	c := startClusterIn(t, filepath.Join(dir, "pair"), []string{"--terminals", "1"}, leaseSetting)
	c.awaitPaired()
	c.eachKey("kept", keptKeys, func(nc *nats.Conn, key string) error {
		_, err := ask(nc, "request.kv.put", []byte(fmt.Sprintf(`{"key":%q,"value":"value of %s"}`, key, key)))
		return err
	})
	c.Signal(os.Interrupt)
	select {
	case <-c.Done():
	case <-time.After(clustertest.StopWithin):
		t.Fatal("the cluster did not end")
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	where, err := filepath.Abs(kept)
	if err != nil {
		t.Fatal(err)
	}
	tar := exec.Command("tar", "czf", where, "--exclude=*.log", "--exclude=lock", "--exclude=cluster.json", "--owner=0", "--group=0", "pair")
	tar.Dir = dir
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
