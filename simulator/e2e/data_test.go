package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestData_VerifyRepairBackupRestoreTerminals: what an operator does with the data of a pair, each while terminals work: a disk
// changes a byte of the standby's database, verify names the key and fixes it; a backup of the standby is taken and
// the standby replaced by what is restored from it; the table of terminals changes on both hosts.
func TestData_VerifyRepairBackupRestoreTerminals(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3"}, leaseSetting)
	c.awaitPaired()
	c.eachKey("needle", 50, func(nc *nats.Conn, key string) error {
		_, err := ask(nc, "request.kv.put", []byte(fmt.Sprintf(`{"key":%q,"value":"haystack %s"}`, key, key)))
		return err
	})
	w := c.startWork(200)
	active, status := c.mustActive()
	standby := pair.Other(active)

	var found bus.VerifyState
	c.verify(&found, "")
	if found.Keys < 50 || found.Peer != standby {
		t.Errorf("verify says %+v", found)
	}
	c.Await(healWithin, "standby that has applied it", func() bool {
		s, err := c.Status(standby)
		return err == nil && s.Applied.Sequence > status.Committed.Sequence
	})
	// A small database is one page, which each update moves: a byte may be changed where nobody looks any more.
	c.Await(healWithin, "difference", func() bool {
		c.flipByte(standby, "needle/17", "haystack")
		out, err := c.hotpair("verify", "--json", "--dir", c.Dir)
		if err == nil {
			return false
		}
		if err := decodeObject(out, &found); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return true
	})
	if found.Different != 1 || len(found.Named) != 1 || !strings.Contains(found.Named[0].Key, "needle/17") || found.Named[0].Damaged != standby {
		t.Errorf("after a byte was changed verify says %+v", found)
	}
	c.Await(healWithin, "alarm", func() bool { return c.alarmed("verify-mismatch") })
	c.verify(&found, "", "--repair", "--host", standby) // forwarded to the active
	if found.Repaired != 1 {
		t.Errorf("the repair says %+v", found)
	}
	c.verify(&found, "")
	c.Await(healWithin, "end of the alarm", func() bool { return !c.alarmed("verify-mismatch") })

	// The standby is lost, and comes back from its own backup with a new identity.
	file := filepath.Join(t.TempDir(), "standby.backup")
	if out, err := c.hotpair("backup", file, "--dir", c.Dir, "--host", standby); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := c.Status(standby)
	if err != nil {
		t.Fatal(err)
	}
	c.order("kill", standby)
	data := filepath.Join(c.Dir, standby)
	if out, err := c.hotpair("restore", file, "--dir", c.Dir, "--data", data, "--name", standby); err == nil || !strings.Contains(out, "not empty") {
		t.Errorf("restore over data: %v\n%s", err, out)
	}
	if out, err := c.hotpair("restore", file, "--dir", c.Dir, "--data", data, "--name", standby, "--aside"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := c.hotpair("restore", "finish", "--replaces", "--accept-loss-after", c.positionOf(file), "--data", data, "--name", standby); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.Await(healWithin, "active alone", func() bool { _, s := c.active(); return len(s.InSync) == 1 })
	c.order("start", standby)
	c.awaitPaired()
	if after, err := c.Status(standby); err != nil || after.Identity == before.Identity {
		t.Errorf("the restored host has the identity of the one before it (%v)", err)
	}
	c.verify(&found, "")

	// A terminal that is removed is left by both hosts, and served again when it is added.
	gone := c.File().Terminals[2]
	counted := func(n int) func() bool {
		return func() bool {
			a, err1 := c.Status(active)
			b, err2 := c.Status(standby)
			return err1 == nil && err2 == nil && a.Terminals.Attached == n && b.Terminals.Warm == n
		}
	}
	w.finish()
	for _, step := range []struct {
		args []string
		want int
	}{
		{[]string{"remove", gone.ID, "--host", standby}, 2},
		{[]string{"add", gone.ID + "=" + gone.Dialled}, 3},
	} {
		if out, err := c.hotpair(append(append([]string{"terminals"}, step.args...), "--dir", c.Dir)...); err != nil {
			t.Fatalf("terminals %s: %v\n%s", step.args, err, out)
		}
		c.Await(healWithin, fmt.Sprintf("%d terminals on both hosts", step.want), counted(step.want))
	}
	out, err := c.hotpair("terminals", "probe", gone.ID, "--json", "--dir", c.Dir)
	var probed operator.ProbePage
	if err != nil || decodeObject(out, &probed) != nil || len(probed.Terminals) != 1 || len(probed.Terminals[0].Hosts) != 2 {
		t.Errorf("probe: %v\n%s", err, out)
	}
	c.compareHistories()
}

// positionOf gives the position that a backup holds.
func (c *cluster) positionOf(file string) string {
	c.Helper()
	out, err := exec.Command(binary, "backup", "check", file, "--json", "--dir", c.Dir).Output()
	var held offline.Summary
	if err == nil {
		err = decodeObject(string(out), &held)
	}
	if err != nil {
		c.Fatalf("%v\n%s", err, out)
	}
	return held.Position
}

// verify runs hotpair verify; fails is part of what it says when it ends with an error.
func (c *cluster) verify(into *bus.VerifyState, fails string, args ...string) {
	c.Helper()
	out, err := c.hotpair(append([]string{"verify", "--json", "--dir", c.Dir}, args...)...)
	if (err != nil) != (fails != "") || !strings.Contains(out, fails) {
		c.Fatalf("verify %s: %v\n%s", args, err, out)
	}
	*into = bus.VerifyState{}
	if err := decodeObject(out, into); err != nil {
		c.Fatalf("%v\n%s", err, out)
	}
}

// decodeObject reads the first JSON object of what a command printed, progress and errors around it.
func decodeObject(out string, into any) error {
	return json.NewDecoder(strings.NewReader(out[max(0, strings.IndexByte(out, '{')):])).Decode(into)
}

func (c *cluster) alarmed(id string) bool {
	_, s := c.active()
	for _, a := range s.Alarms {
		if a.ID == id {
			return true
		}
	}
	return false
}

// flipByte changes a byte of a value in the database file of a running host, as a disk does that lies. In a page a
// value stands right behind its key, after 12 bytes of revision and checksum. The updater is held meanwhile: it would put another
// page there between the look and the change.
func (c *cluster) flipByte(host, key, value string) {
	c.Helper()
	status, err := c.Status(host)
	if err != nil {
		c.Fatal(err)
	}
	updater := status.Processes[bus.ProcessUpdater].PID
	if err := syscall.Kill(updater, syscall.SIGSTOP); err != nil {
		c.Fatal(err)
	}
	defer func() { _ = syscall.Kill(updater, syscall.SIGCONT) }() // it may have been killed, for standing still
	c.Await(healWithin, "updater that stands still", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", updater))
		return err == nil && bytes.Contains(stat, []byte(") T "))
	})
	path := filepath.Join(c.Dir, host, "hotpair.db")
	content, err := os.ReadFile(path)
	if err != nil {
		c.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		c.Fatal(err)
	}
	defer file.Close()
	flipped := 0
	for at := 0; ; {
		i := bytes.Index(content[at:], []byte(key))
		if i < 0 {
			break
		}
		at += i + len(key)
		place := at + 12
		end := min(place+len(value)+16, len(content))
		if place >= end || content[place] != '"' && content[place] != value[0] || !bytes.Contains(content[place:end], []byte(value)) {
			continue
		}
		if _, err := file.WriteAt([]byte{content[place+3] ^ 1}, int64(place+3)); err != nil {
			c.Fatal(err)
		}
		flipped++
	}
	if flipped == 0 {
		c.Fatalf("%s is not in %s", key, path)
	}
}
