package agenda

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/timers"
)

// pair is an updater and the services of a host, in memory. All sleeps are of a bubble's clock, which is what timers are about.
type pair struct {
	mu       sync.Mutex
	timers   []Timer // in the order in which they are due
	due      map[string]time.Time
	revision uint64
	version  uint64
	changed  chan struct{}
	parked   map[string]string
	noted    int
	asked    int
	down     bool
	running  int
	most     int
	waiting  int // requests of terminals

	// service says how a run ends; nil never ends it.
	service func(q bus.Request) *bus.Reply
	took    time.Duration
	runs    map[string][]time.Duration // when, since the beginning
	began   time.Time
}

func newPair() *pair {
	return &pair{
		due: map[string]time.Time{}, changed: make(chan struct{}), parked: map[string]string{}, runs: map[string][]time.Duration{}, began: time.Now(),
		service: func(bus.Request) *bus.Reply { return &bus.Reply{} }, took: time.Millisecond,
	}
}

func (p *pair) set(key string, in time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revision++
	p.timers = slices.DeleteFunc(p.timers, func(t Timer) bool { return t.Key == key })
	p.due[key] = time.Now().Add(in)
	p.timers = append(p.timers, Timer{Service: "kv", Key: key, Revision: p.revision, Operation: "do", At: p.due[key].UnixNano()})
	slices.SortStableFunc(p.timers, func(a, b Timer) int { return p.due[a.Key].Compare(p.due[b.Key]) })
	p.moved()
}

// moved tells who waits. The lock is held.
func (p *pair) moved() {
	p.version++
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pair) remove(key string, revision uint64) bool {
	before := len(p.timers)
	p.timers = slices.DeleteFunc(p.timers, func(t Timer) bool { return t.Key == key && t.Revision == revision })
	return len(p.timers) < before
}

func (p *pair) Due(ctx context.Context, q Question) (Due, error) {
	p.mu.Lock()
	p.asked++
	changed, version := p.changed, p.version
	p.mu.Unlock()
	if q.Wait > 0 && version == q.Seen {
		select {
		case <-changed:
		case <-time.After(q.Wait):
		case <-ctx.Done():
			return Due{}, ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return Due{}, errors.New("the updater restarts")
	}
	d := Due{Version: p.version, Kept: len(p.timers) + len(p.parked), Parked: len(p.parked)}
	if q.Most == 0 {
		return d, nil
	}
	place := func(t Timer) []byte { // in the order of p.timers, whatever becomes of those before
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(p.due[t.Key].UnixNano())), t.Revision)
	}
	for _, t := range p.timers {
		if in := time.Until(p.due[t.Key]); in > 0 {
			d.Next = in
			break
		}
		if q.From != nil && bytes.Compare(place(t), q.From.Counted) < 0 {
			continue
		}
		if len(d.Timers) == q.Most {
			d.Rest = &Place{Counted: place(t)}
			break
		}
		t.Late = -time.Until(p.due[t.Key])
		d.Timers = append(d.Timers, t)
	}
	return d, nil
}

func (p *pair) Order(_ context.Context, o Orders) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(o.Orders) == 0 {
		p.noted++
	}
	for _, one := range o.Orders {
		if !p.remove(one.Key, one.Revision) {
			return errors.New("it was moved")
		}
		if one.Kind == timers.Park {
			p.parked[one.Key] = one.Why
		}
	}
	p.moved()
	return nil
}

func (p *pair) Run(q bus.Request, answer func(bus.Reply)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs[q.Timer.Key] = append(p.runs[q.Timer.Key], time.Since(p.began))
	p.running++
	p.most = max(p.most, p.running)
	go func() {
		time.Sleep(p.took)
		reply := p.service(q)
		p.mu.Lock()
		p.running--
		if reply != nil && reply.Code == bus.CodeOK && string(reply.Body) != "not committed" {
			if p.remove(q.Timer.Key, q.Timer.Revision) {
				p.moved()
			} else {
				reply = &bus.Reply{Code: bus.CodeTooOld}
			}
		}
		p.mu.Unlock()
		if reply != nil {
			answer(*reply)
		}
	}()
}

func (p *pair) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// wait has so many requests of terminals wait for answers, and says how many timers ran at once at most until then.
func (p *pair) wait(requests int) (most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most = p.most
	p.waiting, p.most = requests, 0
	return most
}

// during lets an agenda run for a time.
func (p *pair) during(t *testing.T, d time.Duration, while func()) (last outbox.TimerState) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	a := New(7, timers.MaxTries, p, p, slog.New(slog.DiscardHandler), func(s outbox.TimerState) { mu.Lock(); last = s; mu.Unlock() })
	ended := make(chan struct{})
	go func() { defer close(ended); a.Run(ctx) }()
	if while != nil {
		while()
	}
	<-ended
	mu.Lock()
	defer mu.Unlock()
	return last
}

func TestAgenda_RunsWhatIsDueWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.set("now", 0)
		p.set("soon", 3*time.Second)
		p.set("later", time.Hour)
		state := p.during(t, 10*time.Minute, func() {
			time.Sleep(time.Minute)
			p.set("set meanwhile", 100*time.Millisecond)
			p.set("later", 2*time.Minute) // sooner than it was
		})
		for key, at := range map[string]time.Duration{"now": 0, "soon": 3 * time.Second, "set meanwhile": time.Minute + 100*time.Millisecond, "later": 3 * time.Minute} {
			if got := p.runs[key]; len(got) != 1 || got[0] < at || got[0] > at+10*time.Millisecond {
				t.Errorf("%s runs at %v, want %v", key, got, at)
			}
		}
		if state.Runs != 4 || state.Kept != 0 || state.Running != 0 {
			t.Errorf("%+v", state)
		}
		if p.asked > 400 {
			t.Errorf("it asked %d times in ten minutes", p.asked)
		}
	})
}

func TestAgenda_FailuresRestAndAreParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.set("bad", 0)
		p.set("good", time.Minute)
		p.service = func(q bus.Request) *bus.Reply {
			if q.Timer.Key == "bad" {
				return &bus.Reply{Code: bus.CodeFault, Message: "it fails"}
			}
			return &bus.Reply{}
		}
		state := p.during(t, 2*time.Hour, nil)
		runs := p.runs["bad"]
		if len(runs) != timers.MaxTries || p.parked["bad"] != "it fails" {
			t.Fatalf("%d runs, parked %v", len(runs), p.parked)
		}
		for n := 1; n < len(runs); n++ {
			want := min(time.Second<<(n-1), timers.LongestPause)
			if pause := runs[n] - runs[n-1]; pause < want || pause > want+100*time.Millisecond {
				t.Errorf("pause %d is %v, want %v", n, pause, want)
			}
		}
		if len(p.runs["good"]) != 1 || state.Parked != 1 || state.Failing != 0 {
			t.Errorf("good %v, %+v", p.runs["good"], state)
		}
	})
}

// TestAgenda_WhatUsesUpNoTry: a service that is down, and conflicts; but not what is said to be done, or unknown, and is there again.
func TestAgenda_WhatUsesUpNoTry(t *testing.T) {
	for _, code := range []int{bus.CodeNobody, bus.CodeOverloaded, bus.CodeUnknown, bus.CodeTooOld} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair()
			p.set("a", 0)
			p.service = func(bus.Request) *bus.Reply {
				if time.Since(p.began) > 10*time.Minute {
					return &bus.Reply{}
				}
				return &bus.Reply{Code: code}
			}
			p.during(t, 20*time.Minute, nil)
			runs := len(p.runs["a"])
			if code == bus.CodeTooOld || code == bus.CodeUnknown { // said of one that is still there: that is a failure
				if runs > timers.MaxTries || runs < 5 {
					t.Errorf("code %d: %d runs of one that is always there again", code, runs)
				}
				return
			}
			if len(p.timers) != 0 || len(p.parked) != 0 || runs < timers.MaxTries || runs > 6000 {
				t.Errorf("code %d: %d runs, left %v, parked %v", code, runs, p.timers, p.parked)
			}
		})
	}
}

// TestAgenda_AnsweredAndNotCommitted: a service in another language that answers a run and does not commit it.
func TestAgenda_AnsweredAndNotCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.set("a", 0)
		p.service = func(bus.Request) *bus.Reply { return &bus.Reply{Body: []byte("not committed")} }
		p.during(t, 2*time.Hour, nil)
		if runs := len(p.runs["a"]); runs != timers.MaxTries || p.parked["a"] == "" {
			t.Errorf("%d runs, parked %v", runs, p.parked)
		}
	})
}

func TestAgenda_ManyAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		const many = 1000
		for n := range many {
			p.set(fmt.Sprintf("%04d", n), 0)
		}
		p.took = 10 * time.Millisecond
		stuck := map[string]bool{"0001": true, "0500": true}
		p.service = func(q bus.Request) *bus.Reply {
			if stuck[q.Timer.Key] {
				return nil
			}
			return &bus.Reply{}
		}
		p.during(t, time.Minute, nil)
		if p.most > atOnce+len(stuck) || len(p.runs) != many || len(p.timers) != len(stuck) {
			t.Errorf("%d at once, %d of %d run, %d left", p.most, len(p.runs), many, len(p.timers))
		}
		for key, runs := range p.runs {
			if len(runs) != 1 && !stuck[key] {
				t.Errorf("%s ran %d times", key, len(runs))
			}
		}
	})
}

// TestAgenda_LateOnesAreDropped, also behind a page of those that rest.
func TestAgenda_LateOnesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		for n := range 3 * page {
			p.set(fmt.Sprintf("bad %d", n), 0)
		}
		p.set("late", 0)
		p.set("good", 0)
		p.timers[len(p.timers)-2].Skip = true
		p.service = func(q bus.Request) *bus.Reply {
			if q.Timer.Key == "good" {
				return &bus.Reply{}
			}
			return &bus.Reply{Code: bus.CodeFault}
		}
		p.during(t, 30*time.Second, nil)
		if len(p.runs["late"]) != 0 || len(p.runs["good"]) != 1 || slices.ContainsFunc(p.timers, func(t Timer) bool { return t.Skip }) {
			t.Errorf("late %v, good %v", p.runs["late"], p.runs["good"])
		}
	})
}

// TestAgenda_UpdaterGoesAway: nothing is lost by an updater that restarts, and the time is noted while there are timers.
func TestAgenda_UpdaterGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.set("a", 5*time.Second)
		p.set("b", time.Hour)
		p.during(t, 5*time.Minute, func() {
			p.mu.Lock()
			p.down = true
			p.mu.Unlock()
			time.Sleep(10 * time.Second)
			p.mu.Lock()
			p.down = false
			p.mu.Unlock()
		})
		if got := p.runs["a"]; len(got) != 1 || got[0] > 11*time.Second {
			t.Errorf("a ran at %v", got)
		}
		if p.noted < 3 || p.noted > 5 {
			t.Errorf("the time was noted %d times in five minutes", p.noted)
		}
		if n := cmp.Compare(len(p.runs["b"]), 0); n != 0 {
			t.Error("b ran")
		}
	})
}

// TestAgenda_AServiceThatNeverAnswers: it is given up after a while, which is a failure, and what it says then counts for nothing.
func TestAgenda_AServiceThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.set("a", 0)
		p.service = func(bus.Request) *bus.Reply { return nil }
		state := p.during(t, 10*time.Minute, nil)
		runs := p.runs["a"]
		if len(runs) < 5 || len(runs) > 14 || state.Failing != 1 {
			t.Errorf("runs at %v, %+v", runs, state)
		}
		for n := 1; n < len(runs); n++ {
			if pause := runs[n] - runs[n-1]; pause < runWithin+outTime {
				t.Errorf("run %d after %v", n, pause)
			}
		}
	})
}

// TestAgenda_ThousandsThatRest cost few questions, and keep those behind them no longer than a moment.
func TestAgenda_ThousandsThatRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		const many = 32 * page
		for n := range many {
			p.set(fmt.Sprintf("bad %05d", n), 0)
		}
		p.service = func(q bus.Request) *bus.Reply {
			if q.Timer.Key == "good" {
				return &bus.Reply{}
			}
			return &bus.Reply{Code: bus.CodeFault}
		}
		p.during(t, 5*time.Minute, func() {
			time.Sleep(4 * time.Minute)
			p.set("good", 0)
		})
		if runs := p.runs["good"]; len(runs) != 1 || runs[0] > 4*time.Minute+20*time.Second {
			t.Errorf("good ran at %v", runs)
		}
		ran := 0
		for _, runs := range p.runs {
			ran += len(runs)
		}
		if p.asked-ran > 5*60*60 { // each run may be worth a question
			t.Errorf("it asked %d times for %d runs", p.asked, ran)
		}
	})
}

// TestAgenda_WhatCrashesItsServiceIsParked, also when each run is given up while the service is away: the count goes on with the next.
// What was out at crashes of others, and is answered, is not.
func TestAgenda_WhatCrashesItsServiceIsParked(t *testing.T) {
	for _, code := range []int{bus.CodeFault, bus.CodeNobody} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair()
			p.set("bad", 0)
			p.set("beside", 0)
			beside := 0
			p.service = func(q bus.Request) *bus.Reply {
				if q.Timer.Key == "bad" {
					return &bus.Reply{Code: code, Message: "it went down", Crashes: q.Crashes + 1}
				}
				if beside++; beside%2 == 1 {
					return &bus.Reply{Code: bus.CodeNobody, Crashes: q.Crashes + 2}
				}
				return &bus.Reply{Code: bus.CodeFault, Crashes: q.Crashes}
			}
			p.during(t, time.Minute, nil)
			want := Poisoned
			if code == bus.CodeFault { // it answered: each time it was another's
				want = 6
			}
			if runs := len(p.runs["bad"]); runs != want || (p.parked["bad"] == "") != (code == bus.CodeFault) {
				t.Errorf("code %d: %d runs, parked %v", code, runs, p.parked)
			}
			if p.parked["beside"] != "" || len(p.runs["beside"]) < 10 {
				t.Errorf("beside it %d runs, parked %v", len(p.runs["beside"]), p.parked)
			}
		})
	}
}

// TestAgenda_ManyOfOneService run as fast as they may, and keep the one of another service that is due behind them no longer than a pass.
func TestAgenda_ManyOfOneService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		const many = 10_000
		for n := range many {
			key := fmt.Sprintf("%05d", n)
			p.revision++
			p.due[key] = p.began.Add(-time.Hour)
			p.timers = append(p.timers, Timer{Service: "kv", Key: key, Revision: p.revision, Operation: "do"})
		}
		p.set("another", 0)
		p.timers[many].Service = "ledger"
		p.took = 10 * time.Millisecond
		p.during(t, 30*time.Second, nil)
		last := time.Duration(0)
		for _, runs := range p.runs {
			last = max(last, runs[0])
		}
		if least := many / eachAtOnce * p.took; len(p.runs) != many+1 || len(p.timers) > 0 || last > 2*least {
			t.Errorf("%d of %d have run, the last after %v; it takes %v at least", len(p.runs), many+1, last, least)
		}
		if runs := p.runs["another"]; len(runs) != 1 || runs[0] > 3*time.Second {
			t.Errorf("the one of another service ran at %v", runs)
		}
		if p.asked > many/4 {
			t.Errorf("it asked %d times", p.asked)
		}
	})
}

// TestAgenda_YieldsToTerminals: while terminals wait for answers few timers of a service run at once, and as many as may a while later.
func TestAgenda_YieldsToTerminals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		for n := range 10_000 {
			p.set(fmt.Sprintf("%05d", n), 0)
		}
		p.took = 10 * time.Millisecond
		p.wait(1)
		p.during(t, 11*time.Second, func() {
			time.Sleep(5 * time.Second)
			if most := p.wait(0); most != eachBeside {
				t.Errorf("%d ran at once while a terminal waited", most)
			}
			if least := int(4*time.Second/p.took) * eachBeside / 2; len(p.runs) < least {
				t.Errorf("%d ran in 5 s, at least %d can", len(p.runs), least)
			}
			time.Sleep(2 * time.Second)
			if most := p.wait(1); most != eachAtOnce {
				t.Errorf("%d ran at once when no terminal waited", most)
			}
			time.Sleep(100 * time.Millisecond)
			p.wait(1)
			time.Sleep(2 * time.Second)
			if most := p.wait(1); most != eachBeside {
				t.Errorf("%d ran at once when a terminal waited again", most)
			}
		})
		time.Sleep(2 * p.took) // what is out ends
	})
}
