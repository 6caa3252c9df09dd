package sending

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// host is one host's store; its term is always served.
type host struct {
	t       *testing.T
	store   *storage.Store
	dir     string // of it
	watch   *Watch
	answers *Answers
	time    timers.Time
	gone    bool // the term is not served any more

	mu     sync.Mutex
	before func() // another one is faster: called before the next update
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{t: t, store: drafttest.StoreIn(t, dir), dir: dir, watch: NewWatch()}
	h.answers = New(t.Context(), Config{
		Store: h.store, Term: h, Watch: h.watch, Pair: func() string { return "pair" }, Time: func() timers.Time { return h.time },
	})
	return h
}

// commit commits what is worked out from the committed state.
func (h *host) commit(work func(s *leaving.Set) error) error {
	h.t.Helper()
	entries, err := leavingtest.Commit(h.store, leaving.Update{Time: 1, Stamp: timers.Stamp{Counted: h.time.Counted}, Wall: time.Now().UnixNano()}, work)
	h.watch.Committed(entries)
	return err
}

var errNotServed = errors.New("not served")

func (h *host) Serves(uint64) error {
	if h.gone {
		return errNotServed
	}
	return nil
}

func (h *host) Order(_ uint64, orders leaving.Orders, answer func(bus.DatabaseReply)) error {
	h.mu.Lock()
	before := h.before
	h.before = nil
	h.mu.Unlock()
	if before != nil {
		before()
	}
	r := bus.DatabaseReply{}
	if err := h.commit(orders.Change); err != nil {
		r = bus.DatabaseReply{Code: leaving.Code(err), Message: err.Error()}
	}
	answer(r)
	return nil
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) emit(target, lane string, n int) {
	h.t.Helper()
	c := outbox.Changes{}
	for range n {
		c.Emissions = append(c.Emissions, outbox.Emission{Target: target, Lane: lane})
	}
	h.must(h.commit(func(s *leaving.Set) error { return dispatch.Change(s, "kv", &c) }))
}

func (h *host) target(name string) {
	h.t.Helper()
	_, err := h.answers.set(h.t.Context(), waybill.SetTarget{Name: name, New: true, URL: "https://" + name, Secret: strings.Repeat("s", 20)})
	h.must(err)
}

func (h *host) pending() waybill.Pending {
	h.t.Helper()
	p, err := h.answers.pending(h.t.Context(), waybill.Question{Epoch: 1})
	h.must(err)
	return p
}

func (h *host) head(target, lane string) *waybill.Load {
	h.t.Helper()
	head, err := h.answers.head(h.t.Context(), waybill.HeadQuestion{Epoch: 1, Target: target, Lane: lane})
	h.must(err)
	return head.Load
}

func (h *host) record(lane, what string, n position.Number) error {
	_, err := h.answers.record(h.t.Context(), waybill.Outcome{Epoch: 1, Target: "billing", Lane: lane, Number: n, What: what, Why: "because"})
	return err
}

// TestAnswers_WhatACourierDoes: what waits is told, recorded once, and gone.
func TestAnswers_WhatACourierDoes(t *testing.T) {
	h := newHost(t)
	h.target("billing")
	h.emit("billing", "a", 2)
	h.time.Counted = int64(time.Minute)
	p := h.pending()
	if p.Pair != "pair" || p.Deferred || len(p.Targets) != 1 || p.Targets[0].Waiting != 2 || p.Targets[0].Set == 0 {
		t.Fatalf("%+v", p)
	}
	s, err := h.answers.target(t.Context(), waybill.TargetQuestion{Epoch: 1, Name: "billing"})
	if err != nil || s.URL != "https://billing" || len(s.Secret) != 20 || s.Set != p.Targets[0].Set {
		t.Fatalf("%v, %v", s, err)
	}
	if l, err := h.answers.lanes(t.Context(), waybill.Lanes{Epoch: 1, Target: "billing"}); err != nil || !slices.Equal(l.Lanes, []string{"a"}) || l.Next != "" {
		t.Fatalf("%+v, %v", l, err)
	}
	first := h.head("billing", "a")
	if first.Age != time.Minute || string(first.Body) != "{}" || first.Service != "kv" || first.First != first.Number {
		t.Fatalf("%+v", first)
	}
	h.must(h.record("a", waybill.Done, first.Number))
	if err := h.record("a", waybill.Done, first.Number); !errors.Is(err, waybill.ErrGone) {
		t.Errorf("recorded twice: %v", err)
	}
	second := h.head("billing", "a")
	h.must(h.record("a", waybill.Park, second.Number))
	if blocks := h.head("billing", "a"); !blocks.Blocks || blocks.Number != second.Number || len(blocks.Body) > 0 {
		t.Errorf("%+v", blocks)
	}
	h.must(h.record("a", waybill.Pass, second.Number))
	if rest := h.head("billing", "a"); rest != nil {
		t.Errorf("%+v", rest)
	}
	if err := h.record("a", "released", second.Number); !errors.Is(err, errOutcome) {
		t.Errorf("what only operators do: %v", err)
	}
	h.gone = true
	if _, err := h.answers.head(t.Context(), waybill.HeadQuestion{Epoch: 1}); !errors.Is(err, errNotServed) {
		t.Errorf("of a term that is over: %v", err)
	}
}

func TestPending_WaitsForAChange(t *testing.T) {
	h := newHost(t)
	h.target("billing")
	seen := h.pending().Version
	answers := make(chan error, 1)
	go func() {
		p, err := h.answers.pending(context.Background(), waybill.Question{Epoch: 1, Seen: seen, Wait: time.Minute})
		if err == nil && p.Version == seen {
			err = errors.New("it waited in vain")
		}
		answers <- err
	}()
	h.must(h.commit(func(s *leaving.Set) error { s.Put([]byte("timers/x"), nil); return nil }))
	if v := h.watch.version.Latest(); v != seen {
		t.Error("a timer counts as an emission")
	}
	h.emit("billing", "a", 1)
	if err := <-answers; err != nil {
		t.Error(err)
	}
}

func TestChange_OfAnOperator(t *testing.T) {
	h := newHost(t)
	h.target("billing")
	h.emit("billing", "a", 3)
	first := h.head("billing", "a").Number
	change := func(c waybill.ChangeEmissions) (int, error) {
		c.Target, c.Lane = "billing", "a"
		done, err := h.answers.change(t.Context(), c)
		return done.Count, err
	}
	for what, c := range map[string]waybill.ChangeEmissions{"one that waits": {Number: waybill.Text(first)}, "no number": {Number: "x"}} {
		if _, err := change(c); !errors.Is(err, bus.ErrRefused) {
			t.Errorf("release of %s: %v", what, err)
		}
	}
	for what, c := range map[string]waybill.ChangeEmissions{"one that is not there": {Number: "9/9/9"}, "a lane of which nothing is parked": {}} {
		if _, err := change(c); !errors.Is(err, bus.ErrAbsent) {
			t.Errorf("release of %s: %v", what, err)
		}
	}
	h.must(h.record("a", waybill.Park, first))
	list, err := h.answers.list(t.Context(), waybill.ListEmissions{Limit: 10})
	if err != nil || len(list.Emissions) != 1 || list.Emissions[0].Why != "because" || !list.Emissions[0].Blocks || list.Waiting != 2 || list.Parked != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if n, err := change(waybill.ChangeEmissions{}); n != 1 || err != nil {
		t.Errorf("released %d, %v", n, err)
	}
	if again := h.head("billing", "a"); again.Number != first || again.Blocks {
		t.Errorf("%+v", again)
	}
	if n, err := change(waybill.ChangeEmissions{Number: waybill.Text(first), Drop: true}); n != 1 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	page, err := h.answers.list(t.Context(), waybill.ListEmissions{Waiting: true, Limit: 1})
	if err != nil || len(page.Emissions) != 1 || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	rest, err := h.answers.list(t.Context(), waybill.ListEmissions{Waiting: true, Limit: 10, After: page.Next})
	if err != nil || len(rest.Emissions) != 1 || rest.Next != "" || rest.Emissions[0].Number == page.Emissions[0].Number {
		t.Errorf("%+v, %v", rest, err)
	}
	if _, err := h.answers.list(t.Context(), waybill.ListEmissions{After: "%"}); !errors.Is(err, bus.ErrRefused) {
		t.Errorf("behind nothing: %v", err)
	}
}

// TestChange_AllOfALane: more than one update takes.
func TestChange_AllOfALane(t *testing.T) {
	h := newHost(t)
	h.target("billing")
	n := 2*mostReleased + 3
	h.emit("billing", "a", n)
	for range n {
		at := h.head("billing", "a").Number
		h.must(h.record("a", waybill.Park, at))
		h.must(h.record("a", waybill.Pass, at))
	}
	for _, drop := range []bool{false, true} {
		done, err := h.answers.change(t.Context(), waybill.ChangeEmissions{Target: "billing", Lane: "a", Drop: drop})
		if want := map[bool]int{false: n}[drop]; done.Count != want || (err == nil) == drop {
			t.Errorf("drop %t: %d, %v", drop, done.Count, err)
		}
	}
	if p := h.pending().Targets[0]; p.Waiting != n || p.Parked != 0 {
		t.Errorf("%+v", p)
	}
}

func TestTargets_OfAnOperator(t *testing.T) {
	h := newHost(t)
	h.target("billing")
	yes, age := true, int64(5000)
	set := func(q waybill.SetTarget) (waybill.ShownTarget, error) {
		c, err := h.answers.set(t.Context(), q)
		return c.Target, err
	}
	if _, err := set(waybill.SetTarget{Name: "billing", New: true, URL: "https://x"}); !errors.Is(err, bus.ErrRefused) {
		t.Errorf("made twice: %v", err)
	}
	if _, err := set(waybill.SetTarget{Name: "none", URL: "https://x"}); !errors.Is(err, bus.ErrAbsent) {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := set(waybill.SetTarget{Name: "billing", URL: "http://x"}); !errors.Is(err, bus.ErrRefused) || !errors.Is(err, waybill.ErrTarget) {
		t.Errorf("plain text: %v", err)
	}
	if got, err := set(waybill.SetTarget{Name: "billing", Skip: &yes, AgeMS: &age}); err != nil || got.URL != "https://billing" || !got.Signed || !got.Skip || got.AgeMS != 5000 {
		t.Errorf("%+v, %v", got, err)
	}
	h.emit("billing", "a", mostDropped+1)
	h.must(h.record("a", waybill.Park, h.head("billing", "a").Number))
	remove := func(drop bool) (int, error) {
		c, err := h.answers.remove(t.Context(), waybill.RemoveTarget{Name: "billing", Drop: drop})
		return c.Dropped, err
	}
	if _, err := remove(false); !errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), fmt.Sprintf("%d emissions wait and 1 are parked", mostDropped)) {
		t.Errorf("with something that waits: %v", err)
	}
	head := h.head("billing", "a").Number
	h.before = func() { // the courier is faster with the first one, just when all are to be dropped
		h.before = func() {
			h.must(h.commit(dispatch.Orders{{Target: "billing", Lane: "a", Kind: emissions.Drop, Number: head}}.Change))
		}
	}
	if n, err := remove(true); n != mostDropped || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if l, err := h.answers.targets(t.Context(), bus.Done{}); err != nil || len(l.Targets) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := remove(true); !errors.Is(err, bus.ErrAbsent) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestRelease_OfWhatIsDeferred(t *testing.T) {
	h := newHost(t)
	if _, err := h.answers.release(t.Context(), bus.Done{}); !errors.Is(err, bus.ErrRefused) {
		t.Errorf("nothing is held: %v", err)
	}
	h.must(h.commit(dispatch.Hold))
	if p := h.pending(); !p.Deferred || p.Released != 0 {
		t.Errorf("%+v", p)
	}
	_, err := h.answers.release(t.Context(), bus.Done{})
	if p := h.pending(); err != nil || p.Deferred || p.Released != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestUnreadable_CostsNobodyElse: how one target is set, and what stands at the head of a lane of another one, can't be read.
func TestUnreadable_CostsNobodyElse(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"billing", "broken", "stock"} {
		h.target(name)
		h.emit(name, "a", 1)
		h.emit(name, "b", 1)
	}
	var spoiled [][]byte
	h.must(h.store.View(func(r *storage.Reader) error {
		for it := range r.Walk(history.OutboxSpace, nil, nil) {
			if k := string(it.Key); strings.HasSuffix(k, "target/broken") || strings.Contains(k, "queue/stock/a/") {
				spoiled = append(spoiled, slices.Clone(it.Key))
			}
		}
		return nil
	}))
	if len(spoiled) != 2 {
		t.Fatalf("%q", spoiled)
	}
	for _, k := range spoiled {
		h.must(h.commit(func(s *leaving.Set) error { s.Put(k, []byte{1, 0xa3, 1}); return nil }))
	}
	p := h.pending()
	if len(p.Targets) != 3 || p.Targets[0].Waiting != 2 || p.Targets[0].Unreadable != "" || p.Targets[1].Unreadable == "" || p.Targets[2].Waiting != 2 {
		t.Errorf("%+v", p)
	}
	if head, err := h.answers.head(t.Context(), waybill.HeadQuestion{Epoch: 1, Target: "stock", Lane: "a"}); err != nil || head.Unreadable == "" || head.Load != nil {
		t.Errorf("%+v, %v", head, err)
	}
	if l := h.head("stock", "b"); l == nil {
		t.Error("the other lane has nothing")
	}
	l, err := h.answers.list(t.Context(), waybill.ListEmissions{Waiting: true, Limit: 10})
	if err != nil || len(l.Emissions) != 6 || !slices.ContainsFunc(l.Emissions, func(e waybill.ShownEmission) bool { return e.Target == "stock" && e.Why != "" }) {
		t.Errorf("%+v, %v", l, err)
	}
	if list, err := h.answers.targets(t.Context(), bus.Done{}); err != nil || len(list.Targets) != 3 || list.Targets[1].Unreadable == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// say emits one emission with a body.
func (h *host) say(target, lane, body string) {
	h.t.Helper()
	c := outbox.Changes{Emissions: []outbox.Emission{{Target: target, Lane: lane, Body: []byte(body)}}}
	h.must(h.commit(func(s *leaving.Set) error { return dispatch.Change(s, "kv", &c) }))
}

// TestDamaged_StopsNoOther: bits of emissions and of a target are flipped in the database file. What is whole is sent, what is not is named,
// and operators get rid of it.
func TestDamaged_StopsNoOther(t *testing.T) {
	h := newHost(t)
	h.target("billing")
	h.target("stock")
	h.say("billing", "a", `"load of a"`)
	h.say("billing", "b", `"load of b"`)
	for i := range 3 {
		h.say("stock", "a", fmt.Sprintf(`"stock %d"`, i))
		at := h.head("stock", "a").Number
		h.must(h.commit(dispatch.Orders{{Target: "stock", Lane: "a", Kind: emissions.Park, Number: at, Pass: true, Why: "it was refused"}}.Change))
	}
	drafttest.Damage(t, h.store, h.dir, "load of a")
	drafttest.Damage(t, h.store, h.dir, "stock 1")
	drafttest.Damage(t, h.store, h.dir, "https://stock")
	p := h.pending()
	if len(p.Targets) != 2 || p.Targets[0].Unreadable != "" || p.Targets[0].Waiting != 2 || p.Targets[1].Unreadable == "" || p.Targets[1].Parked != 3 {
		t.Fatalf("%+v", p)
	}
	if l := h.head("billing", "b"); l == nil || string(l.Body) != `"load of b"` {
		t.Errorf("%+v", l)
	}
	if head, err := h.answers.head(t.Context(), waybill.HeadQuestion{Epoch: 1, Target: "billing", Lane: "a"}); err != nil || head.Load != nil || head.Unreadable == "" {
		t.Errorf("%+v, %v", head, err)
	}
	list, err := h.answers.list(t.Context(), waybill.ListEmissions{Target: "billing", Lane: "a", Waiting: true, Limit: 10})
	if err != nil || len(list.Emissions) != 1 || list.Emissions[0].Why == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	one := waybill.ChangeEmissions{Target: "billing", Lane: "a", Number: list.Emissions[0].Number}
	if _, err := h.answers.change(t.Context(), one); !errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), "only dropped") {
		t.Errorf("released: %v", err)
	}
	one.Drop = true
	if c, err := h.answers.change(t.Context(), one); err != nil || c.Count != 1 {
		t.Errorf("dropped: %+v, %v", c, err)
	}
	if p := h.pending().Targets[0]; p.Waiting != 1 {
		t.Errorf("%+v", p)
	}
	all := waybill.ChangeEmissions{Target: "stock", Lane: "a"}
	if c, err := h.answers.change(t.Context(), all); err != nil || c.Count != 2 || c.Skipped != 1 {
		t.Errorf("all released: %+v, %v", c, err)
	}
	if _, err := h.answers.change(t.Context(), all); !errors.Is(err, bus.ErrRefused) {
		t.Errorf("only that one is parked: %v", err)
	}
	all.Drop = true
	if c, err := h.answers.change(t.Context(), all); err != nil || c.Count != 1 || c.Skipped != 0 {
		t.Errorf("all dropped: %+v, %v", c, err)
	}
	if _, err := h.answers.set(t.Context(), waybill.SetTarget{Name: "stock", Secret: strings.Repeat("s", 20)}); !errors.Is(err, bus.ErrRefused) {
		t.Errorf("half of it set anew: %v", err)
	}
	h.must(second(h.answers.set(t.Context(), waybill.SetTarget{Name: "stock", URL: "https://stack"})))
	if p := h.pending().Targets[1]; p.Unreadable != "" || p.Waiting != 2 || p.Parked != 0 {
		t.Errorf("%+v", p)
	}
	drafttest.Damage(t, h.store, h.dir, "https://stack")
	if c, err := h.answers.remove(t.Context(), waybill.RemoveTarget{Name: "stock", Drop: true}); err != nil || c.Dropped != 2 {
		t.Errorf("removed: %+v, %v", c, err)
	}
	if p := h.pending(); len(p.Targets) != 1 {
		t.Errorf("%+v", p)
	}
	h.must(h.store.View(func(r *storage.Reader) error {
		for it := range r.Walk(history.OutboxSpace, []byte("emissions/"), nil) {
			if it.Revision != 0 && (strings.Contains(string(it.Key), "/stock") || strings.Contains(string(it.Key), "/billing/a")) {
				t.Errorf("%q is still kept", it.Key)
			}
		}
		return nil
	}))
}

func second[T any](_ T, err error) error { return err }
