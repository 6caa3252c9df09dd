package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

func TestStore_KeepsWhatIsQueuedAndWhatCameOfIt(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Bounds{})
	if _, err := os.Stat(filepath.Join(dir, FileName)); !os.IsNotExist(err) {
		t.Errorf("a queue that nobody uses has a file: %v", err)
	}
	put(t, s, 30)
	finish(t, s, 1, 2, 3, 4, 20)
	if err := s.Adopt("p", 1<<20); err != nil {
		t.Fatal(err)
	}
	unsure := s.items[4].id
	if err := s.Forget(s.items[5].id); !errors.Is(err, ErrWaits) {
		t.Errorf("what waits is forgotten: %v", err)
	}
	before := s.Count()
	if before.Waiting != 25 || before.Unsure != 1 || before.Done != 4 || !before.Oldest.Equal(begin) {
		t.Errorf("%+v", before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir, Bounds{})
	pair, base := s.Series()
	if s.quarantined != nil || s.Count() != before || s.Last() != 30 || pair != "p" || base != 1<<20 {
		t.Errorf("%v, %+v, last %d of %s + %d", s.quarantined, s.Count(), s.Last(), pair, base)
	}
	for n, one := range all(t, s) {
		if wrong := same(n, one); wrong != "" {
			t.Errorf("%d: %s", n, wrong)
		}
	}
	if list := s.Waiting(); len(list) != 25 || list[0] != (Place{5, "lane2"}) || list[24] != (Place{30, "lane0"}) {
		t.Errorf("%v", list)
	}
	if err := s.Forget(unsure); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(unsure, ""); !errors.Is(err, ErrAbsent) || !errors.Is(s.Forget(unsure), ErrAbsent) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := s.Finish([]Finished{answered(1), answered(99)}); err != nil {
		t.Error(err)
	}
	if one, err := s.Get("", "key20"); err != nil || one.State != "done" {
		t.Errorf("%+v, %v", one, err)
	}
}

// Of two outcomes of one request, as of an answer and of a move to another pair at the same moment, the first counts.
func TestStore_TwoOutcomesOfOne(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Bounds{})
	put(t, s, 3)
	lost := Finished{1, Outcome{Unknown: true, Code: 410, At: begin}}
	if told, err := s.Finish([]Finished{answered(1), lost}); err != nil || len(told) != 1 {
		t.Errorf("%+v, %v", told, err)
	}
	before := s.Count()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = openStore(t, dir, Bounds{}); s.quarantined != nil || s.Count() != before || before.Waiting != 2 || before.Done != 1 {
		t.Errorf("%v, %+v, and before %+v", s.quarantined, s.Count(), before)
	}
}

// A key stands for one request, in the list that is written and in what is there, as long as anything is known of it.
func TestStore_AKeyIsTakenOnce(t *testing.T) {
	s := openStore(t, t.TempDir(), Bounds{Kept: 1})
	one := Request{Key: "order-17", Service: "till", Operation: "sell", Body: []byte("1")}
	other, lane := one, one
	other.Body, lane.Lane = []byte("2"), "x"
	both := func() []Queued {
		t.Helper()
		list, err := s.Put([]Request{one, one, other, lane}, begin, always)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	first := both()
	if first[0].Err != nil || first[0].Again || first[1].ID != first[0].ID || !first[1].Again || !errors.Is(first[2].Err, ErrReused) || !errors.Is(first[3].Err, ErrReused) {
		t.Errorf("%+v", first)
	}
	for range 2 { // while it waits, and when it is done
		again := both()
		if again[0].ID != first[0].ID || !again[0].Again || !errors.Is(again[2].Err, ErrReused) || s.Last() != 1 {
			t.Errorf("%+v, last number %d", again, s.Last())
		}
		if _, err := s.Finish([]Finished{{1, Outcome{Body: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, 1)
	finish(t, s, 2) // the outcome before it goes
	if late := both(); late[0].Again || late[0].ID == first[0].ID || late[0].Number != 3 {
		t.Errorf("%+v", late)
	}
}

func TestStore_KeepsItsBounds(t *testing.T) {
	now := begin
	try := func(s *Store, r Request) error {
		t.Helper()
		list, err := s.Put([]Request{r}, now, always)
		if err != nil {
			t.Fatal(err)
		}
		if list[0].Err != nil && list[0].ID != "" {
			t.Errorf("%+v", list)
		}
		return list[0].Err
	}
	small := Request{Service: "a", Operation: "b", Body: []byte("{}")}
	s := openStore(t, t.TempDir(), Bounds{Entries: 5, Age: time.Hour})
	put(t, s, 5)
	if err := try(s, small); !errors.Is(err, ErrFull) {
		t.Errorf("more entries than there may be: %v", err)
	}
	finish(t, s, 1, 4) // 4 is not known to have taken effect, and keeps its place until somebody has looked
	if err := try(s, small); err != nil {
		t.Error(err)
	}
	if err := try(s, small); !errors.Is(err, ErrFull) {
		t.Errorf("more entries than there may be: %v", err)
	}
	if err := s.Forget(s.items[4].id); err != nil {
		t.Fatal(err)
	}
	now = begin.Add(time.Hour)
	if err := try(s, small); err != nil {
		t.Error(err)
	}
	finish(t, s, 5)
	now = begin.Add(time.Hour + 1)
	if err := try(s, small); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "has waited for") {
		t.Errorf("one waits for too long: %v", err)
	}
	if list, err := s.Put([]Request{small}, begin, func(n uint64) bool { return n != 8 }); err != nil || !errors.Is(list[0].Err, ErrFull) {
		t.Errorf("beyond the window: %+v, %v", list, err)
	}

	s = openStore(t, t.TempDir(), Bounds{Bytes: 100_000})
	large := small
	large.Body = []byte(`"` + strings.Repeat("x", 60_000) + `"`)
	if err := try(s, large); err != nil {
		t.Error(err)
	}
	list, err := s.Put([]Request{small, large, small}, begin, always)
	if err != nil || list[0].Err != nil || !errors.Is(list[1].Err, ErrFull) || list[2].Err != nil || list[2].Number != 3 {
		t.Errorf("%+v, %v", list, err)
	}
	if c := s.Count(); c.Bytes > 100_000 || c.Waiting != 3 {
		t.Errorf("%+v", c)
	}

	s = openStore(t, t.TempDir(), Bounds{Kept: 10, KeptBytes: 100_000})
	put(t, s, 40)
	for n := range uint64(40) {
		finish(t, s, n+1)
	}
	if c := s.Count(); c.Done != 10 || c.Unsure != 4 || s.items[4] == nil || s.items[3] != nil {
		t.Errorf("%+v", c)
	}
	put(t, s, 1)
	if _, err := s.Finish([]Finished{{41, Outcome{Body: []byte(`"` + strings.Repeat("y", 99_500) + `"`)}}}); err != nil {
		t.Error(err)
	}
	if c := s.Count(); c.Done != 1 || c.Unsure != 4 {
		t.Errorf("%+v", c)
	}
}

// The first that waits is told of whichever have their outcome, also after a restart.
func TestStore_TheFirstThatWaits(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Bounds{})
	for n := range 4 {
		if _, err := s.Put([]Request{asked(uint64(n + 1))}, begin.Add(time.Duration(n)*time.Second), always); err != nil {
			t.Fatal(err)
		}
	}
	want := func(n int) {
		t.Helper()
		for range 2 {
			if got := s.Count().Oldest; n == 0 && !got.IsZero() || n > 0 && !got.Equal(begin.Add(time.Duration(n-1)*time.Second)) {
				t.Errorf("%v, want that of %d", got, n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, dir, Bounds{})
		}
	}
	want(1)
	finish(t, s, 2)
	want(1)
	finish(t, s, 1)
	want(3)
	finish(t, s, 4, 3)
	want(0)
	put(t, s, 1)
	want(1) // all are queued at the same moment
}

// A clock that is set while requests wait, or was wrong when they were queued, keeps nobody from queueing more.
func TestStore_ClocksThatAreYearsOff(t *testing.T) {
	now := time.Now()
	for what, c := range map[string]struct {
		queued, then time.Time
		age          time.Duration
	}{
		"nothing":                 {now.Add(-2 * time.Hour), now, 2 * time.Hour},
		"it had never been set":   {time.Date(1970, 1, 1, 0, 10, 0, 0, time.UTC), now, 0},
		"it was far ahead":        {now.Add(10 * year), now, 0},
		"it is far back":          {now, now.Add(-10 * year), 0},
		"it is far ahead":         {now, now.Add(10 * year), 0},
		"it had and is never set": {time.Date(1970, 1, 1, 0, 10, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 5, 0, 0, time.UTC), 0},
	} {
		if got := c.then.Sub(since(c.then, c.queued)); got != c.age {
			t.Errorf("%s: it has waited for %s, want %s", what, got, c.age)
		}
	}
	dir := t.TempDir()
	s := openStore(t, dir, Bounds{Age: time.Hour})
	try := func(at time.Time) {
		t.Helper()
		if list, err := s.Put([]Request{asked(s.Last() + 1)}, at, always); err != nil || list[0].Err != nil {
			t.Errorf("%+v, %v", list, err)
		}
	}
	try(time.Date(1970, 1, 1, 0, 10, 0, 0, time.UTC)) // and then it hears the time
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir, Bounds{Age: time.Hour})
	try(time.Now())
	if age := s.Age(); age > time.Minute {
		t.Errorf("the first has waited for %s", age)
	}
	if told, err := s.Get(s.items[1].id, ""); err != nil || told.QueuedAt.Year() != 1970 {
		t.Errorf("%+v, %v", told, err)
	}
}

// made is a file with requests and outcomes, and what is told of them.
func made(t *testing.T) (dir string, content []byte, there map[uint64]Told) {
	t.Helper()
	dir = t.TempDir()
	s := openStore(t, dir, Bounds{})
	for n := uint64(1); n <= 40; n++ {
		put(t, s, 1)
		if n > 20 {
			finish(t, s, n-20)
		}
	}
	there = all(t, s)
	used := s.file.used
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, content[:used], there // what is taken ahead is of no account here
}

// A file that was changed anywhere is as it was, or as it was before its last transaction, or quarantined whole. In any case the queue goes
// on, and gives no number twice.
func TestStore_DamagedAnywhere(t *testing.T) {
	_, good, there := made(t)
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	const used = 4096
	tries := 200
	if testing.Short() {
		tries = 40
	}
	page := os.Getpagesize()
	moved, earlier, same := 0, 0, 0
	try := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, "t1", used, free, Bounds{})
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, what, err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Errorf("seed %d, %s: %v", seed, what, err)
			}
		}()
		have := all(t, s)
		if name, why := s.Moved(); why != nil {
			moved++
			moved, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || string(moved) != string(content) || len(have) != 0 {
				t.Errorf("seed %d, %s: it is not quarantined: %v; there are %d", seed, what, err, len(have))
			}
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		} else if len(have) == len(there) && have[20].State == there[20].State {
			same++
		} else {
			earlier++
			if !s.Doubt() {
				t.Errorf("seed %d, %s: there are %d of %d, and nobody doubts it", seed, what, len(have), len(there))
			}
		}
		for n, one := range have {
			if one.ID != there[n].ID {
				t.Errorf("seed %d, %s: %d is %+v", seed, what, n, one)
			}
		}
		if list := put(t, s, 1); list[0].Number <= 40 {
			t.Errorf("seed %d, %s: number %d is given again", seed, what, list[0].Number)
		}
	}
	change := func(at int, to byte) []byte {
		b := []byte(string(good))
		b[at] = to
		return b
	}
	for i := range 80 { // the heads, byte by byte
		for _, at := range []int{i, page + i} {
			try(fmt.Sprint("byte ", at), change(at, good[at]^byte(1<<random.IntN(8))))
		}
	}
	for range tries {
		at := random.IntN(len(good))
		try(fmt.Sprint("byte ", at), change(at, good[at]^byte(1+random.IntN(255))))
	}
	for range tries / 5 {
		size := random.IntN(len(good))
		try(fmt.Sprint("cut at ", size), good[:size])
	}
	for i := 0; i < len(good); i += page {
		b := []byte(string(good))
		clear(b[i : i+page])
		try(fmt.Sprint("page ", i/page), b)
	}
	try("text", []byte(strings.Repeat("this is no file of ours\n", 2000)))
	t.Logf("%d quarantined, %d of before the last transaction, %d as they were", moved, earlier, same)
	if moved == 0 || earlier == 0 || same == 0 {
		t.Error("one of the outcomes was not seen")
	}
}

// A queue of another terminal is quarantined and kept, however often that happens.
func TestOpen_QuarantinesWhatIsAnothers(t *testing.T) {
	_, good, _ := made(t)
	dir := t.TempDir()
	for _, name := range []string{FileName + ".quarantined", FileName + ".quarantined-2"} {
		if err := os.WriteFile(filepath.Join(dir, FileName), good, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, "t2", 4096, free, Bounds{})
		if err != nil {
			t.Fatal(err)
		}
		moved, why := s.Moved()
		if !errors.Is(why, ErrForeign) || !strings.Contains(why.Error(), `"t1"`) || moved != name || s.Last() != 4096 || s.Count().Waiting != 0 {
			t.Errorf("%v, %s, last %d", why, moved, s.Last())
		}
		if kept, err := os.ReadFile(filepath.Join(dir, moved)); err != nil || string(kept) != string(good) {
			t.Errorf("%d bytes, %v", len(kept), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What keeps an agent from its file, and is not the file's fault, quarantines nothing.
func TestOpen_QuarantinesOnlyWhatIsDamaged(t *testing.T) {
	dir, good, _ := made(t)
	s := openStore(t, dir, Bounds{})
	if _, err := Open(dir, "t1", 0, free, Bounds{}); !errors.Is(err, boltfile.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, FileName)
	if err := errors.Join(os.Remove(path), os.Symlink(FileName, path)); err != nil { // that leads to itself
		t.Fatal(err)
	}
	if _, err := Open(dir, "t1", 0, free, Bounds{}); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, good, 0o600), os.WriteFile(path+".new", good[:100], 0o600)); err != nil {
		t.Fatal(err)
	}
	if s := openStore(t, dir, Bounds{}); s.quarantined != nil || s.doubt || s.Last() != 40 {
		t.Errorf("%v, %d", s.quarantined, s.Last())
	}
}

const fullDir = "HOTPAIR_TEST_QUEUE_FULL"

// On a full disk requests are refused, and nothing is lost that was queued before: outcomes have the room that was taken for them.
func TestStore_FullDisk(t *testing.T) {
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprintf("made %t", made), func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir, Bounds{})
			if made {
				put(t, s, 300)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			child := exec.Command(os.Args[0], "-test.run=^TestHelperFullDisk$", "-test.v")
			child.Env = append(os.Environ(), fullDir+"="+dir)
			if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
				t.Fatalf("%v\n%s", err, out)
			}
			s = openStore(t, dir, Bounds{})
			c, last := s.Count(), s.Last()
			if s.quarantined != nil || c.Waiting != 0 || made && c.Done+c.Unsure < 300 {
				t.Errorf("afterwards %+v, %v", c, s.quarantined)
			}
			if list := put(t, s, 1); list[0].Number != last+1 {
				t.Errorf("with room again: %+v", list)
			}
		})
	}
}

func TestHelperFullDisk(t *testing.T) {
	dir := os.Getenv(fullDir)
	if dir == "" {
		return // only a child of TestStore_FullDisk has work here
	}
	s := openStore(t, dir, Bounds{})
	size := uint64(8 << 10)
	if info, err := os.Stat(filepath.Join(dir, FileName)); err == nil {
		size = uint64(info.Size())
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}); err != nil {
		t.Fatal(err)
	}
	large := asked(1)
	large.Key, large.Body = "", []byte(`"`+strings.Repeat("x", 1<<20-2)+`"`)
	refused := 0
	for range 20 { // as long as there is room taken, some are queued
		list, err := s.Put([]Request{large}, begin, always)
		if err != nil {
			t.Fatal(err)
		}
		if list[0].Err != nil {
			refused++
			if !errors.Is(list[0].Err, ErrNoRoom) || list[0].ID != "" || s.failed != nil {
				t.Errorf("%+v", list[0])
			}
		}
	}
	if refused < 10 {
		t.Errorf("only %d of 20 were refused", refused)
	}
	for _, p := range s.Waiting() {
		o := answered(p.Number)
		if p.Number%2 == 0 {
			o.Body = []byte(`"` + strings.Repeat("y", outcomeRoom/2-2) + `"`)
		}
		if told, err := s.Finish([]Finished{o}); err != nil || len(told) != 1 {
			t.Fatalf("no room for the outcome of %d: %v", p.Number, err)
		}
	}
	large.Body = []byte("{}")
	if list, err := s.Put([]Request{large}, begin, always); err != nil || list[0].Err != nil && !errors.Is(list[0].Err, ErrNoRoom) {
		t.Errorf("%+v, %v", list, err)
	} else if list[0].Err == nil {
		finish(t, s, list[0].Number)
	}
}

// An answer that there is no room for is kept without its body; one that is no JSON too.
func TestStore_KeepsWhatItCanOfAnAnswer(t *testing.T) {
	s := openStore(t, t.TempDir(), Bounds{})
	put(t, s, 2)
	told, err := s.Finish([]Finished{
		{1, Outcome{Body: []byte(`"` + strings.Repeat("x", maxBody) + `"`), Message: strings.Repeat("m", 5000), Code: 7}},
		{2, Outcome{Body: []byte("no json")}},
	})
	if err != nil || len(told) != 2 || told[0].Dropped != maxBody+2 || told[0].Body != nil || len(told[0].Error) != maxSentence || told[1].Body != nil {
		t.Errorf("%+v, %v", told, err)
	}
}

// A failed flush is the end; so is a number that can't be reserved.
func TestStore_FailsForGood(t *testing.T) {
	s := openStore(t, t.TempDir(), Bounds{})
	put(t, s, 1)
	s.failed = fmt.Errorf("%w: flush", ErrDisk)
	if list, err := s.Put([]Request{asked(2)}, begin, always); !errors.Is(err, ErrDisk) || list[0].Err == nil || list[0].ID != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Finish([]Finished{answered(1)}); !errors.Is(err, ErrDisk) {
		t.Errorf("%v", err)
	}
	s.failed = nil
	broken := errors.New("no number")
	s.reserve = func(uint64) error { return broken }
	if list, err := s.Put([]Request{asked(2)}, begin, always); !errors.Is(err, broken) || list[0].Err == nil || s.Last() != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if told, err := s.Finish([]Finished{answered(1)}); !errors.Is(err, broken) || told != nil || s.Count().Waiting != 1 {
		t.Errorf("%+v, %v", told, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("", "key5"); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v", err)
	}
	if _, err := s.Request(1); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

// FuzzEntry: whatever stands in a file is refused or can be told of.
func FuzzEntry(f *testing.F) {
	for n := range uint64(8) {
		r := asked(n)
		w := written{ID: "x", Key: r.Key, Service: r.Service, Operation: r.Operation, Body: r.Body}
		if n%2 == 0 {
			w.finish(answered(n).Outcome, 1)
		}
		data, err := bus.Encode(w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var w written
		if bus.Decode(data, &w) != nil || w.check() != nil {
			return
		}
		it, told := w.item(1, len(data)), w.told(1)
		if told.State != it.state.String() || (w.Outcome == nil) != (it.state == Waiting) {
			t.Errorf("%+v is told as %+v", w, told)
		}
	})
}
