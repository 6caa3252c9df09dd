package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/receivertest"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/position"
)

// updater is an updater in memory, with the lanes of package emissions.
type updater struct {
	t *testing.T

	mu       sync.Mutex
	version  uint64
	changed  chan struct{}
	epoch    uint64 // that is served
	sequence uint64
	deferred bool
	released uint64
	targets  map[string]*kept
	refuses  error // of records
	counted  time.Duration
	spoiled  string // lane whose head can't be read
}

type kept struct {
	set     waybill.Target
	setting waybill.Setting
	lanes   map[string]emissions.Lane
	bodies  map[position.Number]string
	whys    map[position.Number]string
}

func newUpdater(t *testing.T) *updater {
	return &updater{t: t, epoch: 1, version: 1, changed: make(chan struct{}), targets: map[string]*kept{}}
}

// change changes something.
func (u *updater) change(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f()
	u.version++
	close(u.changed)
	u.changed = make(chan struct{})
}

func (u *updater) target(name string, set waybill.Target, s waybill.Setting) {
	u.change(func() {
		k := u.targets[name]
		if k == nil {
			k = &kept{lanes: map[string]emissions.Lane{}, bodies: map[position.Number]string{}, whys: map[position.Number]string{}}
			u.targets[name] = k
		}
		set.Name, set.Set, s.Set = name, u.version, u.version
		k.set, k.setting = set, s
	})
}

// to makes a target of a receiver.
func (u *updater) to(name string, r *receivertest.Receiver, set waybill.Target) {
	u.target(name, set, waybill.Setting{URL: r.URL, Secret: []byte(receivertest.Secret), Roots: []byte(r.Roots())})
}

func (u *updater) emit(target, lane string, bodies ...string) {
	u.change(func() {
		k := u.targets[target]
		for _, body := range bodies {
			u.sequence++
			n := position.Number{Epoch: u.epoch, Sequence: u.sequence}
			k.bodies[n] = body
			l, err := k.lanes[lane].Apply(emissions.Change{Kind: emissions.Emit, Number: n, At: int64(u.counted)})
			if err != nil {
				u.t.Error(err)
			}
			k.lanes[lane] = l
		}
	})
}

func (u *updater) lane(target, lane string) emissions.Lane {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.targets[target].lanes[lane]
}

var errEpoch = errors.New("not served")

func (u *updater) Pending(ctx context.Context, q waybill.Question) (p waybill.Pending, err error) {
	for {
		u.mu.Lock()
		if q.Epoch != u.epoch {
			u.mu.Unlock()
			return p, errEpoch
		}
		if u.version != q.Seen {
			p = waybill.Pending{Version: u.version, Pair: "pair", Deferred: u.deferred, Released: u.released}
			for _, k := range u.targets {
				set := k.set
				for _, l := range k.lanes {
					set.Waiting, set.Parked = set.Waiting+len(l.Queue), set.Parked+len(l.Parked)
				}
				p.Targets = append(p.Targets, set)
			}
			u.mu.Unlock()
			return p, nil
		}
		changed := u.changed
		u.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return p, context.Cause(ctx)
		}
	}
}

func (u *updater) Target(_ context.Context, q waybill.TargetQuestion) (waybill.Setting, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.targets[q.Name].setting, nil
}

func (u *updater) Lanes(_ context.Context, q waybill.Lanes) (l waybill.Listing, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var names []string
	for name, lane := range u.targets[q.Target].lanes {
		v, _ := lane.Next(emissions.Target{}, emissions.State{Right: true})
		if (v == emissions.Send && !q.Blocked || v == emissions.Blocked && q.Blocked) && name > q.After {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 3 {
		names = names[:3]
		l.Next = names[2]
	}
	l.Lanes = names
	return l, nil
}

func (u *updater) Head(_ context.Context, q waybill.HeadQuestion) (h waybill.Head, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	k := u.targets[q.Target]
	if q.Lane == u.spoiled {
		h.Unreadable = "it is cut short"
		return h, nil
	}
	v, e := k.lanes[q.Lane].Next(emissions.Target{}, emissions.State{Right: true})
	if v == emissions.Nothing {
		return h, nil
	}
	h.Load = &waybill.Load{Number: e.Number, First: e.Number, Service: "kv", Body: []byte(k.bodies[e.Number]), Blocks: v == emissions.Blocked, Age: u.counted - time.Duration(e.At)}
	return h, nil
}

func (u *updater) Record(_ context.Context, o waybill.Outcome) (err error) {
	u.change(func() {
		if err = u.refuses; err != nil {
			return
		}
		if o.Epoch != u.epoch {
			err = errEpoch
			return
		}
		kind := map[string]emissions.Kind{waybill.Done: emissions.Done, waybill.Park: emissions.Park, waybill.Pass: emissions.Pass}[o.What]
		k := u.targets[o.Target]
		l, refused := k.lanes[o.Lane].Apply(emissions.Change{Kind: kind, Number: o.Number, Pass: o.Pass})
		if refused != nil {
			err = waybill.ErrGone
			return
		}
		k.lanes[o.Lane], k.whys[o.Number] = l, o.Why
	})
	return err
}

// courierOf begins a courier. Its right holds until it is taken.
func courierOf(t *testing.T, u *updater) (g *environment) {
	t.Helper()
	g = &environment{
		updater: u, right: newRight(lease.BootClock), wall: time.Now, log: slog.New(slog.DiscardHandler), slots: make(chan struct{}, atOnce),
		sent: new(atomic.Uint64), tries: new(atomic.Uint64), present: new(atomic.Pointer[round]),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return g
}

func (g *environment) may(epoch uint64, d time.Duration) {
	g.right.set(lease.Right{Epoch: epoch, Until: lease.BootClock() + d})
}

// await waits until something holds of an updater.
func (u *updater) await(what string, holds func() bool) {
	u.t.Helper()
	patience := time.After(30 * time.Second)
	for {
		u.mu.Lock()
		changed := u.changed
		u.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-patience:
			u.t.Fatalf("%s: it never came", what)
		}
	}
}

func bodies(list []receivertest.Taken, lane string) (b []string) {
	for _, one := range list {
		if one.Lane == lane {
			b = append(b, one.Body)
		}
	}
	return b
}

// TestCourier_SendsEachLaneInOrder: with a receiver that is good, and under the right to answer only.
func TestCourier_SendsEachLaneInOrder(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.to("billing", r, waybill.Target{})
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf(`{"n":%d}`, i))
	}
	for lane := range 20 {
		u.emit("billing", fmt.Sprint("lane", lane), want...)
	}
	g := courierOf(t, u)
	g.may(2, time.Hour) // of another term
	g.may(1, 0)
	if r.Posts() > 0 {
		t.Error("it sends without the right to")
	}
	g.may(1, time.Hour)
	r.Await("all lanes", func() bool { return len(r.Taken()) == 2000 })
	for lane := range 20 {
		if got := bodies(r.Taken(), fmt.Sprint("lane", lane)); !slices.Equal(got, want) {
			t.Errorf("lane %d: %v", lane, got)
		}
	}
	first := r.Taken()[0]
	if first.Target != "billing" || first.Service != "kv" || !strings.HasPrefix(first.Emission, "pair/1/") || !strings.HasSuffix(first.Emission, "/0") {
		t.Errorf("%+v", first)
	}
	u.await("all is recorded", func() bool { return len(u.lane("billing", "lane19").Queue) == 0 && g.sent.Load() == 2000 })
}

// TestCourier_OfABadReceiver: whatever it does, each emission is taken once by its rule and in order, and it costs a bounded time.
func TestCourier_OfABadReceiver(t *testing.T) {
	stranger := receivertest.New(t) // whom nobody is to be sent to
	for what, c := range map[string]struct {
		behaviour receivertest.Behaviour
		posts     int
		says      string
	}{
		"an error":                  {receivertest.Code(500), 2, "500"},
		"too busy":                  {receivertest.Later(429, "0"), 2, "429"},
		"a redirection":             {receivertest.Elsewhere(stranger.URL), 2, "redirection"},
		"an answer without end":     {receivertest.Flood, 1, ""},
		"headers without end":       {receivertest.Headers, 2, ""},
		"an end in the answer":      {receivertest.Half, 2, ""},
		"a code that there is none": {receivertest.Code(799), 2, "799"},
		"not found, as yet":         {receivertest.Code(404), 2, "404"},
		"not let in":                {receivertest.Code(401), 2, "401"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			u, r := newUpdater(t), receivertest.New(t)
			r.Next(c.behaviour)
			u.to("billing", r, waybill.Target{})
			u.emit("billing", "a", "1", "2")
			g := courierOf(t, u)
			g.may(1, time.Hour)
			if c.says != "" {
				r.Await("the first post", func() bool { return r.Posts() > 0 })
				u.awaitState(g, func(s outbox.EmissionState) bool {
					return s.Failing == "billing" && strings.Contains(s.Why, c.says) && !s.Since.IsZero()
				})
			}
			r.Await("both are taken", func() bool { return len(r.Taken()) == 2 })
			if got := bodies(r.Taken(), "a"); !slices.Equal(got, []string{"1", "2"}) || r.Posts() < c.posts+1 {
				t.Errorf("%v in %d posts", got, r.Posts())
			}
			u.awaitState(g, func(s outbox.EmissionState) bool {
				return s.Waiting == 0 && s.Failing == "" && s.Parked == 0 && s.Sent == 2
			})
		})
	}
	t.Cleanup(func() {
		if stranger.Posts() > 0 {
			t.Error("a redirection was followed")
		}
	})
}

// awaitState waits until main would be told something.
func (u *updater) awaitState(g *environment, holds func(outbox.EmissionState) bool) {
	u.t.Helper()
	var s outbox.EmissionState
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if s = g.state(); g.present.Load() != nil && holds(s) {
			return
		}
	}
	u.t.Fatalf("%+v", s)
}

// TestCourier_OfAnotherCertificate: who is not believed gets nothing.
func TestCourier_OfAnotherCertificate(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.target("billing", waybill.Target{}, waybill.Setting{URL: r.URL, Secret: []byte(receivertest.Secret)}) // by the roots of the system
	u.emit("billing", "a", "1")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	u.awaitState(g, func(s outbox.EmissionState) bool {
		return s.Failing == "billing" && strings.Contains(s.Why, "certificate")
	})
	if r.Posts() > 0 {
		t.Fatal("it was sent something")
	}
	u.to("billing", r, waybill.Target{}) // what is set anew is tried at once
	r.Await("it is taken", func() bool { return len(r.Taken()) == 1 })
}

// TestCourier_FinalAnswersArePassedOrBlock: with skip the lane goes on in the same update; a target that is set to skip later has it pass.
func TestCourier_FinalAnswersArePassedOrBlock(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	r.Next(receivertest.Code(http.StatusConflict))
	u.to("billing", r, waybill.Target{})
	u.emit("billing", "a", "1", "2")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	u.await("it is parked", func() bool { return len(u.lane("billing", "a").Parked) == 1 })
	u.emit("billing", "b", "3")
	r.Await("the other lane", func() bool { return len(r.Taken()) == 1 })
	l := u.lane("billing", "a")
	if len(l.Queue) != 1 || l.Passed != (emissions.Number{}) || !strings.Contains(u.targets["billing"].whys[l.Parked[0].Number], "409 Conflict: it is so and so") {
		t.Fatalf("%+v", l)
	}
	u.to("billing", r, waybill.Target{Skip: true})
	r.Await("it goes on", func() bool { return slices.Equal(bodies(r.Taken(), "a"), []string{"2"}) })
	r.Next(receivertest.Code(http.StatusGone))
	u.emit("billing", "a", "4", "5")
	r.Await("it goes on by itself", func() bool { return slices.Equal(bodies(r.Taken(), "a"), []string{"2", "5"}) })
	if l := u.lane("billing", "a"); len(l.Parked) != 2 {
		t.Errorf("%+v", l)
	}
}

func TestCourier_OldOnesAreParked(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.to("billing", r, waybill.Target{Age: time.Minute, Skip: true})
	u.emit("billing", "a", "1")
	u.counted = time.Hour
	u.emit("billing", "a", "2")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	r.Await("the young one", func() bool { return len(r.Taken()) == 1 })
	if got := bodies(r.Taken(), "a"); !slices.Equal(got, []string{"2"}) || len(u.lane("billing", "a").Parked) != 1 {
		t.Errorf("%v", got)
	}
}

// TestCourier_DeferredUntilReleased: and then in an order above all that was sent before.
func TestCourier_DeferredUntilReleased(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.to("billing", r, waybill.Target{})
	u.emit("billing", "a", "1")
	u.deferred, u.epoch = true, 7
	g := courierOf(t, u)
	g.may(7, time.Hour)
	u.awaitState(g, func(s outbox.EmissionState) bool { return s.Deferred && s.Waiting == 1 })
	if r.Posts() > 0 {
		t.Fatal("what is held was sent")
	}
	u.change(func() { u.deferred, u.released = false, 7 })
	r.Await("it is taken", func() bool { return len(r.Taken()) == 1 })
	if one := r.Taken()[0]; one.Emission != "pair/1/1/0" || one.Order != fmt.Sprintf("%016x-%016x-%08x", 7, 1, 0) {
		t.Errorf("%+v", one)
	}
}

// TestCourier_TheRightEndsInFlight: the try is broken off, nothing is recorded, and it is sent again by whoever serves next.
func TestCourier_TheRightEndsInFlight(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	r.Next(receivertest.Silent)
	u.to("billing", r, waybill.Target{})
	u.emit("billing", "a", "1")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	r.Await("it is on its way", func() bool { return r.Posts() == 1 })
	g.may(1, 0)
	r.Await("it is broken off", func() bool { return len(r.Taken()) == 1 }) // which a silent one takes
	processtest.Await(t, "the end of its right", func() bool { return g.present.Load() == nil })
	if l := u.lane("billing", "a"); len(l.Queue) != 1 {
		t.Errorf("%+v", l)
	}
	u.change(func() { u.epoch = 2 })
	g.may(2, time.Hour)
	u.await("it is recorded", func() bool { return len(u.lane("billing", "a").Queue) == 0 })
	if r.Posts() != 2 || len(r.Taken()) != 1 {
		t.Errorf("%d posts, taken %+v", r.Posts(), r.Taken())
	}
}

// TestCourier_RecordsUntilItIsKnown: nothing else of a lane leaves before.
func TestCourier_RecordsUntilItIsKnown(t *testing.T) {
	u, r := newUpdater(t), receivertest.New(t)
	u.refuses = errors.New("the updater is gone")
	u.to("billing", r, waybill.Target{})
	u.emit("billing", "a", "1", "2")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	r.Await("the first one", func() bool { return len(r.Taken()) == 1 })
	version := func() uint64 { u.mu.Lock(); defer u.mu.Unlock(); return u.version }
	before := version()
	u.await("it tries again", func() bool { return version() > before+3 })
	if r.Posts() != 1 {
		t.Errorf("%d posts", r.Posts())
	}
	u.change(func() { u.refuses = nil })
	r.Await("the second one", func() bool { return len(r.Taken()) == 2 })
}

// TestUnreadable_OthersAreSent: a target that can't be read, and a lane whose head can't be, are told of; everything else is sent.
func TestUnreadable_OthersAreSent(t *testing.T) {
	u := newUpdater(t)
	good := receivertest.New(t)
	u.to("stock", good, waybill.Target{})
	u.change(func() { u.spoiled = "bad" })
	u.emit("stock", "bad", "2")
	u.emit("stock", "good", "3", "4")
	g := courierOf(t, u)
	g.may(1, time.Hour)
	u.await("the other lane is sent", func() bool { return len(u.lane("stock", "good").Queue) == 0 })
	u.awaitState(g, func(s outbox.EmissionState) bool {
		return s.Failing == "stock" && strings.Contains(s.Why, "lane bad") && strings.Contains(s.Why, "it is cut short")
	})
	u.change(func() { u.spoiled = "" })
	u.to("stock", good, waybill.Target{}) // set anew: what failed may do now
	u.await("it is sent too", func() bool { return len(u.lane("stock", "bad").Queue) == 0 })
	u.to("stock", good, waybill.Target{Unreadable: "it is cut short"})
	unset := func(s outbox.EmissionState) bool {
		return s.Out == 0 && s.Failing == "stock" && strings.Contains(s.Why, "how it is set can't be read")
	}
	u.awaitState(g, unset) // a look that has begun goes by what was set before
	u.emit("stock", "good", "5")
	u.awaitState(g, func(s outbox.EmissionState) bool { return s.Waiting == 1 && unset(s) })
	if n := len(u.lane("stock", "good").Queue); n != 1 {
		t.Errorf("%d wait", n)
	}
}
