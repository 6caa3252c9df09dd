package queue

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
)

const (
	killDir = "HOTPAIR_TEST_QUEUE_KILL"
	kills   = 100
	// killsShort is the short form, within seconds.
	killsShort = 12
)

// TestHelperKilled is the process that is killed: it queues and ends requests without end, and says what it begins and what is durable.
func TestHelperKilled(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		return // only a child of TestStore_SurvivesKill has work here
	}
	s, err := Open(dir, "t1", 0, free, Bounds{Kept: 200})
	if err != nil {
		t.Fatal(err)
	}
	for round := uint64(0); ; round++ {
		n := 1 + round*7%17
		fmt.Println("queueing", s.Last()+n)
		for _, q := range put(t, s, int(n)) {
			fmt.Println("queued", q.Number, q.ID)
		}
		waiting := s.Waiting()
		for len(waiting) > 8 {
			some := min(1+(round*5)%31, uint64(len(waiting)))
			var numbers []uint64
			for _, p := range waiting[:some] {
				numbers = append(numbers, p.Number)
			}
			waiting = waiting[some:]
			fmt.Println("finishing", numbers[0], numbers[some-1])
			finish(t, s, numbers...)
			fmt.Println("finished", numbers[0], numbers[some-1])
		}
		for id, it := range s.ids { // somebody has looked at it
			if it.state == Unsure {
				fmt.Println("forgetting", it.number)
				if err := s.Forget(id); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// books are what a child has said.
type books struct {
	ids                             map[uint64]string // of what was queued
	begun                           uint64
	finishing, finished, forgetting map[uint64]bool
	of                              map[uint64]uint64 // requests, by the number of the outcome
}

// A process that is killed at any moment has all that it said was queued, and each outcome that it said was there; no number stands for two.
func TestStore_SurvivesKill(t *testing.T) {
	many := kills
	if testing.Short() {
		many = killsShort
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	dir, began := t.TempDir(), time.Now()
	said := books{ids: map[uint64]string{}, finishing: map[uint64]bool{}, finished: map[uint64]bool{}, forgetting: map[uint64]bool{}, of: map[uint64]uint64{}}
	torn, under := 0, 0
	for round := range many {
		last := said.begun
		if killOnce(t, dir, random, &said) {
			under++
		}
		s, err := Open(dir, "t1", 0, free, Bounds{Kept: 200})
		if err != nil || s.quarantined != nil {
			t.Fatalf("seed %d, kill %d: %v, %v", seed, round, err, s.quarantined)
		}
		there := all(t, s)
		for n, id := range said.ids {
			one, is := there[n]
			switch {
			case !is && (!said.finishing[n] && !said.finished[n]):
				t.Errorf("%d was queued and is lost", n)
			case is && one.ID != id:
				t.Errorf("%d is %s, and was %s", n, one.ID, id)
			case is && said.finished[n] && one.State == Waiting.String():
				t.Errorf("the outcome of %d is lost", n)
			case is && !said.finishing[n] && one.State != Waiting.String():
				t.Errorf("%d has an outcome that nobody gave: %+v", n, one)
			}
		}
		for n, one := range there {
			if wrong := same(n, one); wrong != "" || n > said.begun {
				t.Errorf("%d of %d: %s", n, said.begun, wrong)
			}
			if said.ids[n] == "" { // durable, and the word of it was cut off
				said.ids[n] = one.ID
				torn++
			}
			if one.State == Waiting.String() {
				delete(said.finishing, n)
			} else {
				said.finished[n] = true
				if other, is := said.of[one.Number]; is && other != n || one.Number == 0 {
					t.Errorf("outcome %d is of %d, and was of %d", one.Number, n, other)
				}
				said.of[one.Number] = n
			}
		}
		if s.Last() > said.begun || s.Last() < last && last > 0 && len(there) == 0 {
			t.Errorf("last number %d, %d were begun", s.Last(), said.begun)
		}
		said.begun = s.Last()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("seed %d, kill %d", seed, round)
		}
	}
	t.Logf("seed %d: %d kills, %d of them in a write, %d requests, %d of these durable and not said, %v", seed, many, under, len(said.ids), torn, time.Since(began).Round(time.Millisecond))
	if len(said.ids) == 0 || under < many/5 || many == kills && (len(said.finished) == 0 || len(said.ids) < many) { // the short form may be slow
		t.Errorf("only %d were queued, %d had an outcome, and %d kills met a write", len(said.ids), len(said.finished), under)
	}
}

// killOnce runs the child, kills it at a random moment after its first word, and notes what it said; it reports whether it was in a write.
func killOnce(t *testing.T, dir string, random *rand.Rand, said *books) (under bool) {
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
	var killed atomic.Bool
	lines := bufio.NewReader(out)
	for first := true; ; first = false {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) { // a line cut short by the kill was not said
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if first {
			time.AfterFunc(time.Duration(random.IntN(60_000))*time.Microsecond, func() { killed.Store(true); _ = child.Process.Kill() })
		}
		var n, m uint64
		var id string
		under = true
		if _, err := fmt.Sscanf(line, "queueing %d", &n); err == nil {
			said.begun = n
		} else if _, err := fmt.Sscanf(line, "queued %d %s", &n, &id); err == nil {
			under = false
			if before := said.ids[n]; before != "" {
				t.Errorf("number %d is given twice, to %s and %s", n, before, id)
			}
			said.ids[n] = id
		} else if _, err := fmt.Sscanf(line, "finishing %d %d", &n, &m); err == nil {
			said.note(said.finishing, n, m)
		} else if _, err := fmt.Sscanf(line, "finished %d %d", &n, &m); err == nil {
			under = false
			said.note(said.finished, n, m)
		} else if _, err := fmt.Sscanf(line, "forgetting %d", &n); err == nil {
			said.forgetting[n] = true
		} else {
			t.Errorf("the child says %q", line)
		}
	}
	_ = child.Wait()
	if !killed.Load() {
		t.Error("the child ended by itself")
	}
	return under
}

func (b *books) note(in map[uint64]bool, from, to uint64) {
	for n := from; n <= to; n++ {
		in[n] = true
	}
}
