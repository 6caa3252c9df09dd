package admission

import (
	"testing"
	"time"
)

// queueing is a service that does a certain number of requests a second, one after the other, behind an admission.
type queueing struct {
	Bound
	rate    int
	now     time.Duration
	waiting []time.Duration // when each came
	refused int
	longest time.Duration // that an answer took
}

// run lets requests come at a rate for a time.
func (q *queueing) run(offered int, d time.Duration) {
	q.refused, q.longest = 0, 0
	const step = time.Millisecond
	came, done := 0.0, 0.0
	for end := q.now + d; q.now < end; q.now += step {
		for came += float64(offered) * step.Seconds(); came >= 1; came-- {
			if q.Admits(len(q.waiting)) {
				q.waiting = append(q.waiting, q.now)
			} else {
				q.refused++
			}
		}
		for done += float64(q.rate) * step.Seconds(); done >= 1; done-- {
			if len(q.waiting) == 0 {
				done = 0
				break
			}
			took := q.now - q.waiting[0] + step
			q.Answered(q.now, took, len(q.waiting))
			q.waiting = q.waiting[1:]
			q.longest = max(q.longest, took)
		}
	}
}

func TestAdmission_BoundsTheWaitHoweverSlowTheService(t *testing.T) {
	for _, rate := range []int{1000, 3000, 6000} {
		for _, times := range []int{2, 10} {
			q := &queueing{rate: rate}
			q.run(rate/2, time.Second)
			if q.refused != 0 {
				t.Fatalf("%d of %d a second: %d refused", rate/2, rate, q.refused)
			}
			q.run(times*rate, 8*time.Second) // finds its bound, and what was let in before it is answered
			q.run(times*rate, 20*time.Second)
			if wait := Standing*3/2 + time.Second*Fewest/time.Duration(rate); q.longest > wait {
				t.Errorf("%d times %d a second: an answer took %v, more than %v", times, rate, q.longest, wait)
			}
			if served := 20*times*rate - q.refused; served < 20*rate*9/10 {
				t.Errorf("%d times %d a second: only %d were let in", times, rate, served)
			}
			q.run(rate/2, 3*time.Second)
			q.run(rate/2, 3*time.Second)
			if q.refused != 0 || q.longest > 10*time.Millisecond {
				t.Errorf("after the overload of %d times %d: %d refused, up to %v", times, rate, q.refused, q.longest)
			}
		}
	}
}

func TestAdmission_AStallIsNoOverload(t *testing.T) {
	q := &queueing{rate: 5000}
	q.run(2000, time.Second)
	for range 3 {
		rate := q.rate
		q.rate = 0
		q.run(1500, 2*time.Second) // nothing is answered, as while the other host is given up
		q.rate = rate * 8          // then all at once
		q.run(1500, time.Second)
		if q.rate = rate; q.refused > 0 || q.bound() != most {
			t.Fatalf("%d refused, bound %d", q.refused, q.bound())
		}
	}
}

// A service whose requests take long by nature is not overloaded.
func TestAdmission_ASlowServiceIsNotAQueue(t *testing.T) {
	var a Bound
	for now := time.Duration(0); now < 10*time.Second; now += time.Millisecond {
		a.Answered(now, 2*time.Second+now%(100*time.Millisecond), 2000)
	}
	if a.bound() != most {
		t.Errorf("bound %d", a.bound())
	}
}

// A service that was quick once and is slow now, at any number of requests: no bound makes it quicker, and a low one only turns
// users away.
func TestAdmission_IsNotLowForEverWhereItHelpsNothing(t *testing.T) {
	var a Bound
	now := time.Duration(0)
	run := func(took, d time.Duration) {
		for end := now + d; now < end; now += time.Millisecond {
			a.Answered(now, took, a.bound())
		}
	}
	run(time.Millisecond, time.Second)
	run(2*time.Second, 10*time.Second)
	if a.bound() <= 2*Fewest {
		t.Errorf("bound %d after 10 s", a.bound())
	}
	run(2*time.Second, 10*time.Second)
	if a.bound() != most {
		t.Errorf("bound %d after 20 s", a.bound())
	}
	run(time.Millisecond, time.Second)
	run(2*time.Second, time.Second)
	if a.bound() == most {
		t.Error("what was quick again is not its best again")
	}
}
