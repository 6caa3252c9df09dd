package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// Each host measures how late the other one is, and a pause of a host that the lease bears is seen by the other one, as what it was.
func TestLateness_IsMeasuredAndShown(t *testing.T) {
	c := startCluster(t, []string{"--terminals", "1"}, leaseSetting)
	c.awaitPaired()
	active, _ := c.mustActive()
	standby := pair.Other(active)
	diagnosis := func() operator.Diagnosis {
		d, err := operator.CallDoctor.Ask(t.Context(), c.client(active), operator.None{})
		if err != nil {
			t.Logf("doctor: %v", err) // busy, or a host that stands still
		}
		return d
	}
	c.Await(healWithin, "measures of both hosts", func() bool {
		d := diagnosis()
		a, b := d.Lateness[local.HostA], d.Lateness[local.HostB]
		return a.Borne > 0 && b.Borne > 0 && a.Witness.Count > 0 && b.Witness.Count > 0
	})
	const pause = 900 * time.Millisecond // of beats each 375 ms, and of 1.5 s after which the active goes on alone
	group := -c.File().Hosts[standby].PGID
	var d operator.Diagnosis
	c.Await(healWithin, "a pause is seen", func() bool { // one that a busy machine makes longer is an outage, and not counted
		if err := syscall.Kill(group, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause) // not a condition: the length of the pause
		if err := syscall.Kill(group, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		c.awaitPaired()
		d = diagnosis()
		return d.Lateness[active].Replies.Longest >= pause-2*lease/8 && d.Lateness[standby].Own.Longest >= pause-2*lease/8
	})
	if asleep := d.Lateness[standby].Heard.Longest; asleep >= pause {
		t.Errorf("%s slept, and says that %s was late by %s", standby, active, asleep)
	}
	found := false
	for _, f := range d.Findings {
		if f.Check == "lateness" {
			found = strings.Contains(f.Value, "would have allowed a lease of ")
		}
	}
	if !found {
		t.Errorf("%+v", d.Findings)
	}
}
