package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

func spooled(n uint64) bus.Event {
	return bus.Event{Time: time.Date(2026, 3, 1, 2, 3, 4, 5, time.UTC), Host: "a", Incarnation: 7, Number: n, Kind: bus.EventPair, Text: fmt.Sprint("event ", n)}
}

// TestSpool_ReadsWhatIsWhole: a line that was cut off, or holds something else, costs that line only.
func TestSpool_ReadsWhatIsWhole(t *testing.T) {
	var text []byte
	for n := uint64(1); n <= 4; n++ {
		text = append(text, encodeSpoolLine(spooled(n))...)
	}
	foreign := spooled(5)
	foreign.Host = "b"
	line := len(encodeSpoolLine(spooled(1)))
	flipped := slices.Clone(text)
	flipped[line+30] ^= 1
	for what, c := range map[string]struct {
		text    []byte
		want    []uint64
		damaged int
	}{
		"nothing":           {nil, nil, 0},
		"all":               {text, []uint64{1, 2, 3, 4}, 0},
		"cut off":           {text[:len(text)-3], []uint64{1, 2, 3}, 1},
		"a flipped bit":     {flipped, []uint64{1, 3, 4}, 1},
		"another host's":    {append(slices.Clone(text), encodeSpoolLine(foreign)...), []uint64{1, 2, 3, 4}, 1},
		"an endless line":   {slices.Concat(text, bytes.Repeat([]byte("x"), 3*spoolLine), []byte("\n"), encodeSpoolLine(spooled(5))), []uint64{1, 2, 3, 4, 5}, 1},
		"zeros at the end":  {append(slices.Clone(text), make([]byte, 4096)...), []uint64{1, 2, 3, 4}, 1},
		"a line of nothing": {append(slices.Clone(text), '\n'), []uint64{1, 2, 3, 4}, 1},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, spoolFile), c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, left, damaged, err := openSpool(dir, "a")
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, e := range left {
			got = append(got, e.Number)
		}
		if !slices.Equal(got, c.want) || damaged != c.damaged {
			t.Errorf("%s: events %v, %d damaged; want %v, %d", what, got, damaged, c.want, c.damaged)
		}
		// What is written behind it is read again, whatever stood there.
		if err := errors.Join(s.append([]bus.Event{spooled(9)}), s.sync(), s.close()); err != nil {
			t.Fatal(err)
		}
		s, left, damaged, err = openSpool(dir, "a")
		if err != nil || damaged != 0 || len(left) != len(c.want)+1 || left[len(left)-1].Number != 9 {
			t.Errorf("%s: then %d events, %d damaged, %v", what, len(left), damaged, err)
		}
		if err := errors.Join(s.clear(), s.close()); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, spoolFile)); err != nil || info.Size() != 0 {
			t.Errorf("%s: cleared, %v %v", what, info, err)
		}
	}
}

func FuzzSpool(f *testing.F) {
	f.Add(slices.Concat(encodeSpoolLine(spooled(1)), encodeSpoolLine(spooled(2))))
	f.Add(encodeSpoolLine(spooled(1))[:20])
	f.Add([]byte("00000000 {}\n\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		left, _, err := readSpool(bytes.NewReader(text), "a")
		if err != nil {
			t.Fatal(err)
		}
		var again []byte
		for _, e := range left {
			if err := e.Check(); err != nil {
				t.Fatal(err)
			}
			again = append(again, encodeSpoolLine(e)...)
		}
		same, damaged, err := readSpool(bytes.NewReader(again), "a")
		if err != nil || damaged != 0 || !cmp.Equal(left, same) {
			t.Errorf("%+v became %+v, %d damaged, %v", left, same, damaged, err)
		}
	})
}

// pairLog plays the pair's log as the updater keeps it: each event once. It can be out of reach.
type pairLog struct {
	mu     sync.Mutex
	away   error
	events []bus.Event
	calls  int
}

func (l *pairLog) Record(_ context.Context, batch []bus.Event) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.away != nil {
		return 0, l.away
	}
	for _, e := range batch {
		if !slices.ContainsFunc(l.events, func(h bus.Event) bool { return h.Incarnation == e.Incarnation && h.Number == e.Number }) {
			l.events = append(l.events, e)
		}
	}
	return uint64(len(l.events)), nil
}

func (l *pairLog) reach(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = err
}

func (l *pairLog) texts() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		all = append(all, e.Text)
	}
	return all
}

// recording runs the recorder of one main until stop is called.
func recording(t *testing.T, dir string, incarnation uint64, l *pairLog) (e *Memory, r *Recorder, stop func()) {
	t.Helper()
	e = NewMemory("a", incarnation)
	r = NewRecorder(e, dir, l, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return e, r, func() {
		cancel()
		<-done
		if err := r.Unsaved(); err != nil {
			t.Errorf("events are not kept on disk: %v", err)
		}
	}
}

// TestRecorder_NothingIsLostBetweenMains: what one main could not hand on, the next one does, in order, before its own;
// what is in the log leaves the spool.
func TestRecorder_NothingIsLostBetweenMains(t *testing.T) {
	dir, l := t.TempDir(), &pairLog{away: ErrNobodyRecords}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, spoolFile))
		if err != nil {
			return -1
		}
		return info.Size()
	}
	e, _, stop := recording(t, dir, 1, l)
	for n := range 3 {
		e.Note(bus.Event{Kind: bus.EventRole, Text: fmt.Sprint("first ", n)})
	}
	processtest.Await(t, "the spool has them", func() bool { return size() > 300 })
	// Killed: nothing more is written. What it wrote is all there is.
	text, err := os.ReadFile(filepath.Join(dir, spoolFile))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, spoolFile), append(text, "0badbad0 {\"cut"...), 0o600); err != nil {
		t.Fatal(err)
	}
	e, r, stop := recording(t, dir, 2, l)
	e.Note(bus.Event{Kind: bus.EventRole, Text: "second 0"})
	processtest.Await(t, "asked", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.calls > 1 })
	l.reach(nil)
	r.Wake()
	want := []string{"first 0", "first 1", "first 2", "second 0"}
	processtest.Await(t, "all are in the log", func() bool { return slices.Equal(l.texts(), want) })
	processtest.Await(t, "the spool is empty", func() bool { return size() == 0 })
	l.reach(errors.New("the link is cut"))
	e.Note(bus.Event{Kind: bus.EventRole, Text: "second 1"})
	processtest.Await(t, "it is in the spool", func() bool { return size() > 0 })
	l.reach(nil)
	processtest.Await(t, "it is tried again by itself", func() bool { return slices.Equal(l.texts(), append(want, "second 1")) })
	stop()
}

// TestRecorder_MarksWhatIsLate: late is what could not be handed on soon.
func TestRecorder_MarksWhatIsLate(t *testing.T) {
	l := &pairLog{away: ErrNobodyRecords}
	e, r, stop := recording(t, t.TempDir(), 1, l)
	defer stop()
	old := spooled(1)
	old.Time = time.Now().Add(-time.Hour)
	e.inherit([]bus.Event{old})
	e.Note(bus.Event{Kind: bus.EventRole, Text: "now"})
	l.reach(nil)
	r.Wake()
	processtest.Await(t, "both are in the log", func() bool { return len(l.texts()) == 2 })
	if l.events[0].Late != true || l.events[1].Late {
		t.Errorf("%+v", l.events)
	}
}

// TestEvents_KnownIsEachOnce: what main remembers has no event twice and none missing, whether it waits, was handed on, or
// was read back from the log.
func TestEvents_KnownIsEachOnce(t *testing.T) {
	e := NewMemory("a", 3)
	for n := range 4 {
		e.Note(bus.Event{Kind: bus.EventRole, Text: fmt.Sprint(n)})
	}
	texts := func() (all string) {
		for _, k := range e.known() {
			all += k.Text
		}
		return all
	}
	check := func(what, want string) {
		t.Helper()
		if got := texts(); got != want {
			t.Errorf("%s: %q, not %q", what, got, want)
		}
	}
	check("waiting", "0123")
	e.handedOn(2, 12)
	check("handed on", "0123")
	all := e.known()
	for i := range all {
		all[i].ID = uint64(11 + i)
	}
	e.read([]bus.Event{{ID: 10, Host: "b", Incarnation: 9, Number: 1, Text: "b"}, all[0]}, nil, true)
	check("one is read", "b0123")
	e.read(all[1:3], nil, false) // the third before it is known to have arrived
	check("three are read", "b0123")
	e.handedOn(4, 14)
	e.read(all[3:], nil, false)
	check("all are read", "b0123")
	if list, none := e.after(0); len(list) != 0 || !none || len(e.handed) != 0 {
		t.Errorf("still waiting: %+v %+v", list, e.handed)
	}
	if list, ok := e.from(12); !ok || len(list) != 3 || list[0].Text != "1" {
		t.Errorf("from 12: %+v", list)
	}
	if _, ok := e.from(9); ok {
		t.Error("reaches back further than it remembers")
	}
}
