package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/minio/minio-go/v7"
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/simulator/pair"
	"github.com/hotpair/hotpair/simulator/s3"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
)

// acknowledged are keys with the revision that was acknowledged: the sequence of the update that wrote them.
type acknowledged struct {
	mu   sync.Mutex
	keys map[string]uint64
}

// put writes keys through the terminals and remembers what was acknowledged.
func (a *acknowledged) put(c *cluster, prefix string, count int) {
	c.Helper()
	c.eachKey(prefix, count, func(nc *nats.Conn, key string) error {
		out, err := ask(nc, "request.kv.put", []byte(fmt.Sprintf(`{"key":%q,"value":%q}`, key, "of "+key)))
		if err != nil {
			return err
		}
		var told struct {
			Revision uint64 `json:"revision"`
		}
		if err := json.Unmarshal(out, &told); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.keys == nil {
			a.keys = map[string]uint64{}
		}
		a.keys[key] = told.Revision
		return nil
	})
}

// standing is how it stands with the backups of a pair, as the host that serves says.
func (c *cluster) standing() *backups.Upkeep {
	_, s := c.active()
	return s.Backups
}

// awaitBackup waits until a host has made a backup that holds an update.
func (c *cluster) awaitBackup(by string, sequence uint64) backups.Made {
	c.Helper()
	var made backups.Made
	c.Await(healWithin, fmt.Sprintf("backup by %q that holds update %d", by, sequence), func() bool {
		s := c.standing()
		if s == nil || s.Last == nil || by != "" && s.Last.Host != by || s.Last.Position.Sequence < sequence {
			return false
		}
		made = *s.Last
		return true
	})
	return made
}

// backupNow wants a backup now, once none is being made by itself.
func (c *cluster) backupNow(flags ...string) (out string, err error) {
	c.Helper()
	c.Await(healWithin, "a moment without a backup", func() bool {
		out, err = c.hotpair(append([]string{"backup", "now", "--dir", c.Dir}, flags...)...)
		return !strings.Contains(out, "a backup is already being made")
	})
	return out, err
}

// restoreAndLook restores a backup into a new directory and demands every update in it that was acknowledged up to its position.
func (c *cluster) restoreAndLook(file string, a *acknowledged, flags ...string) {
	c.Helper()
	data := filepath.Join(c.TempDir(), "restored")
	args := append([]string{"restore", file, "--dir", c.Dir, "--data", data, "--name", "a", "--json"}, flags...)
	out, err := c.hotpair(args...)
	if err != nil {
		c.Fatalf("%v: %v\n%s", args, err, out)
	}
	own, err := facts.Open(data, "a")
	if err != nil {
		c.Fatal(err)
	}
	store, err := storage.Open(data, storage.Options{Host: "a", Identity: own.Get().Identity, KeepHistory: true})
	if err != nil {
		c.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(c.Context()); err != nil {
		c.Error(err)
	}
	at, held := store.Applied().Position.Sequence, 0
	err = store.View(func(r *storage.Reader) error {
		for key, revision := range a.keys {
			if revision > at {
				continue
			}
			if _, found, ok := r.Get("kv", []byte(key)); !ok || found != revision {
				c.Errorf("%s was acknowledged as update %d, the backup of %d has %d (%v)", key, revision, at, found, ok)
			}
			held++
		}
		return nil
	})
	if err != nil || held == 0 {
		c.Errorf("of what was acknowledged %d updates could be looked up: %v", held, err)
	}
	c.Logf("measured: %d acknowledged updates are in the backup of %d", held, at)
}

// TestBackups_OfAPairByItself: a pair makes its backups by itself, into a folder and encrypted. The standby does; after a switchover the
// new one goes on, and knows the last good one. While the place is away that is an alarm, and ends when it is back. What is not
// the pair's is never touched. What is kept restores, with the key that no host has, to all that was acknowledged.
func TestBackups_OfAPairByItself(t *testing.T) {
	sideBySide(t)
	place := filepath.Join(t.TempDir(), "backup")
	key, err := age.GenerateX25519Identity()
	if err == nil {
		err = os.Mkdir(place, 0o700)
	}
	identity := filepath.Join(t.TempDir(), "key.txt")
	strange := filepath.Join(place, "hotpair-OTHERPAIR-20200102T030405.000Z-a.backup")
	if err := errors.Join(err, os.WriteFile(identity, []byte(key.String()+"\n"), 0o600), os.WriteFile(strange, []byte("of another pair"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, []string{"--terminals", "2"}, leaseSetting, "HOTPAIR_BACKUP_EVERY=2s", "HOTPAIR_BACKUP_TO="+place, "HOTPAIR_BACKUP_KEEP=3", "HOTPAIR_BACKUP_RECIPIENT="+key.Recipient().String())
	c.awaitPaired()
	active, status := c.mustActive()
	standby := pair.Other(active)
	var a acknowledged
	a.put(c, "first", 300)
	first := c.awaitBackup(standby, status.Committed.Sequence+300)
	if s := c.standing(); first.Sealed != key.Recipient().String() || s.Tried == nil || !s.Tried.Tried || s.Turn != standby {
		t.Errorf("made %+v; standing %+v", first, s)
	}

	// The new standby goes on, and the last good one is known meanwhile.
	c.handOver()
	c.awaitPaired()
	if s := c.standing(); s == nil || s.Last == nil || s.Last.At.Before(first.At) {
		t.Errorf("after the switchover the last good backup is %+v", s)
	}
	active, standby = standby, active
	c.awaitBackup(standby, 0)
	a.put(c, "second", 300)
	_, status = c.mustActive()

	// One that is wanted now, and the list of what there is.
	out, err := c.backupNow("--json")
	var made backups.Made
	if err != nil || decodeObject(out, &made) != nil || made.Host != standby || made.Position.Sequence < status.Committed.Sequence {
		t.Fatalf("backup now: %v\n%s", err, out)
	}
	out, err = c.hotpair("backup", "list", "--json", "--dir", c.Dir)
	var list backups.Overview
	if err != nil || decodeObject(out, &list) != nil || len(list.Shelf.Kept) == 0 || len(list.Shelf.Kept) > 4 {
		t.Fatalf("backup list: %v\n%s", err, out)
	}

	// The place is away, as a share that is not mounted.
	if err := os.Rename(place, place+".away"); err != nil {
		t.Fatal(err)
	}
	c.Await(healWithin, "alarms that no backup is made", func() bool { return c.alarmed("backup-failed") && c.alarmed("backups-old") })
	if out, err := c.backupNow(); err == nil || !strings.Contains(out, "does not exist: mount it") {
		t.Errorf("backup now: %v\n%s", err, out)
	}
	if out, err := c.hotpair("doctor", "--dir", c.Dir); !strings.Contains(out, "TOO OLD") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	if err := os.Rename(place+".away", place); err != nil {
		t.Fatal(err)
	}
	c.Await(healWithin, "end of the alarms", func() bool { return !c.alarmed("backup-failed") && !c.alarmed("backups-old") })

	// The pair ends, and is brought back from the newest backup.
	a.put(c, "third", 50)
	_, status = c.mustActive()
	last := c.awaitBackup("", status.Committed.Sequence)
	c.order("kill", pair.HostA)
	c.order("kill", pair.HostB)
	file := filepath.Join(place, last.Name)
	if out, err := c.hotpair("restore", file, "--dir", c.Dir, "--data", filepath.Join(t.TempDir(), "no"), "--name", "a"); err == nil || !strings.Contains(out, "--identity") {
		t.Errorf("restored without the key: %v\n%s", err, out)
	}
	if out, err := c.hotpair("backup", "check", file, "--dir", c.Dir, "--identity", identity); err != nil {
		t.Errorf("backup check: %v\n%s", err, out)
	}
	c.restoreAndLook(file, &a, "--identity", identity)
	if text, err := os.ReadFile(strange); err != nil || string(text) != "of another pair" {
		t.Errorf("what is not the pair's: %q, %v", text, err)
	}
}

// TestBackups_IntoABucket: a pair keeps its backups in a bucket of a real server, encrypted, while terminals work. The server is killed in the
// middle of that: alarms say so, and nobody who works notices. When it is back the alarms end by themselves, nothing of what was cut off
// counts, and what is fetched from the bucket restores to all that was acknowledged.
func TestBackups_IntoABucket(t *testing.T) {
	sideBySide(t)
	server := s3.Start(t)
	key, err := age.GenerateX25519Identity()
	dir := t.TempDir()
	identity, secret := filepath.Join(dir, "key.txt"), filepath.Join(dir, "s3.secret")
	if err := errors.Join(err, os.WriteFile(identity, []byte(key.String()+"\n"), 0o600), os.WriteFile(secret, []byte(s3.Secret+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, []string{"--terminals", "2"}, leaseSetting, "HOTPAIR_BACKUP_EVERY=2s", "HOTPAIR_BACKUP_TO=s3://"+server.Bucket+"/shop", "HOTPAIR_BACKUP_KEEP=2",
		"HOTPAIR_BACKUP_RECIPIENT="+key.Recipient().String(), "HOTPAIR_BACKUP_S3_ENDPOINT=http://"+server.Address, "HOTPAIR_BACKUP_S3_REGION="+s3.Region,
		"HOTPAIR_BACKUP_S3_ACCESS="+s3.Access, "HOTPAIR_BACKUP_S3_SECRET_FILE="+secret)
	c.awaitPaired()
	w := c.startWork(100)
	var a acknowledged
	a.put(c, "first", 200)
	_, status := c.mustActive()
	c.awaitBackup("", status.Committed.Sequence)

	server.Kill()
	c.Await(healWithin, "alarms that no backup is made", func() bool { return c.alarmed("backup-failed") && c.alarmed("backups-old") })
	if out, err := c.hotpair("backup", "list", "--dir", c.Dir); err == nil || !strings.Contains(out, server.Address) {
		t.Errorf("backup list of a server that was killed: %v\n%s", err, out)
	}
	server.Run()
	c.Await(healWithin, "end of the alarms", func() bool { return !c.alarmed("backup-failed") && !c.alarmed("backups-old") })
	a.put(c, "second", 200)
	w.finish()
	_, status = c.mustActive()
	last := c.awaitBackup("", status.Committed.Sequence)
	if out, err := c.hotpair("backup", "list", "--json", "--dir", c.Dir); err != nil || !strings.Contains(out, last.Name) && !strings.Contains(out, "-a.backup.age") {
		t.Errorf("backup list: %v\n%s", err, out)
	}
	for _, host := range []string{pair.HostA, pair.HostB} {
		if out, err := exec.Command("grep", "-rl", s3.Secret, filepath.Join(c.Dir, host)).CombinedOutput(); err == nil {
			t.Errorf("the secret of the bucket stands in %s", out)
		}
	}
	c.order("kill", pair.HostA)
	c.order("kill", pair.HostB)
	file := filepath.Join(dir, last.Name)
	if err := server.Client().FGetObject(t.Context(), server.Bucket, "shop/"+last.Name, file, minio.GetObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	c.restoreAndLook(file, &a, "--identity", identity)
}
