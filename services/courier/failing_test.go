package courier

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/receivertest"
	"github.com/hotpair/hotpair/services/courier/signature"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestTarget_ThatFailsIsTriedByOneLane: however many lanes there are, a target that fails is tried seldom, what is remembered is bounded,
// and when it answers all of them go on at once.
func TestTarget_ThatFailsIsTriedByOneLane(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	r.Always(receivertest.Code(503))
	u.to("billing", r, waybill.Target{})
	for i := range 3 * mostRests {
		u.emit("billing", fmt.Sprint("lane", i), "1")
	}
	g := courierOf(t, u)
	g.may(1, time.Hour)
	r.Await("it has failed", func() bool { return r.Posts() >= failsAlone })
	time.Sleep(100 * time.Millisecond) // in which as many tries would be made as it takes, if it did not rest
	if n := r.Posts(); n > failsAlone+atOnceEach {
		t.Errorf("%d posts", n)
	}
	g.present.Load().mu.Lock()
	known := g.present.Load().targets["billing"]
	g.present.Load().mu.Unlock()
	known.mu.Lock()
	if len(known.rests) > mostRests+atOnceEach {
		t.Errorf("%d lanes are remembered", len(known.rests))
	}
	known.mu.Unlock()
	r.Always(nil)
	r.Await("all go on", func() bool { return len(r.Taken()) == 3*mostRests })
}

func TestTarget_RemembersSoMuchOnly(t *testing.T) {
	x := newTarget(newRound(environment{wall: time.Now}, 1), "billing")
	for i := range 10 * mostRests {
		x.failed(fmt.Sprint(i), answer{why: "no"}, 0)
	}
	if n := len(x.rests); n > mostRests+atOnceEach {
		t.Errorf("%d lanes", n)
	}
	if x.room() {
		t.Error("there is room for more")
	}
	if d := x.next(); d <= 0 || d > emissions.FirstPause {
		t.Errorf("it is tried again in %v", d)
	}
}

// TestCourier_ReleasedAfterItWasTooOld: it is sent, and not parked again untried.
func TestCourier_ReleasedAfterItWasTooOld(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.to("billing", r, waybill.Target{Age: time.Minute})
	u.emit("billing", "a", "1")
	u.counted = time.Hour
	g := courierOf(t, u)
	g.may(1, time.Hour)
	u.await("it is parked", func() bool { return len(u.lane("billing", "a").Parked) == 1 })
	u.applies("billing", "a", emissions.Change{Kind: emissions.Release, Number: u.lane("billing", "a").Parked[0].Number, At: int64(time.Hour)})
	u.await("it is sent, or parked again", func() bool { return len(u.lane("billing", "a").Queue) == 0 })
	if len(r.Taken()) != 1 || len(u.lane("billing", "a").Parked) != 0 {
		t.Errorf("%v taken, the lane is %+v", r.Taken(), u.lane("billing", "a"))
	}
}

// applies is a change that an operator makes.
func (u *updater) applies(target, lane string, c emissions.Change) {
	u.change(func() {
		l, err := u.targets[target].lanes[lane].Apply(c)
		if err != nil {
			u.t.Error(err)
		}
		u.targets[target].lanes[lane] = l
	})
}

// TestState_OfALaneThatFails: it is told while other lanes go, until it is answered or gone, though something else still waits.
func TestState_OfALaneThatFails(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	r.Always(func(w http.ResponseWriter, q *http.Request, take func()) {
		switch q.Header.Get(signature.Lane) {
		case "fails":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "blocked":
			w.WriteHeader(http.StatusConflict)
		default:
			take()
		}
	})
	u.to("billing", r, waybill.Target{})
	u.emit("billing", "fails", "1")
	u.emit("billing", "blocked", "2", "3")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	failing := func(s outbox.EmissionState) bool {
		return s.Failing == "billing" && strings.Contains(s.Why, "lane fails: it answered 503") && !s.Since.IsZero()
	}
	u.awaitState(g, failing)
	since := g.state().Since
	u.emit("billing", "good", "4", "5")
	u.awaitState(g, func(s outbox.EmissionState) bool { return s.Sent == 2 && s.Parked == 1 && s.Waiting == 2 })
	if s := g.state(); !failing(s) || !s.Since.Equal(since) {
		t.Errorf("others are taken: %+v, it failed first at %v", s, since)
	}
	u.applies("billing", "fails", emissions.Change{Kind: emissions.Drop, Number: u.lane("billing", "fails").Queue[0].Number})
	u.awaitState(g, func(s outbox.EmissionState) bool {
		return s.Waiting == 1 && s.Failing == "" && s.Since.IsZero() && s.Why == ""
	})
}

// TestState_FailsNoMore: when a target is set anew, and when nothing waits, whatever a try says that is on its way then.
func TestState_FailsNoMore(t *testing.T) {
	r := newRound(environment{wall: time.Now}, 1)
	x := newTarget(r, "billing")
	r.targets["billing"] = &running{target: x}
	failing := func(what string, want bool) {
		t.Helper()
		if s := r.state(); (s.Failing != "") != want {
			t.Errorf("%s: %+v", what, s)
		}
	}
	fail := func() {
		for range failsAlone {
			x.failed("a", answer{why: "no"}, 0)
		}
	}
	x.update(waybill.Pending{}, waybill.Target{Set: 1, Waiting: 2})
	fail()
	failing("it fails", true)
	x.update(waybill.Pending{}, waybill.Target{Set: 1, Waiting: 1})
	failing("it still does", true)
	x.update(waybill.Pending{}, waybill.Target{Set: 2, Waiting: 1})
	failing("it is set anew", false)
	fail()
	x.update(waybill.Pending{}, waybill.Target{Set: 2})
	failing("nothing waits", false)
	if x.failures != 0 || x.why != "" || !x.until.IsZero() || len(x.rests) != 0 {
		t.Errorf("nothing waits, and it has %d failures, rests until %v, for %q", x.failures, x.until, x.why)
	}
	fail()
	failing("what was on its way has failed", false)
	x.update(waybill.Pending{}, waybill.Target{Set: 2, Waiting: 1})
	failing("something waits again", false)
	fail()
	x.failed("b", answer{why: "no"}, 0)
	since := r.state().Since
	x.answered("b")
	failing("another lane is answered", true)
	if s := r.state(); !s.Since.Equal(since) || !x.may("a") {
		t.Errorf("%+v", s)
	}
	for i := range 2 * mostRests {
		x.failed(fmt.Sprint(i), answer{why: "no"}, 0)
	}
	for lane, one := range x.rests {
		one.until = time.Time{}
		x.rests[lane] = one
	}
	x.room() // for others
	if s := r.state(); !s.Since.Equal(since) {
		t.Errorf("the first one is forgotten for others: %+v", s)
	}
	x.answered("a")
	if s := r.state(); s.Since.Equal(since) {
		t.Errorf("it is answered: %+v", s)
	}
}

// TestState_CountersNeverFall: without a right to answer they are told as they were.
func TestState_CountersNeverFall(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.to("billing", r, waybill.Target{})
	u.emit("billing", "a", "1")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	u.awaitState(g, func(s outbox.EmissionState) bool { return s.Sent == 1 && s.Waiting == 0 })
	g.may(1, 0)
	processtest.Await(t, "the end of its right", func() bool { return g.present.Load() == nil })
	if s := g.state(); s.Sent != 1 || s.Tries != 1 || s.Targets != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCourier_TargetsTakeTurns: a lane with much to send gives its place back after each.
func TestCourier_TargetsTakeTurns(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	posted := make(chan struct{})
	r.Next(func(_ http.ResponseWriter, _ *http.Request, take func()) {
		<-posted
		take()
	})
	const many = inARow - 1
	u.to("slow", r, waybill.Target{})
	u.to("other", r, waybill.Target{})
	u.emit("slow", "a", slices.Repeat([]string{"1"}, many)...)
	g := courierOf(t, u)
	g.slots = make(chan struct{}, 1)
	g.may(1, time.Hour)
	r.Await("the first post", func() bool { return r.Posts() == 1 })
	u.emit("other", "b", "2")
	u.awaitState(g, func(outbox.EmissionState) bool {
		now := g.present.Load()
		now.mu.Lock()
		defer now.mu.Unlock()
		return now.targets["other"] != nil && len(now.targets["other"].slots) == 1 // its lane waits for its turn
	})
	close(posted)
	r.Await("all are taken", func() bool { return len(r.Taken()) == many+1 })
	if r.Taken()[many].Target == "other" {
		t.Error("it had to wait for all of the other target")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "x": 0, "99999999999999999999": 0, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzRetryAfter: whatever a target asks for is a time from now on, or none.
func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Fri, 02 Jan 2026 03:05:05 GMT")
	f.Fuzz(func(t *testing.T, text string) {
		if d := retryAfter(text, time.Now()); d < 0 {
			t.Errorf("%q: %v", text, d)
		}
	})
}

// FuzzShown: whatever somebody outside says is told in one printable line of bounded length.
func FuzzShown(f *testing.F) {
	f.Add([]byte("a\nb\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s := shown(text); len(s) > mostTold || strings.ContainsAny(s, "\n\r\x00\x1b") {
			t.Errorf("%q", s)
		}
	})
}
