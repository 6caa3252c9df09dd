package lateness

import (
	"fmt"
	"time"
)

// Day is the lateness of the other main in the last day, as one host has measured it. The JSON names are stable.
type Day struct {
	// Measured is the measured time: less than a day if main started later.
	Measured time.Duration `json:"measured_ns"`
	// Heard is how late the other main was heard, Replies how late it replied to beats, both beyond the interval of
	// beats and without this main's own stalls. Own is how late this main's own loop turned.
	Heard   Times `json:"heard"`
	Replies Times `json:"replies"`
	Own     Times `json:"own"`
	// Witness is its response time. No lease depends on it.
	Witness Times `json:"witness"`
	// Borne is the smallest lease that would have tolerated all of that: no host would have been replaced. 0: nothing
	// was measured.
	Borne time.Duration `json:"borne_ns"`
}

const (
	// step is what leases are rounded up to, and least the shortest that is allowed (config).
	step  = 10 * time.Millisecond
	least = 100 * time.Millisecond
	// margin is what a standby waits beyond a lease and a tenth.
	margin = 10 * time.Millisecond
)

// borne is the smallest lease that would have tolerated it. With beats every eighth of a lease L, a reply that is
// late by R comes L/8 + R after the previous one, which must be less than L/2; a message within L/8 + H, less than
// 1.1 L; and the right from a reply must not have ended when the next one comes: L/8 + R + own lateness, less than L.
func (d Day) borne() time.Duration {
	if d.Heard.Count == 0 || d.Replies.Count == 0 {
		return 0
	}
	l := max(
		d.Replies.Longest*8/3,
		(d.Heard.Longest-margin)*40/39,
		(d.Replies.Longest+d.Own.Longest)*8/7,
		least-step,
	)
	return (l/step + 1) * step
}

// Both returns the lease needed on two hosts: both have to tolerate it, in either role.
func Both(a, b Day) Day {
	all := Day{Measured: min(a.Measured, b.Measured), Heard: both(a.Heard, b.Heard), Replies: both(a.Replies, b.Replies), Own: both(a.Own, b.Own), Witness: both(a.Witness, b.Witness)}
	all.Borne = max(a.Borne, b.Borne)
	if a.Borne == 0 || b.Borne == 0 {
		all.Borne = 0
	}
	return all
}

func both(a, b Times) Times {
	return Times{Count: a.Count + b.Count, Median: max(a.Median, b.Median), Slow: max(a.Slow, b.Slow), Slowest: max(a.Slowest, b.Slowest), Longest: max(a.Longest, b.Longest)}
}

// Advice says what the day means for a lease: in a sentence; whether the lease was too short for it; and what to do
// if it was.
func (d Day) Advice(lease time.Duration) (text string, short bool, remedy string) {
	if d.Borne == 0 {
		return "no measurements yet", false, ""
	}
	text = fmt.Sprintf("the last %s would have allowed a lease of %s; it is %s (replies came at most %s late, messages %s, this main's own turns %s)",
		spell(d.Measured), d.Borne, lease, rounded(d.Replies.Longest), rounded(d.Heard.Longest), rounded(d.Own.Longest))
	switch {
	case d.Borne > lease:
		return text, true, fmt.Sprintf("with this lease a host that is only slow may be replaced: set HOTPAIR_LEASE to %s or more on both hosts, or find out what stalls the machines or the network", room(d.Borne))
	case room(d.Borne) < lease && d.Measured >= enough:
		text += fmt.Sprintf("; a lease of %s would have been ample, and would replace a silent host sooner (HOTPAIR_LEASE)", room(d.Borne))
	}
	return text, false, ""
}

// enough is the measured time before a shorter lease is advised: a day includes all times of day.
const enough = 20 * time.Hour

// room is a lease with as much again to spare.
func room(borne time.Duration) time.Duration { return 2 * borne }

// spell is a time in its largest unit.
func spell(d time.Duration) string {
	switch {
	case d >= 23*time.Hour:
		return "day"
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", max(d/time.Second, 1))
}

func rounded(d time.Duration) time.Duration {
	if d >= time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
