package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/operator/wording"
)

const (
	// mostEntries and mostBytes bound the waiting entries. Beyond them the newest is lost: the first ones show the
	// cause.
	mostEntries = 4096
	mostBytes   = 4 << 20
	// again is the pause before a failed write is retried.
	again = time.Second
	// closeWithin is how long the end of main waits for the last entries.
	closeWithin = time.Second
)

// Kinds of entries that are not events of the pair: entries caused by strangers are not replicated.
const (
	KindRefused = "refused" // a caller was refused before anything was done
	KindTrail   = "trail"   // about the trail itself: entries are missing here
)

// Config configures a Trail.
type Config struct {
	To          string // as HOTPAIR_AUDIT_TRAIL says; "" is nowhere
	Host        string // this one
	Incarnation uint64 // of its main
	Log         *slog.Logger
}

// Standing is the state of an audit trail, since its main started. The JSON names are stable.
type Standing struct {
	To      string    `json:"to"`
	Written uint64    `json:"written"` // entries
	Waiting int       `json:"waiting"` // to be written
	Lost    uint64    `json:"lost"`    // entries for which there was no room
	LostAt  time.Time `json:"lost_at,omitzero"`
	Problem string    `json:"problem,omitempty"` // why the next entry can't be written
	Since   time.Time `json:"since,omitzero"`    // of the problem
}

// Sentence describes the state in one line.
func (s Standing) Sentence() string {
	text := fmt.Sprintf("%s: %s written", s.To, wording.Count(s.Written, "line"))
	if s.Problem != "" {
		text = fmt.Sprintf("%s: can't be written since %s (%s), %s waiting", s.To, s.Since.UTC().Format(time.RFC3339), wording.Printable(s.Problem), wording.Count(uint64(s.Waiting), "line"))
	}
	if s.Lost > 0 {
		text += fmt.Sprintf(", %s lost, the last one at %s", wording.Grouped(s.Lost), s.LostAt.UTC().Format(time.RFC3339))
	}
	return text
}

// item is an entry that waits to be written.
type item struct {
	event bus.Event
	size  int
	lost  uint64 // not 0: it stands for that many entries that were lost here
}

// Trail is the audit trail of one main. Its methods may be called concurrently. A nil Trail writes nothing.
type Trail struct {
	config Config
	sink   sink // nil: nowhere
	some   chan struct{}
	ending chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	waiting []item
	bytes   int
	folds   [2]events.Folds // of refusals: of strangers, and of known callers
	state   Standing
	closed  bool
	started bool
}

// New makes a trail. Nothing is opened before Start.
func New(c Config) *Trail {
	return &Trail{config: c, sink: sinkOf(c.To), some: make(chan struct{}, 1), ending: make(chan struct{}), done: make(chan struct{}), state: Standing{To: c.To}}
}

// Start starts the writing goroutine.
func (t *Trail) Start() {
	if !t.is() {
		return
	}
	t.mu.Lock()
	t.started = true
	t.mu.Unlock()
	go t.run()
}

// is reports whether a destination is configured.
func (t *Trail) is() bool { return t != nil && t.sink != nil }

// State returns the state of the trail; nil when there is none.
func (t *Trail) State() *Standing {
	if !t.is() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.state
	s.Waiting = len(t.waiting)
	return &s
}

// Write queues an event. It implements events.Trail, and never waits.
func (t *Trail) Write(e bus.Event) {
	if !t.is() {
		return
	}
	t.mu.Lock()
	t.add(e)
	t.mu.Unlock()
	t.wake()
}

// Refusal is a call that was refused before anything was done.
type Refusal struct {
	What string // an operation, a page
	Name string // of the caller, if proved
	Role string
	From string // address, with or without port
	Why  string
}

// Refused queues a refusal. Repetitions are written a few times in full, then one for many. It never waits.
func (t *Trail) Refused(r Refusal) {
	if !t.is() {
		return
	}
	e := bus.Event{Time: time.Now(), Host: t.config.Host, Incarnation: t.config.Incarnation, Kind: KindRefused,
		Details: events.Act{What: r.What, Name: r.Name, Role: r.Role, From: r.From}.Details()}
	e.Text = fmt.Sprintf("%s refused for %s from %s: %s", wording.Fit(r.What, 100), wording.Or(wording.Fit(r.Name, 80), "somebody"), machine(r.From), wording.Fit(r.Why, 300))
	e.Cut()
	of := 0
	if r.Name != "" {
		of = 1 // a flood of strangers must not hide the attempts of an operator
	}
	t.mu.Lock()
	if t.folds[of].Take(e) {
		t.add(e)
	}
	t.mu.Unlock()
	t.wake() // also to release withheld refusals in time
}

// add queues an event, or counts it as lost. The lock is held.
func (t *Trail) add(e bus.Event) {
	size := sizeOf(e)
	if t.closed || len(t.waiting) >= mostEntries || t.bytes+size > mostBytes {
		t.lose(e.Time)
		return
	}
	t.waiting = append(t.waiting, item{event: e, size: size})
	t.bytes += size
}

// lose counts an entry that is lost after those that wait. The lock is held.
func (t *Trail) lose(at time.Time) {
	t.state.Lost++
	t.state.LostAt = at
	if n := len(t.waiting); n > 0 && t.waiting[n-1].lost > 0 {
		t.waiting[n-1].lost++
		return
	}
	t.waiting = append(t.waiting, item{event: bus.Event{Time: at, Host: t.config.Host, Incarnation: t.config.Incarnation, Kind: KindTrail}, lost: 1})
}

// sizeOf estimates the memory of a waiting event.
func sizeOf(e bus.Event) int {
	size := 300 + len(e.Text)
	for name, value := range e.Details {
		size += len(name) + len(value)
	}
	if e.Alarm != nil {
		size += len(e.Alarm.Text) + len(e.Alarm.Remedy)
	}
	return size
}

func (t *Trail) wake() {
	select {
	case t.some <- struct{}{}:
	default:
	}
}

// Close accepts no more entries, and waits up to closeWithin for the waiting ones.
func (t *Trail) Close() {
	if !t.is() {
		return
	}
	t.mu.Lock()
	idle := !t.started || t.closed
	if !idle {
		t.unfold(true)
		t.closed = true
	}
	t.mu.Unlock()
	if idle {
		return
	}
	close(t.ending)
	patience := time.NewTimer(closeWithin)
	defer patience.Stop()
	select {
	case <-t.done:
	case <-patience.C:
	}
	if s := t.State(); s.Waiting > 0 {
		t.config.Log.Warn("the last entries of the audit trail could not be written", "to", s.To, "entries", s.Waiting, "error", s.Problem)
	}
}

// unfold adds the entries that stand for withheld refusals whose time has come; all: now. wait is until the next; 0 is
// never. The lock is held.
func (t *Trail) unfold(all bool) (wait time.Duration) {
	for i := range t.folds {
		list, next := t.folds[i].Due(time.Now(), all)
		for _, e := range list {
			t.add(e)
		}
		if wait == 0 || next > 0 && next < wait {
			wait = next
		}
	}
	return wait
}

// next returns the next entry to write; nil when there is none, with the time until there may be one: 0 is until a
// wake-up.
func (t *Trail) next() (next *item, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait = t.unfold(false)
	if len(t.waiting) == 0 {
		return nil, wait
	}
	first := t.waiting[0]
	return &first, 0
}

// wrote removes the first waiting entry. Entries lost meanwhile in its place are still reported.
func (t *Trail) wrote(i *item, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := &t.waiting[0]
	t.bytes -= i.size
	switch {
	case first.lost > i.lost:
		first.lost -= i.lost
	default:
		t.waiting[0] = item{}
		t.waiting = t.waiting[1:]
	}
	if err != nil {
		t.state.Lost++
		t.state.LostAt = time.Now()
		return
	}
	t.state.Written++
	t.state.Problem, t.state.Since = "", time.Time{}
}

// failed notes why the next entry can't be written.
func (t *Trail) failed(err error) {
	t.mu.Lock()
	fresh := t.state.Problem == ""
	if fresh {
		t.state.Since = time.Now()
	}
	t.state.Problem = err.Error()
	t.mu.Unlock()
	if fresh {
		t.config.Log.Warn("the audit trail can't be written; entries wait, and are lost when the queue is full", "to", t.config.To, "error", err)
	}
}

// run writes until Close.
func (t *Trail) run() {
	defer close(t.done)
	defer t.sink.close()
	for {
		next, wait := t.next()
		if next != nil {
			if !t.put(next) {
				return
			}
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-t.some:
		case <-due:
		case <-t.ending:
			if next, _ := t.next(); next == nil {
				return
			}
		}
	}
}

// put writes one entry, with retries; false: main ends before it is written.
func (t *Trail) put(i *item) bool {
	e := i.event
	if i.lost > 0 {
		e.Text = fmt.Sprintf("%d entries of the audit trail of host %s are missing here: they could not be written for too long", i.lost, e.Host)
		e.Details = map[string]string{"lost": strconv.FormatUint(i.lost, 10)}
	}
	line := encode(e)
	for {
		err := t.sink.write(line)
		if err == nil || errors.Is(err, errTooLong) {
			t.wrote(i, err)
			return true
		}
		t.failed(err)
		select {
		case <-t.ending:
			return false
		case <-time.After(again):
		}
	}
}

// encode returns an entry as a line. It is safe for a terminal: people look at it with cat.
func encode(e bus.Event) []byte {
	e.ID, e.Late = 0, false // fields of the pair's log
	e.Time = e.Time.UTC()
	e.Text = wording.Printable(e.Text)
	e.Details = maps.Clone(e.Details)
	for name, value := range e.Details {
		e.Details[name] = wording.Printable(value)
	}
	if e.Alarm != nil {
		a := *e.Alarm
		a.Text, a.Remedy = wording.Printable(a.Text), wording.Printable(a.Remedy)
		e.Alarm = &a
	}
	var line bytes.Buffer
	to := json.NewEncoder(&line)
	to.SetEscapeHTML(false)
	_ = to.Encode(e) // can't fail for this struct
	return line.Bytes()
}
