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

// A clock must not stop the service. Nobody can set a wall clock for one process, so the certificates are moved instead, which is the same to
// who compares the two: those of both hosts and the witness ended nine years ago, as after a clock that went far ahead; or all of them begin in
// two years, as where the clocks of all have gone back. The pair takes over all the same, and its old active comes back.
func TestFault_B4_CertificatesOutOfTheirTime(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, issued := range map[string]time.Duration{"ended": 9 * year, "to come": -2 * year} {
		if issued < 0 && !*long {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := begin(t, Options{Terminals: 1, Issued: issued})
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
