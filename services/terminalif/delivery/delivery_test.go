package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/storage/position"
)

// pair is an updater with streams in memory, in epoch 1.
type pair struct {
	mu       sync.Mutex
	sequence uint64
	streams  map[string][]said // "" is the common one
	trimmed  map[string]int
	version  uint64
	changed  chan struct{}
	listed   []string
	had      map[string][2]notices.Number
	fails    func() bool // a question
	spoiled  string      // stream of which nothing after the first notice can be read
}

type said struct {
	number notices.Number
	topic  string
}

func newPair() *pair {
	return &pair{sequence: 1, spoiled: "none", streams: map[string][]said{}, trimmed: map[string]int{}, changed: make(chan struct{}), had: map[string][2]notices.Number{}, fails: func() bool { return false }}
}

var errFails = errors.New("it fails")

func (p *pair) tell(ids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sequence++
	for i, id := range ids {
		n := notices.Number{Epoch: 1, Sequence: p.sequence, Index: uint32(i)}
		p.streams[id] = append(p.streams[id], said{n, fmt.Sprintf("%d.%d", p.sequence, i)})
	}
	p.version++
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pair) Watch(ctx context.Context, q Watch) (Changed, error) {
	patience := time.After(q.Wait)
	for {
		p.mu.Lock()
		version, changed := p.version, p.changed
		p.mu.Unlock()
		if version != q.Seen {
			return Changed{Version: version, All: true}, nil
		}
		select {
		case <-changed:
		case <-patience:
			return Changed{Version: version}, nil
		case <-ctx.Done():
			return Changed{}, ctx.Err()
		}
	}
}

func (p *pair) Begin(_ context.Context, q Begin) (b Begun, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails() {
		return b, errFails
	}
	b.History = notices.History{Pair: "p", Epoch: q.Epoch, Starts: []notices.Start{{Epoch: 1, Sequence: 1}}, End: position.Position{Epoch: 1, Sequence: p.sequence}}
	for _, id := range q.IDs {
		k := Known{Known: slices.Contains(p.listed, id), Had: p.had[id]}
		k.Begin[notices.Own].Number, k.Begin[notices.Common].Number = notices.Number{Epoch: 1, Sequence: 1}, notices.Number{Epoch: 1, Sequence: 1}
		b.Terminals = append(b.Terminals, k)
	}
	return b, nil
}

// page is at most three notices.
func (p *pair) page(id string, after notices.Number) (g Page) {
	all := p.streams[id]
	g.Total = uint64(len(all))
	if n := p.trimmed[id]; n > 0 {
		g.Trimmed = notices.Mark{Number: all[n-1].number, Count: uint64(n)}
	}
	for i, s := range all[p.trimmed[id]:] {
		if !s.number.After(after) {
			continue
		}
		if p.spoiled != "none" && p.spoiled == id && i+p.trimmed[id] > 0 {
			g.Unreadable = "it is cut short"
			break
		}
		if len(g.Kept) == 3 {
			g.More = true
			break
		}
		g.Kept = append(g.Kept, notices.Notice{Number: s.number, Count: uint64(p.trimmed[id] + i + 1), Size: 100})
		g.Contents = append(g.Contents, notice.Content{Service: "kv", Topic: s.topic})
	}
	return g
}

func (p *pair) Read(_ context.Context, q Read) (v View, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails() {
		return v, errFails
	}
	v.Common = p.page("", q.Common)
	for i, t := range q.Terminals {
		if i == 2 { // there is no room for more
			break
		}
		v.Own = append(v.Own, p.page(t.ID, t.Own))
	}
	return v, nil
}

func (p *pair) Had(_ context.Context, q Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range q.Had {
		p.had[h.ID] = h.Had
	}
	return nil
}

func (p *pair) Roster(_ context.Context, q Roster) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed = q.IDs
	return nil
}

// till is a terminal: what a real one stores, in memory.
type till struct {
	id string

	mu     sync.Mutex
	store  notices.Store
	topics []string
	gaps   int
	void   int
	fails  func() (before, after bool)
}

func (t *till) send(_ context.Context, b notice.Batch) (notice.Stored, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, after := t.fails()
	if before {
		return notice.Stored{}, errFails
	}
	was, topics, gaps := t.store, len(t.topics), t.gaps
	said, err := t.take(b)
	if err != nil { // all of it or nothing
		t.store, t.topics, t.gaps = was, t.topics[:topics], gaps
		c := t.store.Cursor
		said = notice.Stored{Why: err.Error(), Cursor: &c}
	}
	if after {
		return notice.Stored{}, errFails
	}
	return said, nil
}

func (t *till) take(b notice.Batch) (said notice.Stored, err error) {
	if b.Resume != nil {
		if _, stored, err := t.store.Resume(b.Epoch, *b.Resume); err != nil {
			return said, err
		} else if stored {
			t.void++
		}
	}
	for _, m := range b.Messages {
		_, stored, err := t.store.Take(b.Epoch, m.Message)
		switch {
		case err != nil:
			return said, err
		case stored && m.Gap != (notices.Gap{}):
			t.gaps++
		case stored:
			t.topics = append(t.topics, m.Content.Topic)
		}
		said.Serial = m.Serial
	}
	return said, nil
}

// told returns what it was told, missed how many gaps there were and how often something was void.
func (t *till) told() []string { t.mu.Lock(); defer t.mu.Unlock(); return slices.Clone(t.topics) }

func (t *till) missed() [2]int { t.mu.Lock(); defer t.mu.Unlock(); return [2]int{t.gaps, t.void} }

// attach has a delivery send to the till, until it is called.
func (t *till) attach(d *Delivery) (leave func()) {
	gone := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	d.Attach(t.id, t.store.Cursor, t.send, gone)
	return sync.OnceFunc(func() { close(gone) })
}

// begin runs a delivery in epoch 1 until the test ends.
func begin(t *testing.T, p *pair, right func() bool, ids ...string) (*Delivery, *atomic.Pointer[outbox.NoticeState]) {
	t.Helper()
	state := new(atomic.Pointer[outbox.NoticeState])
	state.Store(&outbox.NoticeState{})
	d := New(Config{Epoch: 1, Updater: p, Right: right, Roster: func() ([]string, uint64) { return ids, 0 },
		Tell: func(s outbox.NoticeState) { state.Store(&s) }, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return d, state
}

func always() bool { return true }

// wanted is what a terminal is to be told, in order.
func (p *pair) wanted(id string) (topics []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := append(slices.Clone(p.streams[id]), p.streams[""]...)
	slices.SortFunc(all, func(a, b said) int { return a.number.Compare(b.number) })
	for _, s := range all {
		topics = append(topics, s.topic)
	}
	return topics
}

// TestDelivery_EachOnceInOrderWhateverFails: batches that get lost before or after they are stored, sessions that break and questions
// that fail cost no notice and double none.
func TestDelivery_EachOnceInOrderWhateverFails(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			draw := func(n int) int { mu.Lock(); defer mu.Unlock(); return chance.IntN(n) }
			happens := func(percent int) bool { return draw(100) < percent }
			p := newPair()
			p.fails = func() bool { return happens(20) }
			ids := []string{"t1", "t2", "t3", "t4", "t5"}
			d, state := begin(t, p, func() bool { return !happens(10) }, ids...)
			tills := map[string]*till{}
			leave := map[string]func(){}
			for _, id := range ids {
				tills[id] = &till{id: id, fails: func() (bool, bool) { return happens(10), happens(10) }}
				leave[id] = tills[id].attach(d)
			}
			for range 60 {
				to := []string{ids[draw(5)], "", ids[draw(5)]}[draw(3):]
				p.tell(slices.Compact(to)...)
				if id := ids[draw(5)]; happens(10) {
					leave[id]()
					leave[id] = tills[id].attach(d)
				}
				time.Sleep(time.Duration(draw(200)) * time.Millisecond) // of the bubble
			}
			mu.Lock()
			chance = rand.New(always0{}) // nothing fails any more
			mu.Unlock()
			time.Sleep(3 * longestRest)
			for id, one := range tills {
				if diff := cmp.Diff(p.wanted(id), one.told()); diff != "" || one.missed() != [2]int{} {
					t.Errorf("seed %d, %s: %s", seed, id, diff)
				}
			}
			if s := *state.Load(); s.Terminals != 5 || s.Behind != 0 || s.Failing != 0 {
				t.Errorf("%+v", s)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.had) != 5 {
				t.Errorf("what %d terminals have is noted", len(p.had))
			}
		})
	}
}

// always0 draws what makes nothing happen.
type always0 struct{}

func (always0) Uint64() uint64 { return 1<<64 - 1 }

func TestDelivery_TellsOfGapsAndOfWhatIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		for range 5 {
			p.tell("t1", "")
		}
		p.trimmed["t1"], p.trimmed[""] = 2, 3
		d, state := begin(t, p, always, "t1", "t2")
		never := func() (bool, bool) { return false, false }
		one, other := &till{id: "t1", fails: never}, &till{id: "t2", fails: never}
		// The other one has what nobody knows any more.
		other.store.Cursor = notices.Cursor{Pair: "p", Last: notices.Number{Epoch: 1, Sequence: 3, Index: 7}, Starts: []notices.Start{{Epoch: 1, Sequence: 2}}}
		other.store.Cursor.Marks[notices.Own] = notices.Mark{Number: other.store.Cursor.Last, Count: 4}
		one.attach(d)
		other.attach(d)
		time.Sleep(time.Second)
		if want := []string{"4.0", "5.0", "5.1", "6.0", "6.1"}; !slices.Equal(one.told(), want) || one.missed() != [2]int{2, 0} {
			t.Errorf("%q, %d gaps, %d void", one.told(), one.missed()[0], one.missed()[1])
		}
		if want := []string{"5.1", "6.1"}; !slices.Equal(other.told(), want) || other.missed()[1] != 1 {
			t.Errorf("%q, %d gaps, %d void", other.told(), other.missed()[0], other.missed()[1])
		}
		if s := *state.Load(); s.Missed != 8 || s.MissedAt.IsZero() || s.Diverged != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestDelivery_OnlyWithTheRightToAnswer: what is committed waits until it may leave.
func TestDelivery_OnlyWithTheRightToAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		var right atomic.Bool
		d, _ := begin(t, p, right.Load, "t1")
		one := &till{id: "t1", fails: func() (bool, bool) { return false, false }}
		one.attach(d)
		p.tell("t1")
		time.Sleep(time.Minute)
		if len(one.told()) > 0 {
			t.Error("it was told without the right")
		}
		right.Store(true)
		time.Sleep(2 * askPause)
		if len(one.told()) != 1 {
			t.Errorf("with the right: %q", one.told())
		}
	})
}

// TestDelivery_ATerminalThatTakesNothingCostsItselfOnly: it is asked ever less often, and others have theirs at once.
func TestDelivery_ATerminalThatTakesNothingCostsItselfOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		d, state := begin(t, p, always, "dead", "t1")
		var tries atomic.Int64
		dead := &till{id: "dead", fails: func() (bool, bool) { tries.Add(1); return true, false }}
		one := &till{id: "t1", fails: func() (bool, bool) { return false, false }}
		dead.attach(d)
		one.attach(d)
		for range 10 {
			p.tell("", "dead")
			before := time.Now()
			time.Sleep(time.Millisecond)
			if got := len(one.told()); got != len(p.wanted("t1")) {
				t.Errorf("%d were told after %v", got, time.Since(before))
			}
		}
		time.Sleep(10 * time.Minute)
		if n := tries.Load(); n > 25 {
			t.Errorf("it was asked %d times in ten minutes", n)
		}
		if s := *state.Load(); s.Failing != 1 || s.Behind != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestDelivery_ATerminalThatIsNotKnownYetIsListed: the list of terminals is told again when one attaches that notices can't be for yet.
func TestDelivery_ATerminalThatIsNotKnownYetIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		ids := []string{}
		var mu sync.Mutex
		d := New(Config{Epoch: 1, Updater: p, Right: always, Roster: func() ([]string, uint64) { mu.Lock(); defer mu.Unlock(); return ids, 0 },
			Tell: func(outbox.NoticeState) {}, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.Run(ctx)
		one := &till{id: "t1", fails: func() (bool, bool) { return false, false }}
		one.attach(d)
		p.tell("t1")
		time.Sleep(time.Minute)
		if len(one.told()) > 0 {
			t.Error("it was told and is none of the pair's")
		}
		mu.Lock()
		ids = []string{"t1"}
		mu.Unlock()
		d.Listed()
		time.Sleep(3 * time.Second)
		if len(one.told()) != 1 {
			t.Errorf("%q", one.told())
		}
	})
}

// TestDelivery_WhatCannotBeReadCostsNothingElse: what comes before it is sent, and all that others are to have; it is told of, and sent
// when it can be read again, in its order.
func TestDelivery_WhatCannotBeReadCostsNothingElse(t *testing.T) {
	for stream, whose := range map[string]string{"t1": "notices to t1 alone: it is cut short", "": "notices to all terminals: it is cut short"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair()
			p.spoiled = stream
			d, state := begin(t, p, always, "t1", "t2")
			tills := []*till{{id: "t1"}, {id: "t2"}}
			for _, one := range tills {
				one.fails = func() (bool, bool) { return false, false }
				one.attach(d)
			}
			for range 2 {
				p.tell("t1", "t2", "")
			}
			time.Sleep(time.Minute)
			all := p.wanted("t1")
			kept := all[:slices.Index(all, p.streams[stream][0].topic)+1] // what comes next in the stream may come before all others
			if diff := cmp.Diff(kept, tills[0].told()); diff != "" {
				t.Errorf("%q: t1: %s", stream, diff)
			}
			if stream == "t1" {
				if diff := cmp.Diff(p.wanted("t2"), tills[1].told()); diff != "" {
					t.Errorf("t2: %s", diff)
				}
			}
			if s := state.Load(); s.Unreadable != whose {
				t.Errorf("%q: %+v", stream, s)
			}
			p.mu.Lock()
			p.spoiled = "none"
			p.mu.Unlock()
			p.tell("t1", "t2")
			time.Sleep(2 * time.Minute)
			for _, one := range tills {
				if diff := cmp.Diff(p.wanted(one.id), one.told()); diff != "" {
					t.Errorf("%q: %s: %s", stream, one.id, diff)
				}
			}
			if s := state.Load(); s.Unreadable != "" {
				t.Errorf("%q: %+v", stream, s)
			}
		})
	}
}
