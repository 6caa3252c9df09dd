package lab

import (
	"slices"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/simulator/pair"
)

// beginOnDisks starts a lab whose hosts' data is on disks that can be made faulty.
func beginOnDisks(t testing.TB) *fixture {
	t.Helper()
	disks := map[string]*Disk{pair.HostA: newDisk(t), pair.HostB: newDisk(t)}
	return begin(t, Options{Disks: disks})
}

// diskOfActive breaks the disk of the active until the other host has taken over with all that was acknowledged, and fixes
// it: the first comes back by itself. A disk may break in three ways:
//
//   - It is full. The updater ends (R8), a new one can't write either, so the host is faulty (B2).
//   - fsync fails: nothing that it may have written counts any more, the updater ends and is never told again that all is
//     well (R8).
//   - It hangs while heartbeats are fine: the age of the oldest frame in flight is the active's health, and past patience it
//     hands over (T6).
func diskOfActive(broken func(d *Disk, is bool)) func(*testing.T) {
	return func(t *testing.T) {
		f := beginOnDisks(t)
		active, before := f.mustActive()
		broken(f.options.Disks[active], true)
		f.awaitTakeover(before)
		broken(f.options.Disks[active], false)
		f.finishCrossed()
	}
}

// diskOfStandby breaks the disk of the standby, by filling it or by failing its fsync: it can't hold what is to be
// acknowledged, so the active goes on without it. It is in the set again when its disk is whole.
func diskOfStandby(broken func(d *Disk, is bool)) func(*testing.T) {
	return func(t *testing.T) {
		f := beginOnDisks(t)
		active, before := f.mustActive()
		broken(f.options.Disks[pair.Other(active)], true)
		f.awaitSolo(active)
		f.progress()
		broken(f.options.Disks[pair.Other(active)], false)
		f.finish()
		f.same(before)
	}
}

// stuck makes a disk take longer than anybody's patience.
func stuck(d *Disk, is bool) {
	d.Slow(map[bool]time.Duration{true: 10 * time.Second}[is])
}

// The standby's disk stalls for longer than patience: updates wait so long, then the active goes on alone. A stall that
// is shorter costs the time it takes, and no membership.
func sequenceSlowDiskOfStandby(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[pair.Other(active)].Slow(50 * time.Millisecond)
	f.progress()
	f.same(before)
	if _, s := f.mustActive(); len(s.InSync) != 2 {
		t.Errorf("in sync %v with a disk that is only slow", s.InSync)
	}
	f.options.Disks[pair.Other(active)].Slow(5 * time.Second)
	f.awaitSolo(active)
	f.progress()
	f.options.Disks[pair.Other(active)].Slow(0)
	f.finish()
	f.same(before)
}

// Both disks are full: nobody can store anything, so nobody acknowledges anything. With space again the service is back.
func sequenceBothDisksFull(t *testing.T) {
	f := beginOnDisks(t)
	f.options.Disks[pair.HostA].Fill(true)
	f.options.Disks[pair.HostB].Fill(true)
	time.Sleep(5 * f.options.Lease) // not a condition: the length of the outage, in which roles may be sought in vain
	f.finish()
}

// Two alarms whose causes take their time: a disk that is slow and goes on, and a terminal that is reached and can't be served, because
// its own disk does not take the epoch that it is to note.
func TestFault_B12_SlowDisksAreAlarmed(t *testing.T) {
	sideBySide(t)
	till := pair.TerminalID(0)
	disks := map[string]*Disk{pair.HostA: newDisk(t), pair.HostB: newDisk(t), till: newDisk(t)}
	f := begin(t, Options{Disks: disks})
	before, _ := f.mustActive()
	active, standby := pair.Other(before), before
	disks[till].Slow(16 * time.Second) // an alarm waits for ten
	f.must(f.Switchover(f.ctx, active))
	disks[standby].Slow(150 * time.Millisecond)
	for _, id := range []string{alarms.SlowDisk, alarms.Unattached} {
		f.await("alarm "+id, func() bool {
			s, err := f.Status(f.ctx, active)
			return err == nil && s.Serves() && slices.ContainsFunc(s.Alarms, func(a bus.Alarm) bool { return a.ID == id })
		})
	}
	disks[standby].Repair()
	disks[till].Repair()
	f.finishCrossed()
}
