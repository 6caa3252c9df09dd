package inbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
)

const (
	killDir   = "HOTPAIR_TEST_INBOX_KILL"
	kills     = 100
	killsTorn = 20 // of them must find a batch under way, or the test proves nothing
	terminals = 3
)

// TestHelperKilled is the process that is killed: it tells several terminals without end, each what comes after what it has, and says what
// it begins and what was confirmed. Numbers are reserved with used, which stands for the agent's facts.
func TestHelperKilled(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		return // only a child of TestFile_SurvivesKill has work here
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var say sync.Mutex
	var work sync.WaitGroup
	for i := range terminals {
		work.Go(func() {
			b := f.Box(fmt.Sprint("t", i), 0)
			s := begun(t, b, 1)
			had := s.store.Cursor.Marks[notices.Own].Count
			for serial := uint64(1); ; {
				n := 1 + (had+uint64(i))%17
				list := owns(serial, had+1, had+n)
				if had%5 == 0 {
					list[0].Content.Body = append(append([]byte(`"`), make([]byte, 0, 20_000)...), fmt.Sprintf("%020000d\"", had)...)
				}
				say.Lock()
				fmt.Println("begins", i, had+n)
				say.Unlock()
				told := take(t, s, notice.Batch{Epoch: 1, Messages: list})
				if uint64(len(told)) != n || told[0].Number != had+1 {
					t.Errorf("told %d from %d", len(told), told[0].Number)
				}
				had, serial = had+n, serial+n
				say.Lock()
				fmt.Println("confirmed", i, had)
				say.Unlock()
			}
		})
	}
	work.Wait()
}

// A process that is killed at any moment has what it confirmed, and cursor, numbers and notices agree.
func TestFile_SurvivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a process a hundred times")
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	dir, began := t.TempDir(), time.Now()
	var confirmed [terminals]uint64
	torn, ahead := 0, 0
	for round := range kills {
		begun := killOnce(t, dir, random, &confirmed)
		f, err := Open(dir)
		if err != nil || f.Quarantined() != nil {
			t.Fatalf("seed %d, kill %d: %v, %v", seed, round, err, f.Quarantined())
		}
		for i := range terminals {
			b := f.Box(fmt.Sprint("t", i), 0)
			_, cursor := b.Session("p", 1, free)
			kept, last, has := all(t, b), b.Last(), cursor.Marks[notices.Own].Count
			if has != confirmed[i] && has != begun[i] || last != has || cursor.Last.Sequence != has {
				t.Errorf("terminal %d has %d, last number %d; %d was confirmed and %d begun", i, has, last, confirmed[i], begun[i])
			}
			if begun[i] > confirmed[i] {
				torn++
			}
			if has > confirmed[i] {
				ahead++
			}
			for k, one := range kept {
				if want := last - uint64(len(kept)-1-k); one.Number != want || one.ID != fmt.Sprintf("p/1/%d/0", want) {
					t.Errorf("terminal %d keeps %d as %s, want %d", i, one.Number, one.ID, want)
				}
			}
			confirmed[i] = has
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("seed %d, kill %d", seed, round)
		}
	}
	t.Logf("seed %d: %d kills, %d batches under way (%d of these were durable and not confirmed), %v notices, %v",
		seed, kills, torn, ahead, confirmed, time.Since(began).Round(time.Millisecond))
	if torn < killsTorn {
		t.Errorf("only %d batches were under way", torn)
	}
}

// killOnce runs the child, kills it at a random moment after its first word, and notes what it said.
func killOnce(t *testing.T, dir string, random *rand.Rand, confirmed *[terminals]uint64) (begun [terminals]uint64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestHelperKilled$")
	child.Env = append(os.Environ(), killDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	begun = *confirmed
	var killed atomic.Bool
	lines := bufio.NewReader(out)
	for said := 0; ; said++ {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) { // a line cut short by the kill was not said
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if said == 0 {
			time.AfterFunc(time.Duration(random.IntN(40_000))*time.Microsecond, func() { killed.Store(true); _ = child.Process.Kill() })
		}
		var i int
		var n uint64
		if _, err := fmt.Sscanf(line, "begins %d %d", &i, &n); err == nil {
			begun[i] = n
		} else if _, err := fmt.Sscanf(line, "confirmed %d %d", &i, &n); err == nil {
			confirmed[i] = n
		} else {
			t.Errorf("the child says %q", line)
		}
	}
	_ = child.Wait()
	if !killed.Load() {
		t.Error("the child ended by itself")
	}
	return begun
}
