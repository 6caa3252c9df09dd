package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/load"
	"github.com/hotpair/hotpair/simulator/pair"
)

// Each test plays one sequence of failures that stops or harms other systems, states what must come of it, and why that
// is right. All of them end as every run does: everything heals, nothing is lost, doubled or stale, both hosts are equal.

// TestLab plays the most telling ones; all with -long.
func TestLab(t *testing.T) {
	const always, longOnly = true, false
	for _, sequence := range []struct {
		name  string
		short bool
		play  func(*testing.T)
	}{
		{"ActiveKilled", longOnly, sequenceActiveKilled},
		{"LinkCutBothSeeWitness", always, sequenceLinkCutBothSeeWitness},
		{"ActiveCutOffFromBoth", always, sequenceActiveCutOffFromBoth},
		{"ActiveCutOffWithATerminal", longOnly, sequenceActiveCutOffWithATerminal},
		{"FrozenPastLeaseAnsweringNothingStale", always, sequenceFrozenPastLeaseAnsweringNothingStale},
		{"WitnessLostThenStandbyLost", longOnly, sequenceWitnessLostThenStandbyLost},
		{"WitnessLostThenStandbyLostAndBack", longOnly, sequenceWitnessLostThenStandbyLostAndBack},
		{"WitnessLostBeforeTakeover", longOnly, sequenceWitnessLostBeforeTakeover},
		{"WitnessLostDuringTakeover", longOnly, sequenceWitnessLostDuringTakeover},
		{"WitnessLostAfterTakeover", longOnly, sequenceWitnessLostAfterTakeover},
		{"StandbyCrashThenActiveCrashThenStandbyAlone", longOnly, sequenceStandbyCrashThenActiveCrashThenStandbyAlone},
		{"LinkCutThenWitnessMovesToTheOtherSide", longOnly, sequenceLinkCutThenWitnessMovesToTheOtherSide},
		{"BothLosePower", longOnly, sequenceBothLosePower},
		{"OneWayCuts", longOnly, sequenceOneDirectionCuts},
		{"T5ActiveReachesNoTerminal", longOnly, sequenceT5ActiveReachesNoTerminal},
		{"TerminalFrozen", always, sequenceTerminalFrozen},
		{"T5AllTerminalsFrozen", longOnly, sequenceT5AllTerminalsFrozen},
		{"FullDiskOfActive", always, diskOfActive((*Disk).Fill)},
		{"FullDiskOfStandby", longOnly, diskOfStandby((*Disk).Fill)},
		{"FailingFsyncOfActive", longOnly, diskOfActive((*Disk).FailSync)},
		{"FailingFsyncOfStandby", longOnly, diskOfStandby((*Disk).FailSync)},
		{"T6StuckDiskOfActive", longOnly, diskOfActive(stuck)},
		{"SlowDiskOfStandby", longOnly, sequenceSlowDiskOfStandby},
		{"BothDisksFull", longOnly, sequenceBothDisksFull},
	} {
		if sequence.short || *long {
			t.Run(sequence.name, sequence.play)
		}
	}
}

func (f *fixture) mustActive() (string, operator.Status) {
	f.Helper()
	var host string
	var status operator.Status
	f.await("host that serves", func() bool {
		host, status = f.Active(f.ctx)
		return host != ""
	})
	return host, status
}

// awaitTakeover waits until the other host serves in a higher epoch, and new updates are acknowledged.
func (f *fixture) awaitTakeover(before operator.Status) {
	f.Helper()
	began := time.Now()
	f.await("takeover from "+before.Host, func() bool {
		s, err := f.Status(f.ctx, pair.Other(before.Host)) // it alone: the old one may be frozen
		return err == nil && s.Serves() && s.Epoch > before.Epoch
	})
	f.Logf("measured: %s serves after %s", pair.Other(before.Host), time.Since(began).Round(time.Millisecond))
	f.progress()
}

// awaitSolo waits until a host serves alone.
func (f *fixture) awaitSolo(host string) {
	f.Helper()
	f.await(host+" serving alone", func() bool {
		active, s := f.Active(f.ctx)
		return active == host && len(s.InSync) == 1
	})
}

// same demands that the term has not changed.
func (f *fixture) same(before operator.Status) {
	f.Helper()
	if host, s := f.mustActive(); host != before.Host || s.Epoch != before.Epoch {
		f.Errorf("%s serves in epoch %d, before it was %s in epoch %d", host, s.Epoch, before.Host, before.Epoch)
	}
}

// nobody demands that for a while no host says that it may answer, and nothing is acknowledged.
func (f *fixture) nobody(during time.Duration) {
	f.Helper()
	f.await("end of answers", func() bool { host, _ := f.Active(f.ctx); return host == "" })
	acknowledged := f.load.Acknowledged()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(askEvery) {
		if host, s := f.Active(f.ctx); host != "" {
			f.Fatalf("%s serves in epoch %d, in sync %v", host, s.Epoch, s.InSync)
		}
	}
	// Answers that were under way at the beginning may still have been counted.
	if n := f.load.Acknowledged() - acknowledged; n > load.Clients {
		f.Errorf("%d operations were acknowledged while nobody served", n)
	}
}

// finishCrossed is finish after a takeover.
func (f *fixture) finishCrossed() {
	f.Helper()
	if v := f.finish(); v.Crossed == 0 {
		f.Error("no key was used on both sides of a takeover")
	}
}

// The active is killed: the standby is told by refused connections, holds everything, and takes over at once.
func sequenceActiveKilled(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Kill(f.ctx, active))
	f.awaitTakeover(before)
	f.finishCrossed()
}

// The link is cut and both hosts see the witness. Exactly one goes on, and it is the active, in the same epoch: its request
// to go solo comes to the witness before the standby may try (lease/2 against lease). The standby does not hold
// what is acknowledged from then on, so it may not serve until it has caught up.
func sequenceLinkCutBothSeeWitness(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Cut(active, pair.Other(active), Silent))
	f.awaitSolo(active)
	f.progress()
	f.same(before)
	s, err := f.Status(f.ctx, pair.Other(active))
	f.must(err)
	if s.Role != "standby" || slices.Contains(s.InSync, s.Host) && s.RecordVersion > before.RecordVersion {
		t.Errorf("the standby is %s, in sync %v", s.Role, s.InSync)
	}
	f.finish()
	f.same(before)
}

// The active is cut off from standby and witness, but not from the terminals, which go on asking it. It can't tell a
// dead standby from a cut wire, so its right to answer ends with its lease; only then does the standby, which the witness
// prefers to a host that it does not hear, serve the same terminals. Nothing is answered from the old state meanwhile.
func sequenceActiveCutOffFromBoth(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Cut(active, pair.Other(active), Silent))
	f.must(f.Cut(active, pair.Witness, Silent))
	f.awaitTakeover(before)
	s, err := f.Status(f.ctx, active)
	f.must(err)
	if s.RightUntilMS > 0 {
		t.Errorf("%s may still answer, as %s in epoch %d", active, s.Role, s.Epoch)
	}
	f.finishCrossed()
}

// As before, but one terminal can be reached by the old active only. It never hears of the next term, so it can't refuse the
// old one's answers: nothing but the end of the right keeps it from reading what has been overwritten (R6).
func sequenceActiveCutOffWithATerminal(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Cut(pair.Other(active), pair.TerminalID(0), Silent))
	f.must(f.Cut(active, pair.Other(active), Silent))
	f.must(f.Cut(active, pair.Witness, Silent))
	f.awaitTakeover(before)
	f.progress()
	f.finishCrossed()
}

// The active is frozen for several leases, with requests of all terminals in flight, and thawed after the other host has
// served updates of the same keys. What it was about to answer must not leave: the right is a time that went on while
// it was frozen (R6), and the terminals know a higher epoch (R5).
func sequenceFrozenPastLeaseAnsweringNothingStale(t *testing.T) {
	f := begin(t, Options{})
	for range 3 {
		active, before := f.mustActive()
		f.must(f.Freeze(active))
		f.awaitTakeover(before)
		f.must(f.Thaw(active))
		f.progress()
		f.must(f.Heal(f.ctx))
	}
	f.finishCrossed()
}

// The witness is lost: a pair that sees itself goes on as if nothing were, and warns. Then the standby is lost too: nobody can
// say any more that the set has changed, so updates wait and the right ends (acknowledging alone would be
// lost if the standby came back first). The witness back, the active goes on alone.
func sequenceWitnessLostThenStandbyLost(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Kill(f.ctx, pair.Witness))
	f.progress()
	f.await("alarm", func() bool {
		_, s := f.Active(f.ctx)
		return slices.ContainsFunc(s.Alarms, func(a operator.Alarm) bool { return a.ID == "no-witness" })
	})
	f.must(f.Kill(f.ctx, pair.Other(active)))
	f.nobody(3 * f.options.Lease)
	f.must(f.Run(pair.Witness))
	f.awaitSolo(active)
	f.progress()
	f.same(before)
	f.finish()
}

// As before, but the standby comes back first. That does not help: only the witness can say who may serve. With it the two continue.
func sequenceWitnessLostThenStandbyLostAndBack(t *testing.T) {
	f := begin(t, Options{})
	active, _ := f.mustActive()
	f.must(f.Kill(f.ctx, pair.Witness))
	f.progress()
	f.must(f.Kill(f.ctx, pair.Other(active)))
	f.nobody(2 * f.options.Lease)
	f.must(f.Run(pair.Other(active)))
	f.nobody(3 * f.options.Lease)
	f.must(f.Run(pair.Witness))
	f.progress()
	f.finish()
}

// The witness is lost before the active: the standby holds everything, but can't know whether the active has gone solo
// meanwhile, so nobody serves until the witness is back; then it takes over.
func sequenceWitnessLostBeforeTakeover(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Kill(f.ctx, pair.Witness))
	f.progress()
	f.must(f.Kill(f.ctx, active))
	f.nobody(3 * f.options.Lease)
	f.must(f.Run(pair.Witness))
	f.awaitTakeover(before)
	f.finishCrossed()
}

// The witness is lost at the same moment as the active, so that the compare-and-set is under way: whatever became of it, when
// the witness is back the standby finds out, or tries again, and serves (R11).
func sequenceWitnessLostDuringTakeover(t *testing.T) {
	f := begin(t, Options{})
	for range 3 {
		active, before := f.mustActive()
		f.must(f.Kill(f.ctx, active, pair.Witness))
		f.must(f.Run(pair.Witness))
		f.awaitTakeover(before)
		f.must(f.Heal(f.ctx))
	}
	f.finishCrossed()
}

// The witness is lost after a takeover: the new active is alone by the record and needs nobody's leave to go on. The other
// host returns and catches up, but joins only when the witness is back.
func sequenceWitnessLostAfterTakeover(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Kill(f.ctx, active))
	f.awaitTakeover(before)
	f.must(f.Kill(f.ctx, pair.Witness))
	f.progress()
	f.must(f.Run(active))
	f.progress()
	_, s := f.mustActive()
	if len(s.InSync) != 1 {
		t.Errorf("in sync %v without a witness", s.InSync)
	}
	f.finishCrossed()
}

// The standby crashes, the active goes on alone and crashes too, the standby comes back alone. It must not serve: it does
// not hold what was acknowledged without it, and the record says so. It says for whom it waits; when that host is
// back, all is there.
func sequenceStandbyCrashThenActiveCrashThenStandbyAlone(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	f.must(f.Kill(f.ctx, pair.Other(active)))
	f.awaitSolo(active)
	f.progress()
	f.must(f.Kill(f.ctx, active))
	f.must(f.Run(pair.Other(active)))
	f.await("standby that says for whom it waits", func() bool {
		s, err := f.Status(f.ctx, pair.Other(active))
		return err == nil && s.Mode == "waiting" && strings.Contains(s.WaitingFor, active)
	})
	f.nobody(3 * f.options.Lease)
	f.must(f.Run(active))
	f.progress()
	if host, s := f.mustActive(); host != active || s.Epoch <= before.Epoch {
		t.Errorf("%s serves in epoch %d", host, s.Epoch)
	}
	f.finishCrossed()
}

// The link is cut; the active, which the witness hears, goes on alone. Then the witness moves to the standby's side. The
// standby is not in the set, so being heard does not help it; the active needs nobody to go on alone.
func sequenceLinkCutThenWitnessMovesToTheOtherSide(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	standby := pair.Other(active)
	f.must(f.Cut(standby, pair.Witness, Silent))
	f.must(f.Cut(active, standby, Silent))
	f.awaitSolo(active)
	f.must(f.Cut(active, pair.Witness, Silent))
	f.must(f.Join(Wire{standby, pair.Witness}))
	f.await("standby that sees the witness", func() bool {
		s, err := f.Status(f.ctx, standby)
		return err == nil && s.Witness.Reachable
	})
	for end := time.Now().Add(3 * f.options.Lease); time.Now().Before(end); {
		f.progress()
		f.same(before)
	}
	f.finish()
	f.same(before)
}

// Both hosts and the witness lose power at the same moment. Whoever was in the set may take the next epoch, since each
// holds everything; in-flight requests of the terminals are taken up again and done once.
func sequenceBothLosePower(t *testing.T) {
	f := begin(t, Options{})
	for range 3 {
		_, before := f.mustActive()
		f.must(f.Kill(f.ctx, pair.HostA, pair.HostB, pair.Witness))
		f.must(f.Repair())
		f.await("next term", func() bool { _, s := f.Active(f.ctx); return s.Epoch > before.Epoch })
		f.must(f.Heal(f.ctx))
		f.progress()
	}
	f.finishCrossed()
}

// Every wire loses frames in one direction only, one wire after the other. Between the hosts and to the terminals that may move
// the role, never double it; the witness alone moves nothing. In each case service goes on while the cut lasts.
func sequenceOneDirectionCuts(t *testing.T) {
	f := begin(t, Options{})
	for _, w := range f.Wires() {
		for _, end := range []Wire{w, w.Back()} {
			_, before := f.mustActive()
			f.must(f.Cut(end.From, end.To, OneDirection))
			began := time.Now()
			for time.Since(began) < 2*f.options.Lease {
				f.progress()
			}
			host, s := f.mustActive()
			f.Logf("%s to %s lost: %s serves in epoch %d, before %s in epoch %d", end.From, end.To, host, s.Epoch, before.Host, before.Epoch)
			if end.From == pair.Witness || end.To == pair.Witness {
				f.same(before)
			}
			f.must(f.Heal(f.ctx))
		}
	}
	f.finish()
}

// T5: the active reaches no terminal while the standby reaches them all. Link and witness are fine, so no lease would
// ever end; the active hands over by itself, once. It takes two seconds to know of the silence and two to be sure.
func sequenceT5ActiveReachesNoTerminal(t *testing.T) {
	f := begin(t, Options{})
	active, before := f.mustActive()
	for _, w := range f.network.toTerminals(active) {
		f.must(f.Cut(w.From, w.To, Silent))
	}
	began := time.Now()
	f.awaitTakeover(before)
	t.Logf("measured: users waited %v for the hand-over", time.Since(began).Round(time.Millisecond))
	_, after := f.mustActive()
	f.must(f.Heal(f.ctx))
	f.progress()
	f.same(after)
	f.finishCrossed()
}
