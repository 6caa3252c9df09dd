package emissions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/modeltest"
)

// One lane, a receiver that keeps its rule, and every order of what can happen between them: answers are lost, posts arrive late, the
// receiver refuses; hosts take over at each step, are promoted by force without what the other one committed, are restored.

const most = 3 // emissions

type item struct{ id, epoch, sequence uint8 }

// data are what the pair has.
type data struct {
	queue, parked    [most]item
	waiting, failed  uint8 // how many
	passed           item
	epoch, sequence  uint8
	forced, released uint8 // epochs
	emitted          uint8 // ids that are in this history
	dropped          uint8
}

func (i item) number() Number { return numbered(uint64(i.epoch), uint64(i.sequence), 0) }

func (d data) lane() (l Lane) {
	for _, i := range d.queue[:d.waiting] {
		l.Queue = append(l.Queue, Entry{Number: i.number()})
	}
	for _, i := range d.parked[:d.failed] {
		l.Parked = append(l.Parked, Entry{Number: i.number()})
	}
	l.Passed = d.passed.number()
	return l
}

// id finds whose a number is.
func (d data) id(n Number) uint8 {
	for _, i := range slices.Concat(d.queue[:d.waiting], d.parked[:d.failed]) {
		if i.number() == n {
			return i.id
		}
	}
	return 0
}

// with gives the data after a change by the next update. as is who has a number that is new.
func (d data) with(c Change, as uint8) (data, error) {
	d.sequence++
	l, err := d.lane().Apply(c)
	if err != nil {
		return d, err
	}
	after := d
	after.queue, after.parked = [most]item{}, [most]item{}
	put := func(to *[most]item, list []Entry) uint8 {
		for k, e := range list {
			id := d.id(e.Number)
			if id == 0 {
				id = as
			}
			to[k] = item{id, uint8(e.Number.Epoch), uint8(e.Number.Sequence)}
		}
		return uint8(len(list))
	}
	after.waiting, after.failed = put(&after.queue, l.Queue), put(&after.parked, l.Parked)
	after.passed = item{0, uint8(l.Passed.Epoch), uint8(l.Passed.Sequence)}
	return after, nil
}

// post is on its way to the receiver.
type post struct {
	id    uint8
	order Number
}

type world struct {
	now    data // committed
	frame  data // what an update makes of it; sequence 0: there is none
	behind data // of the other host, which is not in sync; sequence 0: it is
	copied data // a backup
	skip   bool // as the target is set
	old    bool // a host that was active does not know yet that it is not
	// The courier of the active.
	sent      item // sequence 0: nothing is out
	recording bool
	posts     [2]post
	// The receiver.
	highest Number
	had     uint8 // ids that it took
	last    uint8
	// What may still happen.
	ids, takeovers, finals, failures, alones, restores, releases, drops, turns uint8
}

// laws are what keeps emissions right. Tests take one away.
type laws struct {
	recordFirst  bool // an emission is done before it is sent
	two          bool // the next one is sent while one is out
	parkedPasses bool // a lane goes on past what is parked without noting so
	noRight      bool // the right to answer is not asked
	notDeferred  bool // nothing is held when a history was taken back
	sameOrder    bool // what was held keeps its order when it is released
	inPlace      bool // what was parked keeps its order when it is released, though the lane has gone on
}

// scene is what happens beside: the target is set to skip, and back; histories are taken back.
type scene struct{ skip, forces bool }

func (w *world) deferred(l laws) bool {
	return !l.notDeferred && Deferred([]Start{{1, false}, {uint64(w.now.forced), w.now.forced > 0}}, uint64(w.now.released))
}

func (w *world) order(l laws, n Number) Number {
	if l.sameOrder {
		return n
	}
	return Order(n, uint64(w.now.released))
}

// submit has the updater make an update of a change.
func (w *world) submit(c Change, as uint8) string {
	after, err := w.now.with(c, as)
	if err != nil {
		if errors.Is(err, ErrGone) {
			return ""
		}
		return err.Error()
	}
	w.frame = after
	return ""
}

// arrives has a post come to the receiver.
func (w *world) arrives(l laws, s scene, k int) string {
	p := w.posts[k]
	w.posts[k] = post{}
	w.tidy()
	r := Receiver{w.highest}
	if !r.Takes(p.order) {
		return "" // if it never had it, that must not be recorded as done
	}
	w.highest = r.Highest
	if w.had&(1<<p.id) != 0 && !s.forces && !s.skip {
		return "the receiver takes it twice"
	}
	if w.had&(1<<p.id) == 0 && p.id < w.last && !s.skip && !s.forces {
		return "the receiver takes it out of order"
	}
	w.had |= 1 << p.id
	w.last = max(w.last, p.id)
	return ""
}

// tidy gives the posts one order.
func (w *world) tidy() {
	if w.posts[0].id == 0 {
		w.posts[0], w.posts[1] = w.posts[1], post{}
	}
}

// takeOver begins the next epoch with what a host has.
func (w *world) takeOver(d data, forced bool) {
	d.epoch = max(w.now.epoch, d.epoch, w.copied.epoch) + 1
	d.sequence++
	if forced {
		d.forced = d.epoch
	}
	w.now, w.frame, w.sent, w.recording = d, data{}, item{}, false
}

func (w world) next(l laws, s scene, visit func(what string, after world, wrong string)) {
	try := func(what string, if_ bool, change func(*world) string) {
		if if_ {
			after := w
			wrong := change(&after)
			visit(what, after, wrong)
		}
	}
	quiet := func(f func(*world)) func(*world) string { return func(a *world) string { f(a); return "" } }
	idle := w.frame.sequence == 0
	try("an emission", idle && w.ids < most, func(a *world) string {
		a.ids++
		wrong := a.submit(Change{Kind: Emit, Number: numbered(uint64(w.now.epoch), uint64(w.now.sequence+1), 0)}, a.ids)
		a.frame.emitted |= 1 << a.ids
		return wrong
	})
	try("the update is committed", !idle, func(a *world) string {
		a.now, a.frame = w.frame, data{}
		if w.recording {
			a.sent, a.recording = item{}, false
		}
		return a.lost()
	})
	verdict, e := w.now.lane().Next(Target{Skip: w.skip || l.parkedPasses}, State{Right: true, Deferred: w.deferred(l)})
	if l.parkedPasses && verdict == Move {
		if verdict = Nothing; w.now.waiting > 0 {
			verdict, e = Send, Entry{Number: w.now.queue[0].number()}
		}
	}
	send := func(a *world, i item) string {
		at := slices.IndexFunc(a.posts[:], func(p post) bool { return p.id == 0 })
		if at < 0 {
			return ""
		}
		a.posts[at] = post{i.id, a.order(l, i.number())}
		if slices.IndexFunc(a.posts[:], func(p post) bool { return p.id != 0 && p != a.posts[at] }) < 0 && at == 1 {
			a.posts[1] = post{} // it is on its way already, and nothing is told apart by twice
		}
		return ""
	}
	head := item{w.now.id(e.Number), uint8(e.Number.Epoch), uint8(e.Number.Sequence)}
	out := w.sent.sequence > 0
	try("the courier sends", verdict == Send && !out && !l.recordFirst, func(a *world) string { a.sent = head; return send(a, head) })
	if l.two && out && w.now.waiting > 1 && w.now.queue[0] == w.sent {
		try("the courier sends the next one too", true, func(a *world) string { return send(a, w.now.queue[1]) })
	}
	try("the courier records before it sends", l.recordFirst && verdict == Send && idle && !out, func(a *world) string {
		a.sent, a.recording = head, true
		return a.submit(Change{Kind: Done, Number: e.Number}, 0)
	})
	try("it goes on past what is parked", verdict == Move && idle, func(a *world) string {
		return a.submit(Change{Kind: Pass, Number: e.Number}, 0)
	})
	for k, p := range w.posts {
		if p.id == 0 {
			continue
		}
		mine := out && w.sent.id == p.id && w.order(l, w.sent.number()) == p.order
		can := mine && !w.recording && idle
		try(fmt.Sprintf("post %d arrives, and its answer is recorded", p.id), can, func(a *world) string {
			if wrong := a.arrives(l, s, k); wrong != "" {
				return wrong
			}
			a.recording = true
			return a.submit(Change{Kind: Done, Number: w.sent.number()}, 0)
		})
		try(fmt.Sprintf("post %d arrives, and its answer is lost", p.id), true, func(a *world) string {
			if mine && !a.recording {
				a.sent = item{}
			}
			return a.arrives(l, s, k)
		})
		try(fmt.Sprintf("post %d is refused for good", p.id), can && w.finals > 0 && w.had&(1<<p.id) == 0, func(a *world) string {
			a.finals--
			a.posts[k] = post{}
			a.tidy()
			a.recording = true
			return a.submit(Change{Kind: Park, Number: w.sent.number(), Pass: w.skip}, 0)
		})
		try(fmt.Sprintf("post %d is lost", p.id), w.failures > 0, quiet(func(a *world) {
			a.failures--
			a.posts[k] = post{}
			a.tidy()
			if mine && !a.recording {
				a.sent = item{}
			}
		}))
	}
	try("the courier gives up waiting", out && !w.recording && w.failures > 0, quiet(func(a *world) { a.failures--; a.sent = item{} }))
	try("the answer to the record is lost", w.recording && w.failures > 0, quiet(func(a *world) { a.failures--; a.recording, a.sent = false, item{} }))
	for _, waiting := range []bool{true, false} {
		what := map[bool]string{true: "the other host takes over with what waits", false: "the other host takes over without what waits"}[waiting]
		try(what, w.takeovers > 0 && w.behind.sequence == 0 && (!idle || !waiting), func(a *world) string {
			a.takeovers--
			a.old = true
			d := w.now
			if waiting {
				d = w.frame
			}
			a.takeOver(d, false)
			return a.lost()
		})
	}
	try("the deposed host looks", w.old, func(a *world) string {
		a.old = false
		if v, _ := w.now.lane().Next(Target{Skip: w.skip}, State{Right: l.noRight}); v == Send {
			return "it is sent without the right to answer"
		}
		return ""
	})
	try("an operator releases what is parked", idle && w.releases > 0 && w.now.failed > 0, func(a *world) string {
		a.releases--
		p := w.now.parked[0]
		if l.inPlace {
			a.now.passed = item{}
		}
		return a.submit(Change{Kind: Release, Number: p.number(), New: numbered(uint64(w.now.epoch), uint64(w.now.sequence+1), 0)}, p.id)
	})
	try("an operator drops what is parked", idle && w.drops > 0 && w.now.failed > 0, func(a *world) string {
		a.drops--
		p := w.now.parked[0]
		wrong := a.submit(Change{Kind: Drop, Number: p.number()}, 0)
		a.frame.dropped |= 1 << p.id
		return wrong
	})
	try("an operator releases what is held", idle && w.deferred(laws{}), quiet(func(a *world) {
		a.frame = w.now
		a.frame.sequence++
		a.frame.released = a.now.epoch
	}))
	try("the target is set anew", w.turns > 0, quiet(func(a *world) { a.turns--; a.skip = !a.skip }))
	if !s.forces {
		return
	}
	try("the active goes on alone", idle && w.alones > 0 && w.behind.sequence == 0, quiet(func(a *world) { a.alones--; a.behind = w.now }))
	try("the other host is promoted by force", w.behind.sequence > 0 && w.now.epoch < 4, quiet(func(a *world) {
		a.takeOver(w.behind, true)
		a.behind = data{}
	}))
	try("a backup is made", w.copied.sequence == 0 && w.restores > 0 && w.now.emitted > 0, quiet(func(a *world) { a.copied = w.now }))
	try("the pair is restored", w.copied.sequence > 0 && w.restores > 0 && w.now.epoch < 4, quiet(func(a *world) {
		a.restores--
		a.takeOver(w.copied, true)
		a.copied, a.behind = data{}, data{}
	}))
}

// lost looks whether an emission of this history is nowhere.
func (w *world) lost() string {
	known := w.had | w.now.dropped
	for _, i := range slices.Concat(w.now.queue[:w.now.waiting], w.now.parked[:w.now.failed]) {
		known |= 1 << i.id
	}
	if w.now.emitted&^known != 0 {
		return "an emission is nowhere, and nobody has it"
	}
	return ""
}

// early says what left too early: while it is held.
func (w *world) early() string {
	if w.sent.sequence > 0 && w.deferred(laws{}) {
		return "it is sent while it is held"
	}
	return ""
}

// explore visits every world, and gives a shortest way to a wrong one, nil if there is none.
func explore(l laws, s scene) (states int, path []string) {
	start := world{now: data{epoch: 1, sequence: 1}, takeovers: 2, finals: 1, failures: 2, releases: 1, drops: 1}
	if s.forces {
		start.takeovers, start.finals, start.failures, start.releases, start.drops = 0, 0, 1, 0, 0
		start.alones, start.restores = 1, 1
	}
	if s.skip {
		start.turns, start.takeovers, start.failures, start.drops = 2, 1, 1, 0
	}
	return modeltest.Explore(start, modeltest.Same, func(w world, visit modeltest.Visit[world]) { w.next(l, s, visit) },
		func(w world) string { return w.early() })
}

func TestModel_EachEmissionIsTakenInOrder(t *testing.T) {
	for _, s := range []scene{{}, {skip: true}, {forces: true}} {
		states, path := explore(laws{}, s)
		t.Logf("measured: %d states with %+v", states, s)
		if path != nil {
			t.Errorf("%+v: %s", s, strings.Join(path, "\n"))
		}
	}
	for _, c := range []struct {
		broken laws
		in     scene
		says   string
	}{
		{laws{recordFirst: true}, scene{}, "nobody has it"},
		{laws{two: true}, scene{}, "nobody has it"},
		{laws{parkedPasses: true}, scene{}, "nobody has it"},
		{laws{inPlace: true}, scene{skip: true}, "nobody has it"},
		{laws{noRight: true}, scene{}, "without the right"},
		{laws{notDeferred: true}, scene{forces: true}, "while it is held"},
		{laws{sameOrder: true}, scene{forces: true}, "nobody has it"},
	} {
		_, path := explore(c.broken, c.in)
		modeltest.Breaks(t, c.broken, path, c.says)
	}
}
