package world

import (
	"math/rand/v2"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// Walk draws a schedule: faults that begin and end, alone and in combination, for about the given time. One seed
// gives one schedule.
func Walk(seed uint64, lasts time.Duration) Schedule {
	random := rand.New(rand.NewPCG(seed, 1))
	d := &drawing{random: random, lease: time.Second}
	if random.IntN(4) == 0 {
		d.lease = 300 * time.Millisecond
	}
	s := Schedule{Seed: seed, Lease: d.lease}
	if random.IntN(4) == 0 {
		s.History = 100 // a host that was away for long needs a snapshot
	}
	for at := d.below(d.lease); at < lasts; at += d.below(3 * d.lease) {
		d.at = at
		d.fault()
		if random.IntN(4) == 0 {
			d.fault() // two at the same moment
		}
	}
	s.Events = sorted(d.events)
	return s
}

// drawing is a schedule in the making.
type drawing struct {
	random *rand.Rand
	lease  time.Duration
	at     time.Duration
	events []Event
}

// below draws a time in steps of a millisecond, so that schedules are short to read.
func (d *drawing) below(most time.Duration) time.Duration {
	return time.Duration(1+d.random.Int64N(int64(most/time.Millisecond))) * time.Millisecond
}

// holds draws how long a fault lasts: mostly about a lease, sometimes several.
func (d *drawing) holds() time.Duration {
	if d.random.IntN(4) == 0 {
		return d.below(6 * d.lease)
	}
	return d.below(2 * d.lease)
}

func (d *drawing) add(after time.Duration, verb string, args ...string) {
	d.events = append(d.events, Event{At: d.at + after, Verb: verb, Args: args})
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// fault draws one, with its beginning and end.
func (d *drawing) fault() {
	r, host, hold := d.random, pick(d.random, pair.HostA, pair.HostB), d.holds()
	terminal := pair.TerminalID(r.IntN(terminals))
	kinds := []struct {
		weight int
		draw   func()
	}{
		{12, func() { d.add(0, "kill", host); d.add(hold, "start", host) }},
		{3, func() {
			d.add(0, "kill", pair.HostA)
			d.add(d.below(50*time.Millisecond), "kill", pair.HostB)
			d.add(hold, "start", host)
			d.add(hold+d.below(d.lease), "start", pair.Other(host))
		}},
		{5, func() { d.add(0, "stop", host); d.add(hold, "start", host) }},
		{10, func() { d.add(0, "crash", host, pick(r, "updater", "terminal-if", "business.kv", "business.ledger")) }},
		{6, func() { d.add(0, "kill", pair.Witness); d.add(hold, "start", pair.Witness) }},
		{16, func() { d.cut(hold, pair.HostA, pair.HostB) }},
		{8, func() { d.cut(hold, host, pair.Witness) }},
		{6, func() { d.cut(hold, host, terminal) }},
		{6, func() { // off from everything, or from the other host and the witness
			d.cutBoth(hold, host, pair.Other(host))
			d.cutBoth(hold, host, pair.Witness)
			if r.IntN(2) == 0 {
				for i := range terminals {
					d.cutBoth(hold, host, pair.TerminalID(i))
				}
			}
		}},
		{5, func() {
			d.add(0, "slow", host, pair.Other(host), d.below(400*time.Millisecond).String())
			d.add(hold, "fix", host, pair.Other(host))
		}},
		{8, func() { d.add(0, "stall", host); d.add(hold, "release", host) }},
		{5, func() { // a flapping wire
			for range 2 + r.IntN(4) {
				begins := d.below(hold)
				d.add(begins, "cut", host, pair.Other(host))
				d.add(begins+d.below(100*time.Millisecond), "fix", host, pair.Other(host))
			}
		}},
		{4, func() { // the standby first, and then the active: the record must be respected
			d.add(0, "kill", host)
			d.add(d.below(d.lease), "kill", pair.Other(host))
			d.add(d.lease+hold, "start", host)
			d.add(d.lease+hold+d.below(3*d.lease), "start", pair.Other(host))
		}},
		{5, func() { d.add(0, "switchover", host) }},
	}
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	n := r.IntN(sum)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			k.draw()
			return
		}
	}
}

// cut cuts one direction or both.
func (d *drawing) cut(hold time.Duration, one, other string) {
	if d.random.IntN(3) == 0 {
		if d.random.IntN(2) == 0 {
			one, other = other, one
		}
		d.add(0, "cut", one, other)
		d.add(hold, "fix", one, other)
		return
	}
	d.cutBoth(hold, one, other)
}

func (d *drawing) cutBoth(hold time.Duration, one, other string) {
	for _, w := range [][]string{{one, other}, {other, one}} {
		d.add(0, "cut", w...)
		d.add(hold, "fix", w...)
	}
}
