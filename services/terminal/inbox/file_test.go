package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/pages"
)

func TestBox_KeepsItsBounds(t *testing.T) {
	dir := t.TempDir()
	f := openFile(t, dir)
	b := f.Box("many", 0)
	s := begun(t, b, 1)
	const step, over = notice.MaxMessages, 3 * notice.MaxMessages
	for n := uint64(1); n < Most+over; n += step {
		take(t, s, notice.Batch{Epoch: 1, Messages: owns(n, n, n+step-1)})
	}
	k := after(t, b, 0, 1)
	if k.Last-k.First+1 != Most || len(k.Notices) != 1 || k.Notices[0].Number != k.First {
		t.Errorf("%d are kept, from %d to %d", k.Last-k.First+1, k.First, k.Last)
	}
	large := f.Box("large", 0)
	s = begun(t, large, 1)
	body := `"` + strings.Repeat("x", 900<<10) + `"`
	const n = 25
	for i := uint64(1); i <= n; i++ {
		take(t, s, notice.Batch{Epoch: 1, Messages: []notice.Message{own(i, 1, i, body)}})
	}
	k = after(t, large, 0, 1)
	if kept := (k.Last - k.First + 1) * uint64(len(body)); kept > MostBytes || kept+2*uint64(len(body)) < MostBytes || k.Last != n {
		t.Errorf("%d bytes of %d are kept", kept, MostBytes)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = openFile(t, dir)
	if f.Quarantined() != nil || f.Box("many", 0).Last() != b.Last() || after(t, f.Box("large", 0), 0, 1).First != k.First {
		t.Errorf("after a restart: %v, %d", f.Quarantined(), f.Box("many", 0).Last())
	}
	// Room of what went is used again.
	if info, err := os.Stat(filepath.Join(dir, FileName)); err != nil || info.Size() > 4*MostBytes {
		t.Errorf("%v, %d bytes", err, info.Size())
	}
}

// Agents that are told something while one of them writes share the next transaction.
func TestFile_ManyShareATransaction(t *testing.T) {
	f := openFile(t, t.TempDir())
	const n = 1000
	f.line.writing.Lock() // as if somebody wrote
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			b := f.Box(fmt.Sprint("t", i), 0)
			take(t, begun(t, b, 1), notice.Batch{Epoch: 1, Messages: owns(1, 1, 3)})
		})
	}
	processtest.Await(t, "all of them", func() bool {
		f.line.turn.Lock()
		defer f.line.turn.Unlock()
		return len(f.line.next.changes) == n
	})
	f.line.writing.Unlock()
	work.Wait()
	if f.line.wrote != 1 {
		t.Errorf("%d transactions for %d terminals", f.line.wrote, n)
	}
	for i := range n {
		if got := f.Box(fmt.Sprint("t", i), 0).Last(); got != 3 {
			t.Fatalf("terminal %d has %d", i, got)
		}
	}
}

// made is a file of some notices for two terminals, and what the first one is told after them.
func made(t *testing.T) (dir string, content []byte) {
	t.Helper()
	dir = t.TempDir()
	f := openFile(t, dir)
	for i := range 2 {
		s := begun(t, f.Box(fmt.Sprint("t", i), 0), 1)
		for n := uint64(1); n <= 60; n += 3 {
			take(t, s, notice.Batch{Epoch: 1, Messages: owns(n, n, n+2)})
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, content
}

// A file that was changed anywhere is as it was, or as it was before its last transaction, or quarantined. In any case no number is given
// twice, and what the terminal says that it has is what it has.
func TestFile_DamagedAnywhere(t *testing.T) {
	dir, good := made(t)
	path, quarantined := filepath.Join(dir, FileName), filepath.Join(dir, QuarantinedName)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	const used, tries = 4096, 200
	page := os.Getpagesize()
	moved, earlier, same := 0, 0, 0
	try := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(dir)
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, what, err)
		}
		defer func() {
			if err := f.Close(); err != nil {
				t.Errorf("seed %d, %s: %v", seed, what, err)
			}
		}()
		b := f.Box("t1", used) // which the last transaction told something
		s, cursor := b.Session("p", 1, free)
		kept, has := all(t, b), cursor.Marks[notices.Own].Count
		if f.Quarantined() != nil {
			moved++
			if moved, err := os.ReadFile(quarantined); err != nil || string(moved) != string(content) {
				t.Errorf("seed %d, %s: it is not quarantined: %v", seed, what, err)
			}
			if len(kept) != 0 || has != 0 {
				t.Errorf("seed %d, %s: quarantined, and there are %d, %d", seed, what, len(kept), has)
			}
		} else if has == 60 {
			same++
		} else {
			earlier++
		}
		for i, k := range kept {
			if k.Number != uint64(i+1) || string(k.Body) != fmt.Sprintf(`{"n":%d}`, i+1) {
				t.Errorf("seed %d, %s: notice %d is %+v", seed, what, i, k)
			}
		}
		if uint64(len(kept)) != has {
			t.Errorf("seed %d, %s: it has %d and keeps %d", seed, what, has, len(kept))
		}
		told := take(t, s, from(1, cursor, own(1, 1, has+1, "{}")))
		if n := told[0].Number; n <= 60 {
			t.Errorf("seed %d, %s: number %d is given again", seed, what, n)
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
	for range 40 {
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

// What keeps an agent from its file, and is not the file's fault, quarantines nothing.
func TestOpen_QuarantinesOnlyWhatIsDamaged(t *testing.T) {
	dir, good := made(t)
	f := openFile(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, FileName)
	elsewhere := path + "-elsewhere"
	if err := errors.Join(os.Rename(path, elsewhere), os.Symlink(FileName, path)); err != nil { // that leads to itself
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Rename(elsewhere, path), os.WriteFile(path+".new", good[:100], 0o600)); err != nil {
		t.Fatal(err)
	}
	if f := openFile(t, dir); f.Quarantined() != nil || f.Box("t1", 0).Last() != 60 {
		t.Errorf("%v, %d", f.Quarantined(), f.Box("t1", 0).Last())
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was being made is still there: %v", err)
	}
	if heads, _, _, err := pages.ReadHeads(strings.NewReader(string(good))); err != nil || len(heads) != 2 {
		t.Errorf("a whole file has %d heads, %v: every restart would leave numbers out", len(heads), err)
	}
}

const fullDir = "HOTPAIR_TEST_INBOX_FULL"

// On a full disk the batch is refused, with what is durable, as often as it comes. With room again nothing is missing.
func TestFile_FullDisk(t *testing.T) {
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprintf("made %t", made), func(t *testing.T) { fullDisk(t, made) })
	}
}

func fullDisk(t *testing.T, made bool) {
	dir, had := t.TempDir(), uint64(0)
	if made {
		f := openFile(t, dir)
		take(t, begun(t, f.Box("t1", 0), 1), notice.Batch{Epoch: 1, Messages: owns(1, 1, 3)})
		had = 3
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestHelperFullDisk$", "-test.v")
	child.Env = append(os.Environ(), fullDir+"="+dir)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	f := openFile(t, dir)
	b := f.Box("t1", 0)
	if got := uint64(len(all(t, b))); f.Quarantined() != nil || b.Last() != had || got != had {
		t.Errorf("afterwards %d of %d, %v", got, b.Last(), f.Quarantined())
	}
	if told := take(t, begun(t, b, 1), notice.Batch{Epoch: 1, Messages: owns(1, had+1, had+2)}); len(told) != 2 {
		t.Errorf("with room again: %v", told)
	}
}

func TestHelperFullDisk(t *testing.T) {
	dir := os.Getenv(fullDir)
	if dir == "" {
		return // only a child of TestFile_FullDisk has work here
	}
	f := openFile(t, dir)
	b := f.Box("t1", 0)
	had := b.Last()
	s := begun(t, b, 1)
	limit := syscall.Rlimit{Cur: 8 << 10, Max: 8 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	const tries = 3
	for range tries {
		told, answer, err := s.Take(notice.Batch{Epoch: 1, Messages: owns(1, had+1, had+2)})
		if !errors.Is(err, ErrNoRoom) || !errors.Is(err, ErrRefused) || errors.Is(err, ErrDisk) || told != nil || answer.Why == "" || answer.Serial != 0 || answer.Cursor.Marks[notices.Own].Count != had {
			t.Errorf("%+v, %v", answer, err)
		}
		if b.Last() != had || uint64(len(after(t, b, 0, 0).Notices)) != had {
			t.Errorf("%d, had %d", b.Last(), had)
		}
		if _, _, err := s.Take(from(1, *answer.Cursor)); err != nil {
			t.Error(err)
		}
	}
	if f.line.wrote != tries {
		t.Errorf("%d transactions were tried", f.line.wrote)
	}
	if other := f.Box("t2", 0); other != nil {
		if _, _, err := begun(t, other, 1).Take(notice.Batch{Epoch: 1, Messages: owns(1, 1, 1)}); !errors.Is(err, ErrNoRoom) {
			t.Errorf("another terminal of the file: %v", err)
		}
	}
}

// Whoever comes after the file was closed hears so.
func TestFile_Closed(t *testing.T) {
	f := openFile(t, t.TempDir())
	b := f.Box("t1", 0)
	s := begun(t, b, 1)
	take(t, s, notice.Batch{Epoch: 1, Messages: owns(1, 1, 1)})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.After(notice.After{}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, _, err := s.Take(notice.Batch{Epoch: 1, Messages: owns(2, 2, 2)}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}
