package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// readLog plays the pair's log as this host's updater has it, in pages of two. It can be down.
type readLog struct {
	mu   sync.Mutex
	down error
	log  []bus.Event
}

func (l *readLog) Events(_ context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	page := bus.EventsPage{First: 1, Last: uint64(len(l.log))}
	if l.down != nil {
		return page, l.down
	}
	from := max(q.From, 1)
	page.Next = from
	for ; page.Next <= page.Last && len(page.Events) < 2; page.Next++ {
		page.Events = append(page.Events, l.log[page.Next-1])
	}
	return page, nil
}

// is makes the log hold these events of a history and no others.
func (l *readLog) is(down error, incarnation uint64, texts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down, l.log = down, nil
	for i, text := range texts {
		l.log = append(l.log, bus.Event{ID: uint64(i + 1), Host: "b", Incarnation: incarnation, Number: uint64(i + 1), Kind: bus.EventRole, Text: text})
	}
}

// heard keeps the texts of what is new.
type heard struct {
	mu  sync.Mutex
	all string
}

func (h *heard) Heard(events []bus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		h.all += e.Text
	}
}

func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// reading runs a reader until the test ends.
func reading(t *testing.T, l Log, listeners ...Listener) (*Memory, *Reader) {
	t.Helper()
	m := NewMemory("a", 1)
	r := NewReader(m, l, listeners...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return m, r
}

func texts(events []bus.Event) (all string) {
	for _, e := range events {
		all += e.Text
	}
	return all
}

// TestReader_ReadsOnAndAnew: it reads on from the last event that it has; if that is another, this host has got another history.
func TestReader_ReadsOnAndAnew(t *testing.T) {
	l, h := &readLog{}, &heard{}
	l.is(nil, 1, "1", "2", "3")
	m, r := reading(t, l, h)
	for _, c := range []struct {
		what         string
		do           func()
		knows, heard string
	}{
		{"the end of the log", func() {}, "123", "123"},
		{"nothing is new", func() {}, "123", "123"},
		{"two more", func() { l.is(nil, 1, "1", "2", "3", "4", "5") }, "12345", "12345"},
		{"it is down, then has more", func() { l.is(errors.New("down"), 1, "1"); r.Wake(); l.is(nil, 1, "1", "2", "3", "4", "5", "6") }, "123456", "123456"},
		{"another history", func() { l.is(nil, 9, "x", "y") }, "xy", "123456xy"},
	} {
		c.do()
		r.Wake()
		processtest.Await(t, c.what, func() bool { return texts(m.Last(10)) == c.knows && h.text() == c.heard })
	}
}

// TestReader_AnswersFromMemory: while the updater is down, a page is what main remembers, and says so.
func TestReader_AnswersFromMemory(t *testing.T) {
	l := &readLog{}
	l.is(nil, 1, "1", "2")
	m, r := reading(t, l)
	r.Wake()
	processtest.Await(t, "it is read", func() bool { return len(m.Last(10)) == 2 })
	m.Note(bus.Event{Kind: bus.EventPair, Text: "own"})
	if page, err := r.Events(t.Context(), bus.EventsRequest{}); err != nil || page.Note != "" || texts(page.Events) != "12" {
		t.Errorf("of the log: %+v, %v", page, err)
	}
	l.is(errors.New("it is down"), 1)
	page, err := r.Events(t.Context(), bus.EventsRequest{Limit: 2})
	if err != nil || texts(page.Events) != "2own" || page.First != 1 || page.Last != 2 || page.Next != 3 || !strings.Contains(page.Note, "of a does not answer (it is down)") {
		t.Errorf("of the memory: %+v, %v", page, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := r.Events(ended, bus.EventsRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

// TestReader_Follow: who follows gets each event once and in order, also those from before what is remembered, and ends when
// it wants to.
func TestReader_Follow(t *testing.T) {
	l := &readLog{}
	var want []string
	for n := range keptEvents + 10 {
		want = append(want, fmt.Sprint(n, " "))
	}
	l.is(nil, 1, want...)
	m, r := reading(t, l)
	r.Wake()
	processtest.Await(t, "it is read", func() bool { return texts(m.Last(1)) == want[len(want)-1] })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	now := r.Follow(ctx, 0)
	var got []string
	for e := range r.Follow(ctx, 1) {
		if got = append(got, e.Text); len(got) == len(want) {
			break
		}
	}
	if strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("followed %v", got)
	}
	l.is(nil, 1, append(want, "new")...)
	r.Wake()
	for e := range now {
		if e.Text != "new" {
			t.Errorf("from now on: %q", e.Text)
		}
		break
	}
	cancel()
	for e := range r.Follow(ctx, 0) {
		t.Errorf("ended, and yet %q", e.Text)
	}
}
