package timing

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/services/updater/schedule"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// host is one host's store and clock; its term is always served.
type host struct {
	t     *testing.T
	store *storage.Store
	dir   string // of it
	clock *Clock
	now   timers.Now
	gone  bool // the term is not served any more
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{t: t, store: drafttest.StoreIn(t, dir), dir: dir, now: timers.Now{Reading: clocks.Reading{Boot: time.Hour, Wall: time.Now().UnixNano()}}}
	h.open()
	return h
}

// open is a process that starts.
func (h *host) open() {
	h.t.Helper()
	var err error
	if h.clock, err = Open(h.store, func() timers.Now { return h.now }); err != nil {
		h.t.Fatal(err)
	}
}

// pass lets time go by. agree: both hosts have compared their clocks.
func (h *host) pass(d time.Duration, agree bool) {
	h.now.Boot += d
	h.now.Wall += int64(d)
	if agree {
		h.now.Other = clocks.Compare(h.now.Boot, h.now.Reading, h.now.Wall)
	}
}

// commit commits what is worked out from the committed state.
func (h *host) commit(work func(s *leaving.Set) error) error {
	h.t.Helper()
	stamp, now := h.clock.Stamp()
	entries, err := leavingtest.Commit(h.store, leaving.Update{Time: h.now.Wall, Stamp: stamp, Wall: now.Wall}, work)
	h.clock.Committed(entries)
	return err
}

func (h *host) set(key string, d time.Duration) {
	h.t.Helper()
	c := outbox.Changes{Timers: []outbox.Timer{{Key: key, Operation: "do", After: d}}}
	if err := h.commit(func(s *leaving.Set) error { return schedule.Change(s, "kv", &c) }); err != nil {
		h.t.Fatal(err)
	}
}

var errNotServed = errors.New("not served")

func (h *host) Serves(uint64) error {
	if h.gone {
		return errNotServed
	}
	return nil
}

func (h *host) Order(_ uint64, orders leaving.Orders, answer func(bus.DatabaseReply)) error {
	err := h.commit(orders.Change)
	r := bus.DatabaseReply{}
	if err != nil {
		r = bus.DatabaseReply{Code: bus.CodeTooOld, Message: err.Error()}
	}
	answer(r)
	return nil
}

func (h *host) due() agenda.Due {
	h.t.Helper()
	d, err := New(h.t.Context(), h.clock, h).due(h.t.Context(), agenda.Question{Epoch: 1, Most: 10})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// TestDue_OverARestart: what was counted goes on with a process that is started again, as soon as the clocks of both hosts say how long
// nobody counted; until then what may be due is held.
func TestDue_OverARestart(t *testing.T) {
	h := newHost(t)
	h.pass(time.Minute, true)
	h.set("a", 10*time.Minute)
	h.pass(9*time.Minute, false)
	if d := h.due(); len(d.Timers) != 0 || d.Next != time.Minute || d.Kept != 1 || d.Deferred != "" {
		t.Errorf("a minute before: %+v", d)
	}
	h.open()
	if d := h.due(); len(d.Timers) != 0 || d.Deferred == "" {
		t.Errorf("of a process that has just begun: %+v", d)
	}
	h.pass(time.Minute, true)
	d := h.due()
	if len(d.Timers) != 1 || d.Timers[0].Key != "a" || d.Timers[0].Late < 0 || d.Timers[0].Late > time.Second || d.Deferred != "" {
		t.Fatalf("when the clocks agree: %+v", d)
	}
	if at := time.Unix(0, d.Timers[0].At); at.Sub(time.Unix(0, h.now.Wall)).Abs() > time.Second {
		t.Errorf("it was due at %v", at)
	}
}

// TestFollow_StandbyCounts: the other host takes the time of what it is sent when it is made, not of what it catches up with.
func TestFollow_StandbyCounts(t *testing.T) {
	active := newHost(t)
	active.pass(time.Minute, true)
	active.set("a", 10*time.Minute)
	standby := &host{t: t, store: active.store, now: active.now} // what it is sent is what the other one has
	standby.open()
	standby.pass(5*time.Minute, false)
	active.pass(5*time.Minute, false)
	if err := standby.clock.Follow(false); err != nil {
		t.Fatal(err)
	}
	if d := standby.due(); d.Deferred == "" {
		t.Errorf("it has caught up, and counts: %+v", d)
	}
	for range 2 { // the first frame in sync may be the last one that was caught up with
		if err := standby.clock.Follow(true); err != nil {
			t.Fatal(err)
		}
		active.set("b", time.Hour)
	}
	if err := standby.clock.Follow(true); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*host{active, standby} {
		h.pass(4*time.Minute, false)
		if d := h.due(); d.Deferred != "" || len(d.Timers) != 0 || d.Next < time.Minute-time.Second || d.Next > time.Minute {
			t.Errorf("a minute before: %+v", d)
		}
		if h.pass(time.Minute, false); len(h.due().Timers) != 1 {
			t.Errorf("it is not due: %+v", h.due())
		}
	}
}

func TestDue_WaitsForAChange(t *testing.T) {
	h := newHost(t)
	a := New(h.t.Context(), h.clock, h)
	first, err := a.due(t.Context(), agenda.Question{Epoch: 1, Wait: time.Hour})
	if err != nil || first.Version == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	answers := make(chan error, 1)
	go func() {
		d, err := a.due(context.Background(), agenda.Question{Epoch: 1, Seen: first.Version, Wait: time.Minute})
		if err == nil && d.Version == first.Version {
			err = errors.New("it waited in vain")
		}
		answers <- err
	}()
	h.set("a", 0)
	if err := <-answers; err != nil {
		t.Error(err)
	}
	h.gone = true
	if _, err := a.due(t.Context(), agenda.Question{Epoch: 1}); !errors.Is(err, errNotServed) {
		t.Errorf("of a term that is over: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.gone = false
	if _, err := a.due(ctx, agenda.Question{Epoch: 1, Seen: 2, Wait: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Errorf("of one that nobody waits for: %v", err)
	}
}

func TestChange_OfAnOperator(t *testing.T) {
	h := newHost(t)
	a := New(h.t.Context(), h.clock, h)
	h.set("a", 0)
	revision := h.due().Timers[0].Revision
	change := func(c agenda.Change) error {
		_, err := a.change(t.Context(), c)
		return err
	}
	for what, c := range map[string]agenda.Change{"one that is not there": {Service: "kv", Key: "b"}, "one that is not parked": {Service: "kv", Key: "a"}} {
		if err := change(c); !errors.Is(err, errOrders) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, o := range map[string]agenda.Order{"a kind of services": {Service: "kv", Key: "a", Kind: timers.Set, Revision: revision}, "another revision": {Service: "kv", Key: "a", Kind: timers.Park, Revision: 99}} {
		if _, err := a.order(t.Context(), agenda.Orders{Epoch: 1, Orders: []agenda.Order{o}}); !errors.Is(err, errOrders) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := a.order(t.Context(), agenda.Orders{Epoch: 1, Orders: []agenda.Order{{Service: "kv", Key: "a", Kind: timers.Park, Revision: revision, Why: "it fails"}}}); err != nil {
		t.Fatal(err)
	}
	list, err := a.list(t.Context(), agenda.List{Parked: true, Limit: 10})
	if err != nil || len(list.Timers) != 1 || list.Timers[0].Why != "it fails" || list.Parked != 1 || len(h.due().Timers) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := change(agenda.Change{Service: "kv", Key: "a"}); err != nil || len(h.due().Timers) != 1 {
		t.Errorf("released: %v, %+v", err, h.due())
	}
	if err := change(agenda.Change{Service: "kv", Key: "a", Drop: true}); err != nil || h.due().Kept != 0 {
		t.Errorf("dropped: %v, %+v", err, h.due())
	}
}

// TestFollow_FirstTimerOfThePair: nobody has counted anything yet, and the two processes run for different times. What the one that
// serves notes is the time of both.
func TestFollow_FirstTimerOfThePair(t *testing.T) {
	active := newHost(t)
	standby := &host{t: t, store: active.store, now: active.now}
	standby.open()
	standby.pass(29*24*time.Hour, false) // its process is older
	active.now.Wall = standby.now.Wall
	if err := standby.clock.Follow(true); err != nil {
		t.Fatal(err)
	}
	active.set("a", time.Hour)
	if err := standby.clock.Follow(true); err != nil {
		t.Fatal(err)
	}
	if d := standby.due(); len(d.Timers) != 0 || d.Deferred != "" || d.Next < time.Hour-time.Second || d.Next > time.Hour {
		t.Errorf("%+v", d)
	}
}

// TestDue_SetInDoubt: a timer that is set while nobody knows how late it is runs after its time, not when the doubt ends.
func TestDue_SetInDoubt(t *testing.T) {
	h := newHost(t)
	h.pass(time.Minute, true)
	h.set("before", time.Hour)
	h.pass(10*time.Hour, false) // off
	h.open()
	h.set("in doubt", 10*time.Minute)
	h.pass(time.Minute, true)
	if _, now := h.clock.Stamp(); now.Wall == 0 {
		t.Fatal("no time")
	}
	d := h.due()
	if len(d.Timers) != 1 || d.Timers[0].Key != "before" || d.Next < 9*time.Minute-time.Second || d.Next > 9*time.Minute {
		t.Fatalf("when the doubt ends: %+v", d)
	}
	h.pass(9*time.Minute, true)
	if d := h.due(); len(d.Timers) != 2 {
		t.Errorf("when both are due: %+v", d)
	}
}

// TestOpen_InTheMiddleOfASnapshot: half a database says nothing of the time, and is no reason not to start.
func TestOpen_InTheMiddleOfASnapshot(t *testing.T) {
	h := newHost(t)
	if err := h.store.BeginSnapshot(history.Mark{}); err != nil {
		t.Fatal(err)
	}
	h.open()
	if err := h.clock.Follow(true); err != nil {
		t.Error(err)
	}
}

// setWith sets a timer with a body.
func (h *host) setWith(key, body string) {
	h.t.Helper()
	c := outbox.Changes{Timers: []outbox.Timer{{Key: key, Operation: "do", Body: []byte(body)}}}
	if err := h.commit(func(s *leaving.Set) error { return schedule.Change(s, "kv", &c) }); err != nil {
		h.t.Fatal(err)
	}
}

// TestDamaged_StopsNoOther: a bit of one timer is flipped in the database file. It is not run and is named, the others are run, and an operator
// gets rid of it: then nothing is held and it is counted no more.
func TestDamaged_StopsNoOther(t *testing.T) {
	h := newHost(t)
	for _, key := range []string{"a", "b", "c"} {
		h.setWith(key, `"body of `+key+`"`)
	}
	drafttest.Damage(t, h.store, h.dir, "body of b")
	a := New(t.Context(), h.clock, h)
	d := h.due()
	if len(d.Timers) != 2 || d.Timers[0].Key != "a" || d.Timers[1].Key != "c" || !strings.Contains(d.Deferred, "kv/b") {
		t.Fatalf("%+v", d)
	}
	list, err := a.list(t.Context(), agenda.List{Limit: 10})
	if err != nil || len(list.Timers) != 3 || list.Timers[1].Key != "b" || list.Timers[1].Why == "" || list.Kept != 3 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := a.change(t.Context(), agenda.Change{Service: "kv", Key: "b"}); !errors.Is(err, errOrders) || !strings.Contains(err.Error(), "only dropped") {
		t.Errorf("released: %v", err)
	}
	if c, err := a.change(t.Context(), agenda.Change{Service: "kv", Key: "b", Drop: true}); err != nil || c.Timer.Key != "b" || c.Timer.Why == "" {
		t.Errorf("dropped: %+v, %v", c, err)
	}
	if d := h.due(); len(d.Timers) != 2 || d.Deferred != "" || d.Kept != 2 {
		t.Errorf("after that: %+v", d)
	}
	if _, err := a.change(t.Context(), agenda.Change{Service: "kv", Key: "b", Drop: true}); !errors.Is(err, errOrders) {
		t.Errorf("dropped twice: %v", err)
	}
	h.setWith("b", "1")
	if d := h.due(); len(d.Timers) != 3 {
		t.Errorf("set anew: %+v", d)
	}
}

// TestChange_DropsWhatIsHalfThere: a place in the order without its timer, and one that is parked and not kept, are dropped by name.
func TestChange_DropsWhatIsHalfThere(t *testing.T) {
	h := newHost(t)
	h.set("a", 0)
	h.set("b", 0)
	a := New(t.Context(), h.clock, h)
	err := h.commit(func(s *leaving.Set) error {
		s.Remove([]byte("timers/entry/kv/a"))
		s.Remove([]byte("timers/entry/kv/b"))
		s.Put([]byte("timers/parked/kv/b"), nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := h.due(); d.Deferred == "" {
		t.Fatalf("%+v", d)
	}
	for _, key := range []string{"a", "b"} {
		if c, err := a.change(t.Context(), agenda.Change{Service: "kv", Key: key, Drop: true}); err != nil || c.Timer.Why == "" {
			t.Errorf("%s: %+v, %v", key, c, err)
		}
	}
	if list, err := a.list(t.Context(), agenda.List{Parked: true, Limit: 10}); err != nil || len(list.Timers) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if d := h.due(); d.Deferred != "" {
		t.Errorf("%+v", d)
	}
}

// TestDeferred_SaysAllReasons: that one timer can't be read does not hide that others are held because a clock is in doubt.
func TestDeferred_SaysAllReasons(t *testing.T) {
	now := timers.Time{Wall: time.Now().UnixNano()}
	for _, c := range []struct {
		look  schedule.Look
		words []string
	}{
		{schedule.Look{}, nil},
		{schedule.Look{Unreadable: "checksum"}, []string{"can't be read"}},
		{schedule.Look{Unreadable: "checksum", DeferredCounted: true}, []string{"can't be read", "after a while are held"}},
		{schedule.Look{DeferredCounted: true, DeferredWall: true}, []string{"after a while are held", "at an hour are held"}},
		{schedule.Look{Unreadable: "checksum", DeferredCounted: true, DeferredWall: true}, []string{"can't be read", "after a while are held", "at an hour are held"}},
	} {
		said := deferred(c.look, now)
		if (said == "") != (len(c.words) == 0) || strings.Contains(said, "all others are") {
			t.Errorf("%+v: %q", c.look, said)
		}
		for _, word := range c.words {
			if !strings.Contains(said, word) {
				t.Errorf("%+v: %q does not say %q", c.look, said, word)
			}
		}
	}
}
