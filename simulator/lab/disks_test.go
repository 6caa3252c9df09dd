package lab

import (
	"testing"
	"time"
)

// beginOnDisks starts a lab whose hosts' data is on disks that can be made faulty.
func beginOnDisks(t testing.TB) *fixture {
	t.Helper()
	disks := map[string]*Disk{HostA: newDisk(t), HostB: newDisk(t)}
	return begin(t, Options{Disks: disks})
}

// The disk of the active is full. Its updater ends (R8), a new one can't write either, so the host is faulty (B2) and the
// other one takes over with all that was acknowledged. With space again the first comes back by itself.
func sequenceFullDiskOfActive(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[active].Fill(true)
	f.awaitTakeover(before)
	f.options.Disks[active].Fill(false)
	f.finishCrossed()
}

// The disk of the standby is full: it can't hold what is to be acknowledged, so the active goes on without it.
func sequenceFullDiskOfStandby(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[Other(active)].Fill(true)
	f.awaitSolo(active)
	f.progress()
	f.options.Disks[Other(active)].Fill(false)
	f.finish()
	f.same(before)
}

// fsync fails on the active: nothing that it may have written counts any more, its updater ends and is never told again that
// all is well (R8). The other host takes over.
func sequenceFailingFsyncOfActive(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[active].FailSync(true)
	f.awaitTakeover(before)
	f.options.Disks[active].FailSync(false)
	f.finishCrossed()
}

// fsync fails on the standby: it falls out of the set, and comes back when its disk is whole.
func sequenceFailingFsyncOfStandby(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[Other(active)].FailSync(true)
	f.awaitSolo(active)
	f.progress()
	f.options.Disks[Other(active)].FailSync(false)
	f.finish()
	f.same(before)
}

// T6: the active's disk hangs while its heartbeats are fine: the age of the oldest frame in flight is its health, and past
// patience it hands over.
func sequenceT6StuckDiskOfActive(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[active].Slow(10 * time.Second)
	f.awaitTakeover(before)
	f.options.Disks[active].Slow(0)
	f.finishCrossed()
}

// The standby's disk stalls for longer than patience: updates wait so long, then the active goes on alone. A stall that
// is shorter costs the time it takes, and no membership.
func sequenceSlowDiskOfStandby(t *testing.T) {
	f := beginOnDisks(t)
	active, before := f.mustActive()
	f.options.Disks[Other(active)].Slow(50 * time.Millisecond)
	f.progress()
	f.same(before)
	if _, s := f.mustActive(); len(s.InSync) != 2 {
		t.Errorf("in sync %v with a disk that is only slow", s.InSync)
	}
	f.options.Disks[Other(active)].Slow(5 * time.Second)
	f.awaitSolo(active)
	f.progress()
	f.options.Disks[Other(active)].Slow(0)
	f.finish()
	f.same(before)
}

// Both disks are full: nobody can store anything, so nobody acknowledges anything. With space again the service is back.
func sequenceBothDisksFull(t *testing.T) {
	f := beginOnDisks(t)
	f.options.Disks[HostA].Fill(true)
	f.options.Disks[HostB].Fill(true)
	time.Sleep(5 * f.options.Lease) // not a condition: the length of the outage, in which roles may be sought in vain
	f.finish()
}
