package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/queue/lanes"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// pair answers what it is asked, as a pair does: once for each number, and the same again.
type pair struct {
	mu       sync.Mutex
	base     uint64
	floor    uint64
	recorded map[uint64]bus.Reply
	done     []string // bodies of what took effect, in order
	asked    []bus.Request
	judge    func(q bus.Request) (reply bus.Reply, silent bool, err error) // may be nil; decides before it takes effect
	lost     func(q bus.Request) bool                                      // may be nil; after it took effect
}

func newPair(base uint64) *pair { return &pair{base: base, recorded: map[uint64]bus.Reply{}} }

// session is a host of it.
type session struct {
	*pair
	_ int // so that two are not the same
}

func (p *pair) session() *session { return &session{pair: p} }

// Go implements Session.
func (s *session) Go(q bus.Request, done func(bus.Reply, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if s.judge != nil {
		if reply, silent, err := s.judge(q); silent {
			return
		} else if err != nil || reply.Code != 0 {
			go done(reply, err)
			return
		}
	}
	reply, known := s.recorded[q.ID.Counter]
	switch {
	case known:
	case q.ID.Counter < s.floor:
		reply = bus.Reply{Code: bus.CodeTooOld, Message: "forgotten"}
	default:
		s.done = append(s.done, string(q.Body))
		reply = bus.Reply{Body: []byte(`{"n":1}`), Position: position.Position{Epoch: 1, Sequence: uint64(len(s.done))}}
		s.recorded[q.ID.Counter] = reply
		for n := range s.recorded {
			if n < q.Oldest {
				delete(s.recorded, n)
			}
		}
		s.floor = max(s.floor, q.Oldest)
	}
	if s.lost != nil && s.lost(q) {
		return
	}
	go done(reply, nil)
}

func (p *pair) did() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.done)
}

// running is a queue that runs until the test ends, or until stop.
type running struct {
	*Queue
	t    testing.TB
	stop func()

	mu   sync.Mutex
	told []Told
}

func run(t testing.TB, dir string, b Bounds) *running {
	t.Helper()
	s, err := Open(dir, "t1", 0, free, b)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t}
	r.Queue = New(Config{Store: s, Within: time.Second, Told: func(told Told) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, told)
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := errors.Join(<-ended, s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) put(q Request) Queued {
	r.t.Helper()
	became := make(chan Queued, 1)
	r.Put(q, func(b Queued) { became <- b })
	select {
	case b := <-became:
		return b
	case <-time.After(10 * time.Second):
		r.t.Fatal("nobody says what became of it")
		return Queued{}
	}
}

func (r *running) queue(n int, lane string) (ids []string) {
	r.t.Helper()
	for i := range n {
		b := r.put(Request{Lane: lane, Service: "till", Operation: "sell", Body: fmt.Appendf(nil, `"%s%d"`, lane, i)})
		if b.Err != nil {
			r.t.Fatal(b.Err)
		}
		ids = append(ids, b.ID)
	}
	return ids
}

func (r *running) awaitIdle() {
	r.t.Helper()
	processtest.Await(r.t, "all to be done", func() bool { return r.Count().Waiting == 0 })
}

func (r *running) state(id string) string {
	told, err := r.Get(id, "")
	if err != nil {
		r.t.Error(err)
	}
	return told.State
}

// What is queued while nobody is there is done when somebody comes, in order, once, and told.
func TestQueue_WaitsForAHost(t *testing.T) {
	dir := t.TempDir()
	r := run(t, dir, Bounds{})
	ids := r.queue(20, "a")
	if c := r.Count(); c.Waiting != 20 {
		t.Errorf("%+v", c)
	}
	r.stop()
	r = run(t, dir, Bounds{}) // the agent was restarted
	p := newPair(1000)
	r.Attach(p.session(), "p", p.base)
	r.awaitIdle()
	did := p.did()
	if len(did) != 20 || !slices.IsSortedFunc(did, func(a, b string) int { return len(a) - len(b) }) || did[0] != `"a0"` || did[19] != `"a19"` {
		t.Errorf("done %v", did)
	}
	for i, q := range p.asked {
		if n := uint64(1001 + i); !q.Queued || q.ID.Counter != n || q.Oldest != n || q.Attempt != 2 || q.ID.App != "" || q.Remaining <= 0 {
			t.Errorf("asked %+v", q)
		}
	}
	processtest.Await(t, "all to be told", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.told) == 20 })
	for i, id := range ids {
		if told, err := r.Get(id, ""); err != nil || told.State != "done" || string(told.Body) != `{"n":1}` || r.told[i].ID != id {
			t.Errorf("%+v, %v", told, err)
		}
	}
	// Another directory's numbers are not mixed up with these: the first base stays.
	r.Attach(p.session(), "p", 77)
	r.queue(1, "a")
	r.awaitIdle()
	if q := p.asked[20]; q.ID.Counter != 1021 || q.Attempt != 1 {
		t.Errorf("asked %+v", q)
	}
}

// What can't be done now is tried again, and keeps its lane; other lanes go on.
func TestQueue_TriesAgain(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	p := newPair(10)
	var mu sync.Mutex
	left := map[string]int{`"a0"`: 6}
	codes := []int{bus.CodeNobody, bus.CodeAbsent, bus.CodeOverloaded, bus.CodeUnknown, 0, bus.CodeOverloaded}
	p.judge = func(q bus.Request) (bus.Reply, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		n := left[string(q.Body)]
		if n == 0 {
			return bus.Reply{}, false, nil
		}
		left[string(q.Body)]--
		if code := codes[n-1]; code != 0 {
			return bus.Reply{Code: code}, false, nil
		}
		return bus.Reply{}, false, bus.ErrDisconnected
	}
	r.queue(2, "a")
	r.queue(3, "b")
	r.Attach(p.session(), "p", p.base)
	r.awaitIdle()
	did := p.did()
	if len(did) != 5 || slices.Index(did, `"a0"`) > slices.Index(did, `"a1"`) {
		t.Errorf("done %v", did)
	}
	var attempts []int
	for _, q := range p.asked {
		if string(q.Body) == `"a0"` {
			attempts = append(attempts, q.Attempt)
		}
	}
	// It may have been executed after the lost connection and after the time that ran out, and from then on it says so.
	if !slices.Equal(attempts, []int{1, 1, 2, 3, 4, 5, 6}) {
		t.Errorf("attempts %v", attempts)
	}
	if c := r.Count(); c.Done != 5 || c.Unsure != 0 {
		t.Errorf("%+v", c)
	}
}

// Who asks about a request that stays queued is told what it waits for, for as long as it does.
func TestQueue_SaysWhatItWaitsFor(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	p := newPair(10)
	var there atomic.Bool
	p.judge = func(bus.Request) (bus.Reply, bool, error) {
		if there.Load() {
			return bus.Reply{}, false, nil
		}
		return bus.Reply{Code: bus.CodeAbsent, Message: "no service till"}, false, nil
	}
	ids := r.queue(2, "a")
	refused := func(id string) *Refused {
		told, err := r.Get(id, "")
		if err != nil {
			t.Error(err)
		}
		return told.Refused
	}
	if was := refused(ids[0]); was != nil {
		t.Errorf("refused by nobody: %+v", was)
	}
	r.Attach(p.session(), "p", p.base)
	processtest.Await(t, "the first to be refused", func() bool { return refused(ids[0]) != nil })
	if was := refused(ids[0]); was.Code != bus.CodeAbsent || was.Error != "no service till" || was.At.IsZero() {
		t.Errorf("%+v", was)
	}
	if was := refused(ids[1]); was != nil {
		t.Errorf("it was not asked yet: %+v", was)
	}
	there.Store(true)
	r.awaitIdle()
	if was := refused(ids[0]); was != nil || r.state(ids[0]) != "done" {
		t.Errorf("%+v", was)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Queue.mu.Lock()
	defer r.Queue.mu.Unlock()
	if n := len(r.refused); n != 0 {
		t.Errorf("%d are kept of what is done", n)
	}
}

// What is refused for good, and what nobody knows, is told, and keeps nobody.
func TestQueue_TellsWhatIsFinal(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	p := newPair(10)
	answers := map[string]bus.Reply{
		`"a0"`: {Code: 409, Message: "sold"}, `"a1"`: {Code: 500, Message: "fault"}, `"a2"`: {Code: 410, Message: "old"}, `"a3"`: {Code: 1001, Message: "own"},
		`"a4"`: {Code: 404, Message: "written down", Position: position.Position{Epoch: 1, Sequence: 7}},
	}
	p.judge = func(q bus.Request) (bus.Reply, bool, error) { return answers[string(q.Body)], false, nil }
	ids := r.queue(6, "a")
	r.Attach(p.session(), "p", p.base)
	r.awaitIdle()
	for i, want := range []string{"done", "unknown", "unknown", "done", "done", "done"} {
		told, err := r.Get(ids[i], "")
		if err != nil || told.State != want || told.Code != answers[fmt.Sprintf(`"a%d"`, i)].Code || told.Error != answers[fmt.Sprintf(`"a%d"`, i)].Message {
			t.Errorf("%d: %+v, %v", i, told, err)
		}
	}
	forgotten := make(chan error, 1)
	r.Forget(ids[1], func(err error) { forgotten <- err })
	if err := <-forgotten; err != nil {
		t.Error(err)
	}
	if _, err := r.Get(ids[1], ""); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v", err)
	}
}

// The answer is lost, the session is, the agent is killed: each takes effect once, and in its order.
func TestQueue_OnceThroughEverything(t *testing.T) {
	dir := t.TempDir()
	p := newPair(1 << 20)
	asked, lost := 0, 0
	p.lost = func(bus.Request) bool {
		if asked++; asked%3 > 0 {
			return false
		}
		lost++
		return true
	}
	r := run(t, dir, Bounds{})
	const each, lanes = 20, 3
	for i := range lanes {
		r.queue(each, fmt.Sprint("l", i, "-"))
	}
	for round := 0; r.Count().Waiting > 0; round++ {
		r.Attach(p.session(), "p", p.base)
		p.mu.Lock()
		before := lost
		p.mu.Unlock()
		processtest.Await(t, "another answer to be lost", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return lost > before || r.Count().Waiting == 0
		})
		if round%4 == 3 {
			r.stop()
			r = run(t, dir, Bounds{})
		}
	}
	did := p.did()
	if len(did) != each*lanes {
		t.Errorf("%d took effect", len(did))
	}
	next := map[byte]int{}
	for _, body := range did {
		if want := fmt.Sprintf(`"l%c-%d"`, body[2], next[body[2]]); body != want {
			t.Errorf("%s took effect, and %s was the next", body, want)
		}
		next[body[2]]++
	}
	if c := r.Count(); c.Done != each*lanes || c.Unsure != 0 {
		t.Errorf("%+v", c)
	}
}

// Who is not queued and names a lane waits for what stands there, and is waited for.
func TestQueue_GuestsHaveTheirTurn(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	alone, first := r.Behind("a", func() { t.Error("it was told twice") })
	if !first {
		t.Error("nothing stands there")
	}
	p := newPair(10)
	r.Attach(p.session(), "p", p.base)
	ids := r.queue(2, "a")
	turn := make(chan struct{})
	leave, first := r.Behind("a", func() { close(turn) })
	if first {
		t.Error("two stand there")
	}
	after := r.queue(1, "a")
	if r.state(ids[0]) != "queued" {
		t.Error("it did not wait for the one before it")
	}
	alone()
	<-turn
	if r.state(ids[0]) != "done" || r.state(ids[1]) != "done" || r.state(after[0]) != "queued" {
		t.Error("the lane is out of order")
	}
	leave()
	r.awaitIdle()
}

// A terminal that was moved to another pair does not have done there what it may have had done before.
func TestQueue_AnotherPair(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	p, other := newPair(10), newPair(99)
	p.judge = func(q bus.Request) (bus.Reply, bool, error) { return bus.Reply{}, true, nil }
	r.Attach(p.session(), "p", p.base)
	ids := r.queue(2, "a")
	processtest.Await(t, "one to be on its way", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.asked) == 1 })
	r.Attach(other.session(), "q", other.base)
	r.awaitIdle()
	if r.state(ids[0]) != "unknown" || r.state(ids[1]) != "unknown" || len(other.did()) != 0 {
		t.Errorf("%d took effect at the other pair", len(other.did()))
	}
	r.queue(1, "a")
	r.awaitIdle()
	if did := other.did(); len(did) != 1 || other.asked[0].ID.Counter != 99+3 {
		t.Errorf("%v, %+v", did, other.asked)
	}
}

// What is queued after the terminal moved to another pair is for that one, also when nothing waited at the move.
func TestQueue_AnotherPairWhenNothingWaits(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	p, other := newPair(10), newPair(99)
	r.Attach(p.session(), "p", p.base)
	r.queue(1, "a")
	r.awaitIdle()
	r.Attach(other.session(), "q", other.base)
	processtest.Await(t, "the other pair's numbers", func() bool { pair, _ := r.store.Series(); return pair == "q" })
	ids := r.queue(1, "a")
	r.awaitIdle()
	if state := r.state(ids[0]); state != "done" || len(other.did()) != 1 {
		t.Errorf("%s, %d done at the other pair", state, len(other.did()))
	}
}

// What an answer means to a queue, and what the pair writes down of it, are one rule; so is how many numbers the pair keeps the answers of.
func TestJudge_AsThePairKeeps(t *testing.T) {
	for code := range 1000 {
		if again := lanes.Judge(code, false) == lanes.Again; again != bus.IsAgain(code) {
			t.Errorf("%d is sent again: %t, and is not written down: %t", code, again, !again)
		}
	}
	if lanes.Window != history.AnswerWindow {
		t.Errorf("a window of %d, and the pair keeps %d", lanes.Window, history.AnswerWindow)
	}
}

// A host that has not said where numbers begin is sent nothing.
func TestQueue_NeedsABase(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{})
	p := newPair(10)
	s := p.session()
	r.Attach(s, "p", 0)
	r.queue(1, "a")
	r.Detach(p.session()) // another one
	r.Detach(s)
	if len(p.asked) != 0 || r.Count().Waiting != 1 {
		t.Errorf("asked %+v", p.asked)
	}
	r.Attach(p.session(), "p", p.base)
	r.awaitIdle()
}

// When it has ended nothing is taken, and nobody is left without an answer.
func TestQueue_Ends(t *testing.T) {
	r := run(t, t.TempDir(), Bounds{Entries: 1})
	r.queue(1, "a")
	if b := r.put(Request{Service: "a", Operation: "b"}); !errors.Is(b.Err, ErrFull) {
		t.Errorf("%+v", b)
	}
	r.stop()
	if b := r.put(Request{Service: "a", Operation: "b"}); !errors.Is(b.Err, ErrClosed) {
		t.Errorf("%+v", b)
	}
	r.Forget("x", func(err error) {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}
