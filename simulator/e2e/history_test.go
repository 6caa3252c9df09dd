package e2e_test

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/storage/position"
)

// compareHistories demands that both hosts have the same updates at the same positions: each entry's digest covers
// everything before it, so one equal digest proves all.
func (c *cluster) compareHistories() {
	c.Helper()
	c.awaitPaired()
	_, s := c.mustActive()
	until := s.Committed.Sequence
	c.Await(healWithin, "history of both hosts up to the same position", func() bool {
		for _, host := range []string{local.HostA, local.HostB} {
			if s, err := c.Status(host); err != nil || s.Applied.Sequence < until {
				return false
			}
		}
		return true
	})
	a, b := c.digests(local.HostA, until), c.digests(local.HostB, until)
	common := 0
	for at, digest := range a {
		other, both := b[at]
		if !both {
			continue
		}
		if common++; digest != other || digest == "" {
			c.Errorf("at %s host a has digest %q, host b %q", at, digest, other)
		}
	}
	if common == 0 {
		c.Errorf("the hosts have no update in common: a has %d, b has %d", len(a), len(b))
	}
	c.Logf("measured: %d updates up to %d compared by digest", common, until)
}

// digests gives the last digests of a host's history up to a sequence.
func (c *cluster) digests(host string, until uint64) map[position.Position]string {
	c.Helper()
	const last = 500
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	page, err := operator.CallHistory.Ask(ctx, c.client(host), bus.HistoryRequest{From: until - min(last, until-1), Limit: last})
	if err != nil {
		c.Fatalf("history of host %s: %v", host, err)
	}
	found := map[position.Position]string{}
	for _, u := range page.Updates {
		if u.Position.Sequence <= until {
			found[u.Position] = u.Digest
		}
	}
	return found
}
