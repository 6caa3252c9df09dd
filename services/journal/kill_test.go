package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

// killDir names the journal that the re-executed test binary writes.
const killDir = "REPLICATION_TEST_KILL_DIR"

// TestWriterProcess is not a test: it is the process that is killed. It appends frames and says which are acknowledged.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		return // only a child of TestJournal_KilledWhileAppending has work here
	}
	ctx := journaltest.Within(t, time.Minute)
	j := New(Config{Host: "b", Dir: dir})
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	l := NewLog(j, history.Mark{})
	if err := l.Read(ctx); err != nil {
		t.Fatal(err)
	}
	session := uint64(1)
	l.View(func(tail *Tail) { session = tail.Fence().Term.Session + 1 })
	if err := l.Fence(ctx, Fence{Term: Term{7, session}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	for {
		end := l.End()
		entries := journaltest.Chain(t, end, 7, 1+rand.IntN(20), strings.Repeat("x", rand.IntN(2000)))
		if err := l.Append(ctx, entries, end.Position); err != nil {
			t.Fatal(err)
		}
		m := journaltest.End(entries)
		fmt.Printf("acked %d %x\n", m.Position.Sequence, m.Digest[:])
	}
}

// Every acknowledged frame is there after kill -9, and the journal goes on from there.
func TestJournal_KilledWhileAppending(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := filepath.Join(t.TempDir(), "journal")
	acked := map[uint64]string{}
	for round := range 6 {
		child := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$", "-test.v")
		child.Env = append(os.Environ(), killDir+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		kill := 20 + rand.IntN(200)
		n, last := 0, uint64(0)
		for lines.Scan() { // also what it wrote before it noticed that it is dead
			var digest string
			if _, err := fmt.Sscanf(lines.Text(), "acked %d %s", &last, &digest); err != nil {
				if strings.Contains(lines.Text(), "FAIL") {
					t.Error(lines.Text())
				}
				continue
			}
			acked[last] = digest
			if n++; n == kill {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		if n < kill {
			t.Fatalf("round %d: the writer ended after %d frames", round, n)
		}
		j := New(Config{Host: "b", Dir: dir})
		ctx := journaltest.Within(t, 20*time.Second)
		began := time.Now()
		if err := j.Open(ctx); err != nil {
			t.Fatal(err)
		}
		l := NewLog(j, history.Mark{})
		if err := l.Read(ctx); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		l.View(func(tail *Tail) {
			if tail.Broken() != nil || tail.End().Position.Sequence < last {
				t.Fatalf("round %d: ends at %v, broken %v; acknowledged %d", round, tail.End().Position, tail.Broken(), last)
			}
			for sequence, digest := range acked {
				if d, ok := tail.DigestAt(sequence); !ok || fmt.Sprintf("%x", d[:]) != digest {
					t.Fatalf("round %d: acknowledged %d with %s is not there: %v %x; ends at %v, last acknowledged %d", round, sequence, digest, ok, d, tail.End().Position, last)
				}
			}
			t.Logf("round %d: %d frames acknowledged, ends at %v, last acknowledged %d, open and read in %v", round, n, tail.End().Position, last, took)
		})
		if info, err := j.Info(ctx); err != nil || info.Recreated {
			t.Fatal(info, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
