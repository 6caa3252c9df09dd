package storage

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/history"
)

const (
	killDir   = "STORAGE_TEST_KILL"
	kills     = 100
	killsTorn = 20 // of 100 must hit a flush, or the test proves nothing
)

// killOptions keep history, trimming and the file itself moving; killRetention forgetting.
func killOptions() Options { return Options{MaxUpdates: 300} }

const killRetention = 100 * time.Millisecond

// killed is the update that every run makes of a sequence: who knows the sequence knows what must be in the database.
func killed(w *writer) history.Stored {
	n := w.end.Position.Sequence + 1
	if n == 1 {
		return w.began()
	}
	e := history.Entry{Space: "s", Effects: []history.Effect{
		{Key: fmt.Appendf(nil, "key %d", n%500), Value: fmt.Append(make([]byte, n*7919%3000), n)},
		{Key: []byte("last"), Value: fmt.Append(nil, n)},
		{Key: fmt.Appendf(nil, "key %d", n*31%500), Delete: n%3 == 0, Value: fmt.Append(nil, n)},
	}}
	e.Outbox = []history.Effect{{Key: fmt.Appendf(nil, "due %d", n%100), Value: fmt.Append(nil, n), Delete: n%7 == 0}}
	e.Request, e.Oldest = history.RequestID{Terminal: fmt.Sprint("t", n%3), Counter: n}, n-min(n-1, 50)
	e.HasAnswer, e.Answer.Body = true, fmt.Append(nil, n)
	if n%5 == 0 {
		e.Request, e.Oldest = history.RequestID{Terminal: "app", App: time.Unix(0, w.time).UTC().Format(time.RFC3339Nano) + "/x"}, 0
	}
	return w.next(e)
}

// continued is a writer at a store's end, with the clock that the sequence had in every run.
func continued(tb testing.TB, s *Store) *writer {
	end := s.Committed()
	return &writer{tb: tb, retention: killRetention, end: end, time: noon + int64(end.Position.Sequence)*int64(time.Millisecond)}
}

// writeUntilKilled is the process that is killed: it writes without end, and says what it begins to flush and what
// was flushed.
func writeUntilKilled(t *testing.T, dir string) {
	s, err := Open(dir, killOptions())
	if err != nil {
		t.Fatal(err)
	}
	w := continued(t, s)
	for batch := uint64(0); ; batch++ {
		for range 1 + batch*7%40 {
			commit(t, s, killed(w))
		}
		fmt.Println("flushing", w.end.Position.Sequence)
		if at := flush(t, s); at != w.end {
			t.Fatalf("flushed %v of %v", at, w.end)
		}
		fmt.Println("acknowledged", w.end.Position.Sequence)
	}
}

// A process killed at any moment leaves a whole database that holds at least what was acknowledged, and nothing that was
// not committed.
func TestStore_SurvivesKill(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		writeUntilKilled(t, dir)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var acknowledged uint64
	torn, ahead, began := 0, 0, time.Now()
	want, w := newModel(), keeping(t, killRetention)
	for round := range kills {
		flushing, acked := killOnce(t, dir, random)
		if acked == 0 {
			acked = acknowledged // killed before its first
		}
		s, err := Open(dir, killOptions())
		if err != nil {
			t.Fatalf("seed %d, kill %d: %v", seed, round, err)
		}
		checkAll(t, s)
		at := s.Applied().Position.Sequence
		if at < acked || at < acknowledged || at != acked && at != flushing {
			t.Errorf("kill %d: %d is applied, but %d was acknowledged and %d being flushed", round, at, acked, flushing)
		}
		if flushing > acked || at > acked {
			torn++
		}
		if at > acked {
			ahead++
		}
		acknowledged = at
		compareKilled(t, s, want, w)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("seed %d, kill %d", seed, round)
		}
	}
	t.Logf("seed %d: %d kills, %d of them during a flush (%d of these were durable and not acknowledged), %d updates, %v",
		seed, kills, torn, ahead, acknowledged, time.Since(began).Round(time.Millisecond))
	if torn < killsTorn {
		t.Errorf("only %d of %d kills left an unacknowledged tail", torn, kills)
	}
}

// killOnce runs the child, kills it at a random moment after its first word, and gives the last it said.
func killOnce(t *testing.T, dir string, random *rand.Rand) (flushing, acknowledged uint64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestStore_SurvivesKill$")
	child.Env = append(os.Environ(), killDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	kill := make(chan struct{})
	for said := 0; ; said++ {
		line, err := lines.ReadString('\n')
		if err != nil { // a line cut short by the kill was not said
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
		if said == 0 {
			time.AfterFunc(time.Duration(random.IntN(60_000))*time.Microsecond, func() { _ = child.Process.Kill(); close(kill) })
		}
		var n uint64
		if _, err := fmt.Sscanf(line, "flushing %d", &n); err == nil {
			flushing = n
		} else if _, err := fmt.Sscanf(line, "acknowledged %d", &n); err == nil {
			acknowledged = n
		} else {
			t.Errorf("the child says %q", line)
		}
	}
	select {
	case <-kill:
	case <-time.After(10 * time.Second):
		t.Error("the child ended by itself")
	}
	_ = child.Wait()
	return flushing, acknowledged
}

// compareKilled brings the model to where the store is and compares all that can be asked.
func compareKilled(t *testing.T, s *Store, want *model, w *writer) {
	t.Helper()
	for w.end.Position.Sequence < s.Applied().Position.Sequence {
		want.apply(killed(w))
	}
	if w.end != s.Applied() {
		t.Errorf("the chain ends at %v, want %v", s.Applied(), w.end)
	}
	err := s.View(func(r *Reader) error {
		keys := 0
		for _, space := range []string{"s", history.OutboxSpace} {
			items, _ := r.Scan(space, nil, nil, 1000, 64<<20)
			for _, it := range items {
				if name := space + "/" + string(it.Key); string(it.Value) != want.values[name] || it.Revision != want.revisions[name] {
					return fmt.Errorf("key %s of %s is of revision %d, want %d", it.Key, space, it.Revision, want.revisions[name])
				}
			}
			keys += len(items)
		}
		if keys != len(want.values) {
			return fmt.Errorf("%d keys, want %d", keys, len(want.values))
		}
		for id, body := range want.answers {
			a, _, l := r.Answer(id)
			if _, wanted := want.look(id, killRetention); l != wanted || l == Found && string(a.Body) != body {
				return fmt.Errorf("answer of %v: %q %d, want %q %d", id, a.Body, l, body, wanted)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
