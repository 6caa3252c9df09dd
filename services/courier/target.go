package courier

import (
	"context"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
)

const (
	// atOnceEach bounds the tries at one time for one target, and atOnce those for all.
	atOnceEach = 8
	atOnce     = 64
	// mostRests bounds the lanes of a target that are known to rest. A target with more is failing, and rests as a whole.
	mostRests = 256
	// failsAlone is how many failures in a row, in whatever lanes, are laid to the target: from then on it rests, and one lane at a time tries.
	failsAlone = 8
)

// target is a target of one term: its state, and a loop that works on its lanes.
type target struct {
	name  string
	round *round
	wake  chan struct{} // one token
	slots chan struct{} // tries at one time

	mu       sync.Mutex
	pending  waybill.Pending
	set      waybill.Target
	route    *route
	working  map[string]bool // lanes that are worked on
	rests    map[string]rest
	looks    uint64    // number of looks at all lanes
	failures int       // in a row
	until    time.Time // the target as a whole rests until then
	why      string    // the last failure
	// spoiledAt is since when it is known that how it is set can't be read, on the wall; zero: it can.
	spoiledAt time.Time
}

// rest is a lane that failed.
type rest struct {
	failures int
	until    time.Time
	why      string
	since    time.Time // the first failure since its last answer, on the wall; zero: there is none
	seen     uint64    // the last look that found it among those that have something to send
}

func newTarget(r *round, name string) *target {
	return &target{
		name: name, round: r, wake: make(chan struct{}, 1), slots: make(chan struct{}, atOnceEach), working: map[string]bool{}, rests: map[string]rest{},
	}
}

// update replaces the target's settings and counts.
func (t *target) update(p waybill.Pending, set waybill.Target) {
	p.Targets = nil
	t.mu.Lock()
	// The settings have changed: failed posts may succeed now. And when nothing waits, nothing fails; a post that is
	// still in flight changes nothing afterwards.
	if t.set.Set != set.Set || set.Waiting == 0 || t.set.Waiting == 0 {
		clear(t.rests)
		t.failures, t.until, t.why = 0, time.Time{}, ""
	}
	if set.Unreadable == "" {
		t.spoiledAt = time.Time{}
	} else if t.spoiledAt.IsZero() {
		t.spoiledAt = t.round.wall()
		t.round.log.Error("Stored settings of a target can't be read; nothing is sent to it, other targets continue", "target", t.name, "reason", set.Unreadable)
	}
	t.pending, t.set = p, set
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *target) now() (waybill.Pending, waybill.Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending, t.set
}

// run works on lanes until ctx ends, and returns when none is in progress.
func (t *target) run(ctx context.Context) {
	var group sync.WaitGroup
	defer func() {
		group.Wait()
		if t.route != nil {
			t.route.close()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	after := ""
	for {
		select {
		case <-t.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		after = t.walk(ctx, after, &group)
		timer.Reset(t.next())
	}
}

// walk goes once through the lanes that have something to send, from behind a lane, and returns where it ended. Each
// look continues there, so that the last lanes have their turn too.
func (t *target) walk(ctx context.Context, from string, group *sync.WaitGroup) (after string) {
	p, set := t.now()
	if set.Unreadable != "" {
		return ""
	}
	if p.Deferred || set.Closing || set.Waiting == 0 && (!set.Skip || set.Parked == 0) {
		return ""
	}
	if set.Skip && set.Parked > 0 {
		t.through(ctx, "", true, group)
	}
	begun := time.Now()
	t.mu.Lock()
	t.looks++
	t.mu.Unlock()
	after, whole := t.through(ctx, from, false, group)
	if whole && from != "" {
		after, whole = t.through(ctx, "", false, group) // those before
	}
	if whole {
		t.sweep(begun)
	}
	return after
}

// sweep removes failed lanes that have nothing to send, as a look at all lanes since then has shown: their emissions
// were dropped or parked.
func (t *target) sweep(begun time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for lane, r := range t.rests {
		if r.seen != t.looks && r.until.Before(begun) && !t.working[lane] {
			delete(t.rests, lane)
		}
	}
}

// through works on lanes after a lane, and returns where it stopped, or that it reached the end.
func (t *target) through(ctx context.Context, after string, blocked bool, group *sync.WaitGroup) (broken string, whole bool) {
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		l, err := t.round.updater.Lanes(asking, waybill.Lanes{Epoch: t.round.epoch, Target: t.name, After: after, Blocked: blocked})
		cancel()
		if err != nil {
			t.round.log.Debug("the updater does not return the emissions to send", "target", t.name, "error", err)
			return after, false
		}
		for _, lane := range l.Lanes {
			if !t.may(lane) {
				continue
			}
			if !t.enter(ctx, lane) {
				return after, false
			}
			after = lane
			group.Go(func() {
				defer t.leave(lane)
				t.work(ctx, lane)
			})
		}
		if after = l.Next; after == "" || !t.room() {
			return after, after == ""
		}
	}
	return after, false
}

// may reports whether a lane may be worked on now.
func (t *target) may(lane string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if r, known := t.rests[lane]; known {
		r.seen = t.looks
		t.rests[lane] = r
	}
	if t.working[lane] || now.Before(t.rests[lane].until) || now.Before(t.until) {
		return false
	}
	return t.failures < failsAlone || len(t.working) == 0 // else one tries whether it answers
}

// room reports whether another lane may come to rest.
func (t *target) room() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	oldest := t.oldest() // which is reported, however many there are
	for lane, r := range t.rests {
		if len(t.rests) >= mostRests && lane != oldest && now.After(r.until) && !t.working[lane] {
			delete(t.rests, lane)
		}
	}
	if t.failures >= failsAlone && len(t.working) > 0 {
		return false // one tries
	}
	return len(t.rests) < mostRests && !now.Before(t.until)
}

// oldest returns the lane that has failed for the longest time, "" if none has.
func (t *target) oldest() (lane string) {
	for name, r := range t.rests {
		if !r.since.IsZero() && (lane == "" || r.since.Before(t.rests[lane].since)) {
			lane = name
		}
	}
	return lane
}

// enter waits for a turn among the lanes of the target, and takes a lane.
func (t *target) enter(ctx context.Context, lane string) bool {
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	t.mu.Lock()
	t.working[lane] = true
	t.mu.Unlock()
	return true
}

func (t *target) leave(lane string) {
	t.mu.Lock()
	delete(t.working, lane)
	t.mu.Unlock()
	<-t.slots
	select { // the lane may have more, or others may wait for it
	case t.wake <- struct{}{}:
	default:
	}
}

// lookAgain is the longest time between two looks at a target. Whatever changes is looked at sooner.
const lookAgain = 10 * time.Second

// next is how long there is nothing to be done.
func (t *target) next() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, first := time.Now(), time.Now().Add(lookAgain)
	for lane, r := range t.rests {
		if r.until.Before(first) && !t.working[lane] && now.Before(r.until) {
			first = r.until
		}
	}
	if now.Before(t.until) {
		first = t.until
	}
	return max(first.Sub(now), askPause/10)
}

// rest is how long a lane has to rest yet.
func (t *target) rest(lane string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, time.Until(t.rests[lane].until))
}

// lastWhy says why a lane failed last.
func (t *target) lastWhy(lane string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if why := t.rests[lane].why; why != "" {
		return why
	}
	if t.why != "" {
		return t.why
	}
	return "it was not sent in this term"
}

// pause has a lane rest for a moment, with nothing against it or the target.
func (t *target) pause(lane string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, known := t.rests[lane]; known || len(t.rests) < mostRests+atOnceEach {
		r.until = time.Now().Add(emissions.FirstPause)
		t.rests[lane] = r
	}
}

// failed has a lane rest, and the target too when it fails whatever the lane.
func (t *target) failed(lane string, a answer, drawn float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	r := t.rests[lane]
	r.failures++
	r.until, r.why = now.Add(emissions.Pause(r.failures, a.after, drawn)), a.why
	if r.since.IsZero() {
		r.since = t.round.wall()
	}
	if _, known := t.rests[lane]; known || len(t.rests) < mostRests+atOnceEach {
		t.rests[lane] = r
	}
	if !now.Before(t.until) { // otherwise it was already in flight when the target was paused
		if t.failures++; t.failures >= failsAlone {
			t.until = now.Add(emissions.Pause(t.failures-failsAlone+1, a.after, drawn))
		}
	}
	t.why = a.why
}

// spoiled pauses a lane for the longest time, because its emission can't be read.
func (t *target) spoiled(lane, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, known := t.rests[lane]
	if !known && len(t.rests) >= mostRests+atOnceEach {
		return
	}
	if r.why != why {
		t.round.log.Error("A stored emission can't be read; its lane stops, other lanes continue", "target", t.name, "lane", lane, "reason", why)
	}
	if r.why, r.until = why, time.Now().Add(emissions.LongestPause); r.since.IsZero() {
		r.since = t.round.wall()
	}
	t.rests[lane] = r
}

// forget forgets what stood against a lane.
func (t *target) forget(lane string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rests, lane)
}

// answered clears the failures of a lane, and of the target: if the failures were counted as the target's, its other
// lanes continue at once too. The time since which they fail is kept until they are answered themselves.
func (t *target) answered(lane string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rests, lane)
	if t.failures >= failsAlone {
		for other, r := range t.rests {
			t.rests[other] = rest{why: r.why, since: r.since, seen: r.seen}
		}
	}
	t.failures, t.until, t.why = 0, time.Time{}, ""
}

// reach returns the settings of the target.
func (t *target) reach(ctx context.Context) (*route, error) {
	t.mu.Lock()
	r, set := t.route, t.set.Set
	t.mu.Unlock()
	if r != nil && r.setting.Set == set {
		return r, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	s, err := t.round.updater.Target(ctx, waybill.TargetQuestion{Epoch: t.round.epoch, Name: t.name})
	if err != nil {
		return nil, err
	}
	made, err := newRoute(s, t.round.dial)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	r, t.route = t.route, made
	t.mu.Unlock()
	if r != nil {
		r.close()
	}
	return made, nil
}
