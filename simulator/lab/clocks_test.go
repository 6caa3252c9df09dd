package lab

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/simulator/pair"
)

// Leases, promises and health are counted on clocks of the kernel that begin when a machine does. No value of theirs may
// mean anything on another machine, or after a restart: so one host's are set a year ahead of the other's, then back to what a
// machine shows that has just been started, while the pair takes over twice.
func TestFault_B4_BootClocksOfTheHostsAreFarApart(t *testing.T) {
	sideBySide(t)
	f := begin(t, Options{})
	active, _ := f.mustActive()
	standby := pair.Other(active)
	const year = 365 * 24 * time.Hour
	var monotonic unix.Timespec
	f.must(unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic))
	justStarted := Clocks{Boot: -lease.BootClock() + time.Minute, Monotonic: -time.Duration(monotonic.Nano()) + time.Minute}

	ours, err := os.Readlink("/proc/self/ns/time")
	f.must(err)
	for _, restarted := range []struct {
		host   string
		clocks Clocks
	}{
		{standby, Clocks{Boot: year, Monotonic: year / 2}},
		{active, justStarted},
		{standby, justStarted},
	} {
		_, before := f.mustActive()
		f.must(f.Kill(f.ctx, restarted.host))
		if before.Host == restarted.host {
			f.awaitTakeover(before)
		}
		f.SetClocks(restarted.host, restarted.clocks)
		f.must(f.Run(restarted.host))
		f.await("both in sync", func() bool { return f.paired(f.ctx) })
		for _, m := range f.running(restarted.host) {
			if theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", m.pid)); err != nil || theirs == ours {
				f.Errorf("%s of %s has this machine's clocks, %s (%v)", m.name, restarted.host, theirs, err)
			}
		}
	}
	f.finishCrossed()
}

// Somebody sets the clock of one host, or of both, two years back or ten ahead while the pair serves. Then its active dies, and is started again, all
// by these clocks. Nothing is lost and nobody is refused: neither a certificate whose time is over by one clock nor an id that is old by it.
func TestFault_B4_ClocksAreSetWhileThePairServes(t *testing.T) {
	sideBySide(t)
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		name            string
		active, standby time.Duration
		short           bool
	}{
		{"both ten years ahead", 10 * year, 10 * year, true},
		{"the active two years back", -2 * year, 0, true},
		{"the standby ten years ahead", 0, 10 * year, false},
		{"the active ten years ahead", 10 * year, 0, false},
		{"the standby two years back", 0, -2 * year, false},
		{"both two years back", -2 * year, -2 * year, false},
		{"one back, one ahead", -2 * year, 10 * year, false},
	} {
		if !c.short && !*long {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f := begin(t, Options{})
			active, before := f.mustActive()
			standby := pair.Other(active)
			f.must(f.MoveClock(standby, c.standby))
			f.must(f.MoveClock(active, c.active))
			f.read(standby, c.standby)
			f.read(active, c.active)
			f.progress()
			f.same(before)
			f.must(f.Kill(f.ctx, active))
			f.awaitTakeover(before)
			f.must(f.Run(active))
			f.await("both in sync", func() bool { return f.paired(f.ctx) })
			f.read(active, c.active)
			f.finishCrossed()
		})
	}
}

// read demands that a host believes its clock to be so far ahead of this machine's.
func (f *fixture) read(host string, ahead time.Duration) {
	f.Helper()
	f.await(fmt.Sprintf("clock of %s %s ahead", host, ahead), func() bool {
		s, err := f.Status(f.ctx, host)
		return err == nil && (time.Until(s.Time)-ahead).Abs() < time.Minute
	})
}

// A clock must not stop the service, nor a start. No process can be started by a wall clock of its own, so the certificates are moved instead,
// which is the same to who compares the two: those of both hosts and the witness ended nine years ago, as after a clock that went far ahead; or all of them begin in
// two years, as where the clocks of all have gone back. The pair takes over all the same, and its old active comes back.
func TestFault_B4_CertificatesOutOfTheirTime(t *testing.T) {
	sideBySide(t)
	const year = 365 * 24 * time.Hour
	for name, issued := range map[string]time.Duration{"ended": 9 * year, "to come": -2 * year} {
		if issued < 0 && !*long {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := begin(t, Options{Terminals: 1, Issued: issued, Elsewhere: true})
			active, before := f.mustActive()
			f.must(f.Kill(f.ctx, active))
			f.awaitTakeover(before)
			f.must(f.Run(active))
			f.await("both in sync", func() bool { return f.paired(f.ctx) })
			f.finishCrossed()
		})
	}
}

// running lists the processes of a host, of which there are some.
func (f *fixture) running(host string) []member {
	f.Helper()
	members, err := f.trees[host].members()
	if err != nil || len(members) < 4 {
		f.Fatalf("%s has %v (%v)", host, members, err)
	}
	return members
}
