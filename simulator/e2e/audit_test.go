package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestAudit_MissesWhatWasRestoredAway: while both hosts are down their databases and journals are replaced by older ones,
// as disks do that lie about fsync. The pair serves again; the terminals remember what they were told, and the pair says
// so wherever an operator looks.
func TestAudit_MissesWhatWasRestoredAway(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a pair three times")
	}
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3"})
	c.awaitPaired()
	c.put("kept", 10)
	_, before := c.mustActive()
	if before.Audit != nil && before.Audit.Missing > 0 {
		t.Errorf("a new pair misses %+v", before.Audit)
	}
	c.stopBoth()
	old := t.TempDir()
	for _, host := range []string{local.HostA, local.HostB} {
		c.copyData(filepath.Join(c.Dir, host), filepath.Join(old, host))
	}
	first := c.startBoth(before.Epoch)
	if first.Missing != 0 || first.Checked < 30 || first.Error != "" || first.Foreign != 0 {
		t.Errorf("audit of an honest restart: %+v", first)
	}

	c.put("lost", 20)
	_, before = c.mustActive()
	c.stopBoth()
	for _, host := range []string{local.HostA, local.HostB} {
		c.copyData(filepath.Join(old, host), filepath.Join(c.Dir, host))
	}
	second := c.startBoth(before.Epoch)
	if second.Missing != 60 || second.Checked < 90 || len(second.Examples) == 0 {
		t.Errorf("60 updates of 3 terminals were taken away, the audit says %+v", second)
	}
	host, status := c.mustActive()
	if len(status.Alarms) == 0 || status.Alarms[0].ID != "updates-lost" || !strings.Contains(status.Alarms[0].Text, "60 of") {
		t.Errorf("alarms %+v", status.Alarms)
	}
	text, _ := c.hotpair("status", "--http", c.File().Hosts[host].HTTP)
	if headline, _, _ := strings.Cut(text, "\n"); !strings.Contains(headline, "lost") || !strings.Contains(text, "60 of") {
		t.Errorf("hotpair status:\n%s", text)
	}
	log, err := os.ReadFile(filepath.Join(c.Dir, "host-"+host+".log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), `level=ERROR msg="acknowledged updates are missing"`) {
		t.Error("the log has no error about it")
	}
	// The alarm is the pair's: it survives its host, and ends on both when an operator says so.
	c.order("kill", host)
	c.Await(healWithin, "the alarm on the host that took over", func() bool { return c.waits(pair.Other(host), "updates-lost") })
	c.order("start", host)
	c.awaitPaired()
	c.Await(healWithin, "the alarm on the host that is back", func() bool { return c.waits(host, "updates-lost") })
	if out, err := c.hotpair("alarms", "ack", "updates-lost", "--dir", c.Dir, "--host", host); err != nil {
		t.Fatalf("%s%v", out, err)
	}
	c.Await(healWithin, "no alarm any more", func() bool { return !c.waits(host, "updates-lost") && !c.waits(pair.Other(host), "updates-lost") })
	c.awaitEvent("the acknowledgement", func(e bus.Event) bool {
		return e.State == bus.AlarmAcknowledged && e.Alarm != nil && e.Alarm.ID == "updates-lost" && e.Details["via"] == host
	})
	if text, _ := c.hotpair("status", "--dir", c.Dir); strings.Contains(text, "updates are lost") {
		t.Errorf("acknowledged, and still:\n%s", text)
	}
}

// waits reports whether an alarm that only an operator ends is raised, as a host that answers sees it.
func (c *cluster) waits(host, id string) bool {
	c.Helper()
	text, err := c.hotpair("alarms", "--dir", c.Dir, "--host", host, "--json")
	var list operator.AlarmList
	if err != nil || json.Unmarshal([]byte(text), &list) != nil {
		return false
	}
	return slices.ContainsFunc(list.Alarms, func(a operator.Alarm) bool { return a.ID == id && a.Acknowledge })
}

// put has each terminal store some values, each acknowledged.
func (c *cluster) put(prefix string, each int) {
	c.Helper()
	for _, terminal := range c.File().Terminals {
		nc, err := nats.Connect(terminal.Address)
		if err != nil {
			c.Fatal(err)
		}
		for n := range each {
			body := fmt.Sprintf(`{"key":"%s/%s/%d","value":%d}`, prefix, terminal.ID, n, n)
			m, err := nc.Request("request.kv.put", []byte(body), healWithin)
			if err != nil || m.Header.Get(bus.HeaderErrorCode) != "" {
				c.Fatalf("put: %v %+v", err, m)
			}
		}
		nc.Close()
	}
}

// stopBoth stops the standby first, so that the other one stays the only member of the set.
func (c *cluster) stopBoth() {
	c.Helper()
	active, _ := c.mustActive()
	c.order("stop", pair.Other(active))
	c.order("stop", active)
}

// startBoth starts both hosts again and waits for the audit of the term that follows.
func (c *cluster) startBoth(before uint64) (audit operator.Audit) {
	c.Helper()
	c.order("start", local.HostA)
	c.order("start", local.HostB)
	c.awaitPaired()
	c.Await(10*time.Second, "audit", func() bool {
		_, s := c.active()
		if s.Audit == nil || s.Epoch <= before || s.Audit.Epoch != s.Epoch {
			return false
		}
		audit = *s.Audit
		return true
	})
	return audit
}

// copyData copies database and journal, and leaves what a host knows about itself as it is.
func (c *cluster) copyData(from, to string) {
	c.Helper()
	for _, name := range []string{"hotpair.db", "journal"} {
		target := filepath.Join(to, name)
		if err := os.RemoveAll(target); err != nil {
			c.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(from, name))
		if err == nil && info.IsDir() {
			err = os.CopyFS(target, os.DirFS(filepath.Join(from, name)))
		} else if err == nil {
			var data []byte
			if data, err = os.ReadFile(filepath.Join(from, name)); err == nil {
				err = os.MkdirAll(to, 0o700)
			}
			if err == nil {
				err = os.WriteFile(target, data, 0o600)
			}
		}
		if err != nil {
			c.Fatal(err)
		}
	}
}
