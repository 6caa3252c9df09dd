package lab

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/clustertest"
	"github.com/hotpair/hotpair/simulator/pair"
	"github.com/hotpair/hotpair/storage"
)

// shortSeed of the short form, so that each run plays the same faults; the chaos command draws another each time.
const shortSeed = 1

// TestChaos_Short is a little of what the chaos command does for hours.
func TestChaos_Short(t *testing.T) {
	needLab(t)
	o := ChaosOptions{Seed: shortSeed, For: 20 * time.Second, Round: 10 * time.Second, Finally: compareDatabases}
	if *long {
		o.For = 2 * time.Minute
	}
	o.Lab = Options{Binary: binary, Dir: t.TempDir(), Disks: map[string]*Disk{pair.HostA: newDisk(t), pair.HostB: newDisk(t)}}
	transcript := &transcript{tb: t}
	defer transcript.end()
	o.Lab.Log = transcript
	t.Logf("seed %d", o.Seed)
	tally, err := Chaos(t.Context(), o)
	for _, text := range append(tally.All(), tally.Unhealed...) {
		t.Error(text)
	}
	t.Logf("measured: %s", &tally)
	if err != nil {
		t.Error(err)
		clustertest.KeepLogs(t, o.Lab.Dir, "*.log", "*.html")
	}
	if tally.Crossed == 0 {
		t.Error("no key was used on both sides of a takeover")
	}
}

// TestDraw_IsGivenByTheSeed: a seed gives the same faults again.
func TestDraw_IsGivenByTheSeed(t *testing.T) {
	l := &Lab{options: Options{Terminals: 3, Lease: time.Second, Patience: time.Second}, network: &network{wires: []Wire{{pair.HostA, pair.HostB}, {pair.HostA, pair.Witness}, {pair.HostB, pair.Witness}, {pair.HostA, "t1"}, {pair.HostB, "t1"}}}}
	draw := func(seed uint64) (names []string) {
		r := roundRandom(seed, 1)
		for range 200 {
			name, _ := drawFault(l, r)
			names = append(names, fmt.Sprint(name, r.Uint64()))
		}
		return names
	}
	first, again, other := draw(1), draw(1), draw(2)
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Error("the same seed gave other faults")
	}
	if fmt.Sprint(first) == fmt.Sprint(other) {
		t.Error("another seed gave the same faults")
	}
}

// compareDatabases kills both hosts, checks both database files and compares what is in them. Nothing may be written any
// more, and both must have applied everything.
func compareDatabases(ctx context.Context, l *Lab) error {
	if _, err := l.CompareHosts(ctx); err != nil {
		return err
	}
	if err := l.Kill(ctx, pair.HostA, pair.HostB); err != nil {
		return err
	}
	digests := map[string]string{}
	for _, host := range pair.Hosts() {
		dir := l.Data(host)
		if d := l.options.Disks[host]; d != nil {
			dir = d.Behind()
		}
		digest, err := databaseDigest(ctx, dir)
		if err != nil {
			return fmt.Errorf("database of host %s: %w", host, err)
		}
		digests[host] = digest
	}
	if digests[pair.HostA] != digests[pair.HostB] {
		return fmt.Errorf("%w: databases %v", pair.ErrDiverged, digests)
	}
	l.say("both databases are whole and equal: %s", digests[pair.HostA])
	return nil
}

func databaseDigest(ctx context.Context, dir string) (string, error) {
	open := func() (*storage.Store, error) { return storage.Open(dir, storage.Options{InitialMmapSize: 1 << 24}) }
	store, err := open()
	// A process that was killed holds its lock until the kernel has taken it down, on a busy machine a moment later.
	for end := time.Now().Add(10 * time.Second); errors.Is(err, storage.ErrLocked) && time.Now().Before(end); store, err = open() {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return "", err
	}
	err = store.Check(ctx)
	digest, at, digestErr := store.DatabaseDigest()
	return fmt.Sprintf("%s at %s", digest, at.Position), errors.Join(err, digestErr, store.Close())
}
