// Package lateness measures how late messages of the other main arrive, over the last day, and says which lease that
// day would have allowed.
//
// A lease is a bet on lateness: a shorter one replaces a silent host sooner, but mistakes a slow one for silent. Only
// the machines themselves can know the odds, so every host measures them, always. Three kinds of lateness bound the
// lease, and each is measured where the role machine would act on it:
//
//   - an active gives its standby up when its own beats have had no reply for half a lease: how late replies are ([Day].Replies);
//   - a standby takes over when it has heard nothing for a lease and a tenth: how late it hears anything ([Day].Heard);
//   - an active may answer for a lease from when it sent a beat that got a reply, and this main may stall ([Day].Own).
//
// Beats come every eighth of a lease, so lateness is what exceeds that. The witness bounds no lease: it is asked
// after somebody has been silent. Its response time is then a part of the gap ([Day].Witness).
//
// A silence that ends with another connection or another run of the other main is an outage, not lateness, and is not
// counted. Neither is time in which this main was stalled itself, as in the role machine.
package lateness

import (
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/lease"
)

// Watch measures one other main; a nil Watch measures nothing. Its methods may be called from any goroutine, cost
// less than a message, and never wait.
type Watch struct {
	clock    lease.Clock
	interval time.Duration // between two beats
	began    time.Duration

	mu      sync.Mutex
	turned  time.Duration // this main's loop did last; 0: not yet
	heard   time.Duration // the other main was last; 0: nothing before the next word counts
	run     uint64        // of the other main
	replied time.Duration // when the last beat was sent that was replied to; 0 likewise

	heards, replies, owns, witness tally
	heardSince, repliesSince       histogram.Histogram
}

// NewWatch returns a Watch for a main that beats at an interval.
func NewWatch(clock lease.Clock, interval time.Duration) *Watch {
	return &Watch{clock: clock, interval: interval, began: clock()}
}

// Turned is called each time that this main's loop has turned, at least once per interval.
func (w *Watch) Turned() {
	if w == nil {
		return
	}
	now := w.clock()
	w.mu.Lock()
	before := w.turned
	w.turned = now
	passed := now - before
	late := time.Duration(0)
	if before != 0 {
		late = max(passed-w.interval, 0)
	}
	if passed > stalledAfter*w.interval && before != 0 {
		// The time for which this main was stalled moves on what it compares with, as in the role machine.
		for _, mark := range []*time.Duration{&w.heard, &w.replied} {
			if *mark != 0 {
				*mark = min(*mark+late, now)
			}
		}
	}
	w.mu.Unlock()
	if before != 0 {
		w.owns.add(now, late)
	}
}

// stalledAfter is the number of intervals without a turn after which this main counts as stalled, as in its role
// machine.
const stalledAfter = 2

// Heard is called for each beat of the other main; run identifies its run.
func (w *Watch) Heard(run uint64) { w.word(w.clock(), run, true) }

// Replied is called for each reply, with the time of the beat.
func (w *Watch) Replied(sent time.Duration, run uint64) {
	now := w.clock()
	w.word(now, run, false)
	w.mu.Lock()
	before := w.replied
	w.replied = max(before, sent)
	w.mu.Unlock()
	if before != 0 && sent > before {
		late := max(now-before-w.interval, 0)
		w.replies.add(now, late)
		w.repliesSince.Observe(late)
	}
}

// word is any message of the other main.
func (w *Watch) word(now time.Duration, run uint64, beat bool) {
	w.mu.Lock()
	if run != w.run {
		w.run, w.heard, w.replied = run, 0, 0
	}
	before := w.heard
	w.heard = now
	w.mu.Unlock()
	if before == 0 {
		return
	}
	late := max(now-before-w.interval, 0)
	w.heards.add(now, late)
	if beat {
		w.heardSince.Observe(late)
	}
}

// Lost is called when a connection to the other main has ended: the next message is not late.
func (w *Watch) Lost() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard, w.replied = 0, 0
}

// Asked records a response time of the witness.
func (w *Watch) Asked(took time.Duration) { w.witness.add(w.clock(), took) }

// Samples are the counts since this main started: how late the other main was heard, and how late it replied.
func (w *Watch) Samples() (heard, replies histogram.Sample) {
	return w.heardSince.Sample(), w.repliesSince.Sample()
}

// Day returns the measurements of the last day.
func (w *Watch) Day() Day {
	now := w.clock()
	d := Day{
		Measured: min(now-w.began, (slots-1)*slot),
		Heard:    w.heards.day(now), Replies: w.replies.day(now), Own: w.owns.day(now), Witness: w.witness.day(now),
	}
	d.Borne = d.borne()
	return d
}
