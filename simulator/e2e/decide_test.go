package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestDecide_PauseThenForce: while automatic takeover is paused the active dies and nobody takes over, until an operator
// promotes the standby, which lacks nothing. Then the hosts die one after the other and the one returns first that lacks
// updates: it waits, is promoted by force, and the other one comes back with what it alone had kept as divergent, and an alarm.
func TestDecide_PauseThenForce(t *testing.T) {
	sideBySide(t)
	if testing.Short() {
		t.Skip("starts a pair")
	}
	c := startCluster(t, []string{"--terminals", "3"}, leaseSetting)
	c.awaitPaired()
	c.put("both", 5)
	first, _ := c.mustActive()
	second := pair.Other(first)

	c.must("pause", "--for", "10m", "--host", second)
	c.Await(healWithin, "both hosts know the pause", func() bool {
		a, errA := c.Status(first)
		b, errB := c.Status(second)
		return errA == nil && errB == nil && a.Pause != nil && b.Pause != nil
	})
	c.Await(healWithin, "an alarm about the pause", func() bool { return c.alarmed("paused") })
	if text, err := c.hotpair("doctor", "--dir", c.Dir); err == nil || !strings.Contains(text, "paused") {
		t.Errorf("doctor while paused: %v\n%s", err, text)
	}
	c.order("kill", first)
	c.Await(healWithin, "the standby holds back", func() bool {
		s, err := c.Status(second)
		return err == nil && s.Pause != nil && s.Pause.Deferred != ""
	})
	if s, err := c.Status(second); err != nil || s.Role != "standby" {
		t.Fatalf("the pause did not hold: %s %v", s.Role, err)
	}
	c.must("promote", "--force", "--host", second, "--accept-loss", "0")
	c.serves(second, healWithin)
	c.must("resume", "--host", second)
	c.order("start", first)
	c.awaitPaired()

	// The standby dies, the active goes on alone and dies, the standby of before comes back.
	c.order("kill", first)
	c.Await(healWithin, "the active goes on alone", func() bool { s, err := c.Status(second); return err == nil && s.Mode == "solo" })
	c.put("alone", 20)
	c.order("kill", second)
	c.order("start", first)
	c.Await(healWithin, "it waits for the other", func() bool {
		s, err := c.Status(first)
		return err == nil && s.Role == "standby" && strings.Contains(s.WaitingFor, "waiting for "+second)
	})
	if text, err := c.hotpair("promote", "--force", "--dir", c.Dir, "--host", first, "--accept-loss", "0"); err == nil || !strings.Contains(text, "nothing was done") {
		t.Errorf("0 was accepted for an unknown loss: %v\n%s", err, text)
	}
	c.must("promote", "--force", "--host", first, "--accept-loss", operator.UnknownLoss)
	c.serves(first, healWithin)
	c.Await(healWithin, "the audit names what is lost", func() bool {
		s, err := c.Status(first)
		return err == nil && s.Audit != nil && s.Audit.Missing >= 60
	})
	c.order("start", second)
	c.awaitPaired()
	c.Await(healWithin, "what only the other had is kept as divergent", func() bool {
		s, err := c.Status(second)
		return err == nil && s.Divergent >= 60
	})
	c.put("after", 5)
	c.compareHistories()
}

// handOver orders a switchover. On a busy machine a host that serves may be without the right to answer for a moment, and then refuses it.
func (c *cluster) handOver() {
	c.Helper()
	var text string
	var err error
	c.Await(healWithin, "switchover that is not refused", func() bool {
		c.awaitPaired()
		text, err = c.hotpair("switchover", "--dir", c.Dir)
		return err == nil || !strings.Contains(text, "nothing was done")
	})
	if err != nil {
		c.Fatalf("hotpair switchover: %v\n%s", err, text)
	}
}

// must runs a command on the cluster, which must succeed.
func (c *cluster) must(args ...string) {
	c.Helper()
	if text, err := c.hotpair(append(args, "--dir", c.Dir)...); err != nil {
		c.Fatalf("hotpair %s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// serves awaits that a host is active and may answer.
func (c *cluster) serves(host string, within time.Duration) {
	c.Helper()
	c.Await(within, host+" serves", func() bool {
		s, err := c.Status(host)
		return err == nil && s.Serves()
	})
}
