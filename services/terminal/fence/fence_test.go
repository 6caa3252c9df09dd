package fence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// pair answers at once that a taking is the first, or what it is told to say.
type pair struct {
	says  string
	body  []byte // its answer as it is, if not nil
	code  int
	asked []notice.Taking
}

func (p *pair) ask(_ string, body []byte, answer func(bus.Reply)) {
	var t notice.Taking
	_ = bus.DecodeJSON(body, &t)
	p.asked = append(p.asked, t)
	if p.code != 0 {
		answer(bus.Reply{Code: p.code, Message: "no"})
		return
	}
	if p.body != nil {
		answer(bus.Reply{Body: p.body})
		return
	}
	answer(bus.Reply{Body: bus.EncodeJSON(notice.Taken{Verdict: p.says, Body: []byte(`{}`)})})
}

func find(number uint64) (notice.Told, error) {
	return notice.Told{Number: number, ID: fmt.Sprint("p/1/1/", number), Service: "gate", Topic: "open", Fenced: true}, nil
}

func opened(t *testing.T, dir string, p *pair) (*Fence, *[]notice.Became) {
	t.Helper()
	var became []notice.Became
	f, err := New(Config{Dir: dir, Directory: "d", Find: find, Ask: p.ask, Serves: func() bool { return true }, Tell: func(b notice.Became) { became = append(became, b) }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, &became
}

// step does what Run does with one question.
func step(t *testing.T, f *Fence, number uint64, by string, done bool) (code int, said string) {
	t.Helper()
	told, _ := find(number)
	q := asked{Take: notice.Take{Number: number, By: by}, told: told, done: done, answer: func(r bus.Reply) {
		code, said = r.Code, r.Message
	}}
	if !f.in.ask(q) {
		t.Fatal("too many wait")
	}
	err := f.work()
	for len(f.in.answers) > 0 && err == nil {
		err = f.work()
	}
	if err != nil {
		t.Fatal(err)
	}
	return code, said
}

func TestFence_AsksUnderTheSameTokenUntilThereIsAnAnswer(t *testing.T) {
	p := &pair{code: bus.CodeUnknown}
	f, _ := opened(t, t.TempDir(), p)
	for range 2 {
		if code, said := step(t, f, 1, "a", false); code != bus.CodeUnknown || !strings.Contains(said, "notice 1 was not handed out; ask again") {
			t.Errorf("%d %s", code, said)
		}
	}
	p.code, p.says = 0, commands.Doubtful.String()
	if code, said := step(t, f, 1, "a", false); code != bus.CodeConflict || !strings.HasPrefix(said, "unknown: ") {
		t.Errorf("%d %s", code, said)
	}
	p.says = commands.First.String()
	if code, _ := step(t, f, 2, "a", false); code != bus.CodeOK {
		t.Errorf("%d", code)
	}
	if a := p.asked; len(a) != 4 || a[0] != a[1] || a[1] != a[2] || a[3].Token == a[0].Token || a[3].Directory != "d" {
		t.Errorf("%+v", a)
	}
	p.says = "something new"
	if code, _ := step(t, f, 3, "a", false); code != bus.CodeFault {
		t.Errorf("%d", code)
	}
	p.body = []byte(`{"verdict":"first","body":"e30=","since":7}`) // of a newer host
	if code, said := step(t, f, 5, "a", false); code != bus.CodeOK {
		t.Errorf("%d %s", code, said)
	}
	p.code = bus.CodeMalformed
	if code, said := step(t, f, 4, "a", false); code != bus.CodeNobody || !strings.Contains(said, "does not support fenced commands") {
		t.Errorf("%d %s", code, said)
	}
}

// TestFence_IsTakenOnlyWhenItIsHandedOut: until then nobody has it, and whoever else asks may still get it.
func TestFence_IsTakenOnlyWhenItIsHandedOut(t *testing.T) {
	p := &pair{says: commands.First.String()}
	f, _ := opened(t, t.TempDir(), p)
	var answer func(bus.Reply)
	f.Ask = func(_ string, _ []byte, a func(bus.Reply)) { answer = a }
	step(t, f, 1, "a", false)
	for _, by := range []string{"", "b"} {
		if code, said := step(t, f, 1, by, false); code != bus.CodeOverloaded || said != "notice 1 is being taken by another application; ask again" {
			t.Errorf("%q: %d %s", by, code, said)
		}
	}
	answer(bus.Reply{Code: bus.CodeUnknown})
	f.Ask = p.ask
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if code, said := step(t, f, 1, "b", false); code != bus.CodeOK {
		t.Errorf("%d %s", code, said)
	}
	if code, said := step(t, f, 1, "a", false); code != bus.CodeConflict || !strings.HasPrefix(said, "taken: ") {
		t.Errorf("%d %s", code, said)
	}
}

// TestFence_WhatIsNotSaidToBeDoneIsUnknown: after a while, and after a restart; and done when that is said later.
func TestFence_WhatIsNotSaidToBeDoneIsUnknown(t *testing.T) {
	dir, p := t.TempDir(), &pair{says: commands.First.String()}
	f, became := opened(t, dir, p)
	now := time.Now()
	f.now = func() time.Time { return now }
	for n := uint64(1); n < 5; n++ {
		step(t, f, n, "a", false)
	}
	step(t, f, 1, "", true)
	now = now.Add(commands.Patience)
	if err := f.forgotten(); err != nil || len(*became) != 0 {
		t.Errorf("%+v, %v", *became, err)
	}
	step(t, f, 2, "", true)
	now = now.Add(1)
	if err := f.forgotten(); err != nil || len(*became) != 2 || (*became)[0].State != "unknown" {
		t.Errorf("%+v, %v", *became, err)
	}
	if code, said := step(t, f, 3, "a", false); code != bus.CodeConflict || !strings.HasPrefix(said, "unknown: ") {
		t.Errorf("%d %s", code, said)
	}
	if code, _ := step(t, f, 3, "", true); code != bus.CodeOK || f.State("p/1/1/3") != "done" {
		t.Errorf("%d %s", code, f.State("p/1/1/3"))
	}
	step(t, f, 6, "a", false)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, became = opened(t, dir, p)
	if err := f.recover(); err != nil || len(*became) != 1 || (*became)[0].Number != 6 || f.State("p/1/1/6") != "unknown" || f.State("p/1/1/4") != "unknown" || f.State("p/1/1/2") != "done" {
		t.Errorf("%+v, %v", *became, err)
	}
}

// TestFence_TellsThePairUntilItKnows: what was done while nobody served is told when somebody does, also after a restart.
func TestFence_TellsThePairUntilItKnows(t *testing.T) {
	dir, p := t.TempDir(), &pair{says: commands.First.String()}
	f, _ := opened(t, dir, p)
	step(t, f, 1, "a", false)
	p.code = bus.CodeNobody
	step(t, f, 1, "", true)
	if e, _ := f.book.get("p/1/1/1"); !e.Owed || e.State != Done {
		t.Errorf("%+v", e)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	p.code, p.asked = 0, nil
	f, _ = opened(t, dir, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	processtest.Await(t, "the pair to know it", func() bool {
		e, _ := f.book.get("p/1/1/1")
		return !e.Owed
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || len(p.asked) != 1 || p.asked[0].Token != "done" {
		t.Errorf("%v, %+v", err, p.asked)
	}
}

func TestBook_IsBounded(t *testing.T) {
	b, _, _, err := openBook(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.close() }()
	for n := range Most {
		e := entry{State: Done, At: int64(n)}
		if n == 0 {
			e.State = Taken
		}
		b.entries[fmt.Sprint(n)] = e
	}
	if err := b.put("one more", entry{State: Taken}); err != nil || len(b.entries) != Most-Most/16+1 {
		t.Errorf("%d, %v", len(b.entries), err)
	}
	if _, kept := b.get("0"); !kept {
		t.Error("what is not settled goes")
	}
	if _, kept := b.get("1"); kept {
		t.Error("the oldest is kept")
	}
}

// TestBook_DamagedAtAnyByte: it is quarantined, or what it says is what was written.
func TestBook_DamagedAtAnyByte(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir, &pair{says: commands.First.String()})
	step(t, f, 1, "a", false)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for at := 0; at < len(whole); at += 131 {
		dir := t.TempDir()
		data := append([]byte(nil), whole...)
		data[at] ^= 0x55
		if err := os.WriteFile(filepath.Join(dir, FileName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, name, why, err := openBook(dir)
		if err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		if name != "" {
			moved++
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil || why == nil || len(b.entries) != 0 {
				t.Errorf("at %d: %v, %v, %d entries", at, err, why, len(b.entries))
			}
		} else if e, ok := b.get("p/1/1/1"); ok && (e.State != Taken || e.Number != 1 || e.Service != "gate") {
			t.Errorf("at %d: %+v", at, e)
		}
		if err := b.put("another", entry{State: Taken}); err != nil && !errors.Is(err, ErrDisk) {
			t.Errorf("at %d: %v", at, err)
		}
		_ = b.close()
	}
	t.Logf("measured: %d places, quarantined at %d", len(whole)/131+1, moved)
	if moved == 0 {
		t.Error("no damage is found")
	}
}

func TestFence_QuestionsAreBounded(t *testing.T) {
	f, _ := opened(t, t.TempDir(), &pair{says: commands.First.String()})
	busy := 0
	for n := range atOnce + 3 {
		f.Take(fmt.Appendf(nil, `{"number":"%d"}`, n+1), func(r bus.Reply) {
			if r.Code == bus.CodeOverloaded {
				busy++
			}
		})
	}
	if busy != 3 {
		t.Errorf("%d are told busy", busy)
	}
}

const fullDir = "HOTPAIR_TEST_FENCE_FULL"

// TestFence_FullDisk: what there is no room to write down is not taken, and the agent lives; with room again it is.
func TestFence_FullDisk(t *testing.T) {
	dir := t.TempDir()
	p := &pair{says: commands.First.String()}
	f, _ := opened(t, dir, p)
	step(t, f, 1, "a", false)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestHelperFullDisk$", "-test.v")
	child.Env = append(os.Environ(), fullDir+"="+dir)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	f, _ = opened(t, dir, p)
	if code, said := step(t, f, 9_999, "a", false); code != bus.CodeOK || f.State("p/1/1/1") != "taken" {
		t.Errorf("with room again: %d %s, %s", code, said, f.State("p/1/1/1"))
	}
}

func TestHelperFullDisk(t *testing.T) {
	dir := os.Getenv(fullDir)
	if dir == "" {
		return // only a child of TestFence_FullDisk has work here
	}
	p := &pair{says: commands.First.String()}
	f, _ := opened(t, dir, p)
	signal.Ignore(syscall.SIGXFSZ)
	limit := uint64(6 * os.Getpagesize()) // less than the file is long: what it grows to fails as a disk without room does
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for n := uint64(2); refused < 3 && n < 9_999; n++ {
		asked := len(p.asked)
		switch code, said := step(t, f, n, "a", false); {
		case code == bus.CodeFull && strings.Contains(said, "is full") && len(p.asked) == asked && f.State(fmt.Sprint("p/1/1/", n)) == "open":
			refused++
		case code == bus.CodeOverloaded && n > open/2: // what was taken is said to be done
			f.hands = map[string]hand{}
		case code == bus.CodeConflict && strings.HasPrefix(said, "unknown: "): // the room was gone between
		case code != bus.CodeOK:
			t.Fatalf("%d: %d %s", n, code, said)
		}
	}
	if refused == 0 {
		t.Error("there is always room: it proves nothing")
	}
}
