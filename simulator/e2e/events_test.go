package e2e_test

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestEvents_TheSameOnBothHosts: what happened to the pair stands in one log that both hosts have: the takeover with its
// steps and its audit, a process that was restarted, solo and paired, an operator's switchover, what the killed host saw.
// It survives the takeover, and the restart of both hosts.
func TestEvents_TheSameOnBothHosts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a pair and kills hosts of it")
	}
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3"}, leaseSetting)
	c.awaitPaired()
	c.put("events", 5)
	active, status := c.mustActive()
	if err := syscall.Kill(status.Processes["business.kv"].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.awaitEvent("the restart", func(e bus.Event) bool {
		return e.Kind == bus.EventProcess && e.Host == active && e.Step == "B1" && e.Details["process"] == "business.kv"
	})

	c.order("kill", active)
	taker := pair.Other(active)
	c.awaitEvent("the audit of the takeover", func(e bus.Event) bool {
		return e.Kind == bus.EventAudit && e.Host == taker && e.Epoch > status.Epoch
	})
	c.order("start", active)
	c.awaitPaired()
	c.awaitEvent("paired", func(e bus.Event) bool { return e.Kind == bus.EventPair && e.Host == taker && e.Epoch == status.Epoch+1 })
	c.awaitEvent("the new main of the killed host", func(e bus.Event) bool {
		return e.Host == active && e.Kind == bus.EventProcess && e.Details["process"] == bus.ProcessMain && e.Time.After(status.Time)
	})
	for _, step := range []string{"B7", "B8", "B9"} {
		c.awaitEvent(step, func(e bus.Event) bool {
			return e.Kind == bus.EventRole && e.Host == taker && e.Epoch == status.Epoch+1 && e.Step == step && e.Took > 0
		})
	}

	c.handOver()
	c.awaitEvent("the operator", func(e bus.Event) bool {
		return e.Kind == bus.EventOperator && e.Details["what"] == "switchover" && e.Details["from"] == "socket" && e.Details["via"] == taker
	})
	for _, step := range []string{"B3", "B4", "B5", "B6"} {
		c.awaitEvent(step+" of the host that handed over", func(e bus.Event) bool { return e.Host == taker && e.Step == step })
	}
	c.awaitPaired()
	before := c.sameEvents()

	c.order("kill", taker) // standby by now
	c.awaitEvent("solo", func(e bus.Event) bool {
		return e.Kind == bus.EventPair && e.Host == active && e.Epoch == status.Epoch+2
	})
	c.order("kill", active)
	c.order("start", local.HostA)
	c.order("start", local.HostB)
	c.awaitPaired()
	after := c.sameEvents()
	if len(after) <= len(before) {
		t.Fatalf("%d events before the restart of both hosts, %d after it", len(before), len(after))
	}
	if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
		t.Errorf("the log has changed (-before +after):\n%s", diff)
	}
	type name struct {
		host                string
		incarnation, number uint64
	}
	seen := map[name]bool{}
	for i, e := range after {
		n := name{e.Host, e.Incarnation, e.Number}
		if e.ID != uint64(i+1) || seen[n] {
			t.Errorf("event %d is number %d: %+v", i, e.ID, e)
		}
		seen[n] = true
	}
	// An idle pair has nothing to tell, once all of its return is told: paired again, and the audit of the last term.
	_, status = c.mustActive()
	for _, kind := range []string{bus.EventPair, bus.EventAudit} {
		c.awaitEvent(kind+" of the last term", func(e bus.Event) bool { return e.Kind == kind && e.Epoch == status.Epoch })
	}
	idle := c.settledEvents()
	time.Sleep(2 * time.Second) // nothing can be awaited: it is about what does not come
	if now := c.sameEvents(); len(now) != len(idle) {
		t.Errorf("an idle pair tells %+v", now[len(idle):])
	}
}

// events gives the log as a host has it.
func (c *cluster) events(host string) []bus.Event {
	c.Helper()
	text, err := c.hotpair("events", "--dir", c.Dir, "--host", host, "--since", "2000-01-01T00:00:00Z", "--json")
	var page bus.EventsPage
	if err != nil || json.Unmarshal([]byte(text), &page) != nil || page.Note != "" {
		return nil
	}
	return page.Events
}

// awaitEvent waits until both hosts that answer have an event.
func (c *cluster) awaitEvent(what string, is func(bus.Event) bool) {
	c.Helper()
	c.Await(healWithin, "event: "+what, func() bool {
		host, _ := c.active()
		return host != "" && slices.ContainsFunc(c.events(host), func(e bus.Event) bool { return e.ID > 0 && is(e) })
	})
}

// settledEvents waits until nothing has been added to the log for a second: what is on its way takes a tenth of it.
func (c *cluster) settledEvents() []bus.Event {
	c.Helper()
	list, since := c.sameEvents(), time.Now()
	c.Await(healWithin, "a log to which nothing is added", func() bool {
		if now := c.sameEvents(); len(now) != len(list) {
			list, since = now, time.Now()
		}
		return time.Since(since) > time.Second
	})
	return list
}

// sameEvents waits until both hosts have the same log and nothing more comes.
func (c *cluster) sameEvents() (list []bus.Event) {
	c.Helper()
	c.Await(healWithin, "the same events on both hosts", func() bool {
		list = c.events(local.HostA)
		return len(list) > 0 && cmp.Equal(list, c.events(local.HostB))
	})
	return list
}
