package process

import (
	"testing"
	"time"
)

// steady is a policy without chance.
func steady(enough float64) *Restarts {
	return &Restarts{
		Policy: Policy{Base: 5 * time.Millisecond, Longest: time.Second, Jitter: 0.5, Enough: enough, HalfLife: 10 * time.Second},
		Rand:   func() float64 { return 0 },
	}
}

func TestRestarts_CrashLoop(t *testing.T) {
	r, now := steady(5), time.Unix(1000, 0)
	for i, want := range []struct {
		delay  time.Duration
		giveUp bool
	}{
		{0, false}, {5 * time.Millisecond, false}, {10 * time.Millisecond, false}, {20 * time.Millisecond, false},
		{40 * time.Millisecond, false}, {80 * time.Millisecond, true}, {160 * time.Millisecond, true}, {320 * time.Millisecond, true},
		{640 * time.Millisecond, true}, {time.Second, true}, {time.Second, true},
	} {
		delay, giveUp := r.Decide(now)
		if delay != want.delay || giveUp != want.giveUp {
			t.Errorf("failure %d: %v %v, want %v %v", i+1, delay, giveUp, want.delay, want.giveUp)
		}
	}
}

func TestRestarts_SeldomCrashesAreForgotten(t *testing.T) {
	r, now := steady(5), time.Unix(1000, 0)
	for i := range 1000 {
		if delay, giveUp := r.Decide(now); giveUp || delay != 0 {
			t.Fatalf("crash %d: %v %v", i, delay, giveUp)
		}
		now = now.Add(time.Minute)
	}
}

func TestRestarts_CountHalvesAndSettles(t *testing.T) {
	r, now := steady(4), time.Unix(1000, 0)
	for range 8 {
		r.Decide(now)
	}
	if f := r.Failures(now.Add(10 * time.Second)); f < 3.99 || f > 4.01 {
		t.Errorf("after the half-life: %v", f)
	}
	if in := r.SettledIn(now); in != 20*time.Second {
		t.Errorf("settled in %v", in)
	}
	if in := r.SettledIn(now.Add(time.Minute)); in != 0 {
		t.Errorf("settled in %v", in)
	}
}

func TestRestarts_JitterShortensWithinItsPart(t *testing.T) {
	for _, lot := range []float64{0, 0.25, 0.999} {
		r, now := steady(5), time.Unix(1000, 0)
		r.Rand = func() float64 { return lot }
		r.Decide(now)
		delay, _ := r.Decide(now)
		if want := time.Duration(float64(5*time.Millisecond) * (1 - lot/2)); delay != want {
			t.Errorf("lot %v: %v, want %v", lot, delay, want)
		}
	}
}

// The goal is to be back within 100 ms of a crash, as long as restarting is still believed in.
func TestDefaultPolicy_RestartsWithinTheGoal(t *testing.T) {
	r, now := &Restarts{Policy: DefaultPolicy(), Rand: func() float64 { return 0 }}, time.Unix(1000, 0)
	for i := 0; ; i++ {
		delay, giveUp := r.Decide(now)
		if giveUp {
			if i < 4 {
				t.Errorf("gave up at failure %d", i+1)
			}
			return
		}
		if delay > 50*time.Millisecond {
			t.Errorf("failure %d: %v", i+1, delay)
		}
		now = now.Add(delay + 50*time.Millisecond)
	}
}

// look passes time in the watch's own interval and returns how long it took to call the process frozen, 0 for never.
func look(w *Watch, now *time.Time, d time.Duration) time.Duration {
	for passed := time.Duration(0); passed < d; passed += w.Interval() {
		*now = now.Add(w.Interval())
		if w.Frozen(*now) {
			return passed + w.Interval()
		}
	}
	return 0
}

func TestWatch_SilenceIsFrozen(t *testing.T) {
	now := time.Unix(1000, 0)
	w := &Watch{Patience: 1600 * time.Millisecond, StartPatience: 8 * time.Second}
	w.Frozen(now)
	if took := look(w, &now, 20*time.Second); took < 8*time.Second || took > 8200*time.Millisecond {
		t.Errorf("before the first beat: %v", took)
	}
	w.Beat()
	if took := look(w, &now, 20*time.Second); took < 1600*time.Millisecond || took > 1800*time.Millisecond {
		t.Errorf("after a beat: %v", took)
	}
	for range 100 {
		w.Beat()
		if took := look(w, &now, 1500*time.Millisecond); took != 0 {
			t.Fatalf("beating process called frozen after %v", took)
		}
	}
}

// The whole host was stopped and continued: the watcher could not look either.
func TestWatch_OwnFreezeIsNobodysFault(t *testing.T) {
	now := time.Unix(1000, 0)
	w := &Watch{Patience: 1600 * time.Millisecond}
	w.Beat()
	w.Frozen(now)
	for range 3 {
		now = now.Add(time.Hour)
		if w.Frozen(now) {
			t.Fatal("called frozen after an hour in which the watcher was frozen itself")
		}
	}
	if took := look(w, &now, 5*time.Second); took == 0 || took > 1600*time.Millisecond {
		t.Errorf("and never again called frozen: %v", took)
	}
}

// T11: at full load the watcher gets to look ten times too seldom, and so does the process to beat.
func TestWatch_StarvedTogether(t *testing.T) {
	now := time.Unix(1000, 0)
	w := &Watch{Patience: 500 * time.Millisecond}
	w.Beat()
	for i := range 1000 {
		now = now.Add(400 * time.Millisecond)
		if w.Frozen(now) {
			t.Fatal("starved process called frozen")
		}
		if i%4 == 0 {
			w.Beat()
		}
	}
}
