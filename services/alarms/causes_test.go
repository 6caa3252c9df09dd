package alarms

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/role"
)

func TestRestartCount(t *testing.T) {
	var c restartCount
	for i, want := range []int{0, 1, 1, 4} {
		if got := c.count("kv", []int{0, 1, 1, 4}[i], time.Duration(i)*time.Second); got != want {
			t.Errorf("look %d: %d restarts, not %d", i, got, want)
		}
	}
	if got := c.count("kv", 4, stormWindow+2*time.Second); got != 3 {
		t.Errorf("the first is too long ago: %d", got)
	}
}

// looked judges facts of which an updater tells, one after the other, as a watch does.
type looked struct {
	history
	nearlyFull bool
}

func (l *looked) at(host string, u bus.UpdaterState) map[string]string {
	f := Facts{Host: host, Now: time.Hour, Updater: &u}
	return judge(f, l.add(f), l.nearlyFull)
}

func TestDiskCauses(t *testing.T) {
	var l looked
	look := func(u bus.UpdaterState) map[string]string { return l.at("a", u) }
	const gib = 1 << 30
	if l := look(bus.UpdaterState{Disk: &bus.DiskSpace{Size: 20 * gib, Free: gib + 1}}); len(l) != 0 {
		t.Errorf("room enough: %v", l)
	}
	if l := look(bus.UpdaterState{Disk: &bus.DiskSpace{Size: 20 * gib, Free: gib - 1<<20}}); l[DiskNearlyFull] == "" {
		t.Errorf("a twentieth is left: %v", l)
	}
	const mib = 1 << 20
	if l := look(bus.UpdaterState{Disk: &bus.DiskSpace{Size: 271 * mib, Free: 250 * mib}}); len(l) != 0 {
		t.Errorf("a small disk with nothing on it: %v", l)
	}
	if l := look(bus.UpdaterState{Disk: &bus.DiskSpace{Size: 271 * mib, Free: 60 * mib}}); !strings.Contains(l[DiskNearlyFull], "host a") {
		t.Errorf("a small disk with little left: %v", l)
	}
	l.nearlyFull = true
	if l := look(bus.UpdaterState{Disk: &bus.DiskSpace{Size: 20 * gib, Free: gib + 1}}); l[DiskNearlyFull] == "" {
		t.Errorf("a little more than a twentieth ends it: %v", l)
	}
	if l := look(bus.UpdaterState{OwnStuck: true, OldestFrame: 3 * time.Second}); l[SlowDisk] == "" {
		t.Errorf("a stuck frame: %v", l)
	}
	var measured histogram.Histogram
	look(bus.UpdaterState{Measured: &bus.UpdaterMeasures{Journal: measured.Sample()}})
	for range 5 {
		measured.Observe(400 * time.Millisecond)
	}
	if l := look(bus.UpdaterState{Measured: &bus.UpdaterMeasures{Journal: measured.Sample()}}); l[SlowDisk] == "" {
		t.Errorf("slow appends: %v", l)
	}
}

// TestDiskCauses_OfAStandby: it appends nothing itself; the alarm names the host whose disk it is.
func TestDiskCauses_OfAStandby(t *testing.T) {
	look := func(took time.Duration) (text string) {
		var l looked
		var probe histogram.Histogram
		for n := range 2 {
			s := probe.Sample()
			text = l.at("b", bus.UpdaterState{Measured: &bus.UpdaterMeasures{Probe: &s}})[SlowDisk]
			for range 4 * (1 - n) {
				probe.Observe(took)
			}
		}
		return text
	}
	if text := look(400 * time.Millisecond); !strings.Contains(text, "host b") {
		t.Errorf("slow: %q", text)
	}
	if text := look(10 * time.Millisecond); text != "" {
		t.Errorf("fast enough: %q", text)
	}
}

// A takeover left updates that nobody had been told of, and an alarm that only moving files ended: what was never acknowledged is shown, and
// is no alarm.
func TestFault_D4_OnlyWhatWasAcknowledgedIsAnAlarm(t *testing.T) {
	for _, c := range []struct {
		divergent, committed int
		want                 string
	}{{0, 0, ""}, {3, 0, ""}, {3, 2, "2 of the 3 divergent updates"}} {
		list := map[string]string{}
		divergentCauses(&bus.UpdaterState{Divergent: c.divergent, DivergentCommitted: c.committed}, func(id, format string, a ...any) { list[id] = fmt.Sprintf(format, a...) })
		if !strings.Contains(list[DivergentCommitted], c.want) || len(list) != min(1, len(c.want)) {
			t.Errorf("%d aside, %d of them committed: %v", c.divergent, c.committed, list)
		}
	}
	if KindOf(DivergentCommitted).Severity != bus.Critical {
		t.Error("it is not critical")
	}
}

// A standby that reached one terminal fewer was as good as any until the takeover, and a terminal that the active was connected to and did
// not serve was nobody's concern.
func TestFault_B7_TerminalsThatWouldWaitAreAnAlarm(t *testing.T) {
	for _, c := range []struct {
		name           string
		attached, warm int
		there          int
		want           string
	}{
		{"alike", 5, 0, 5, ""}, {"more there", 5, 0, 6, ""}, {"one fewer", 5, 0, 4, FewerTerminals}, {"one not served", 4, 1, 5, Unattached},
	} {
		v := role.View{Role: role.Active, Serving: true, Mode: role.Paired, HasPeer: true, Lives: true, Peer: role.PeerView{Member: role.Member{Host: "b"}, Role: role.Standby, Terminals: c.there}}
		is := judge(Facts{Host: "a", View: v, Terminals: &bus.TerminalState{Attached: c.attached, Warm: c.warm}}, recent{}, false)
		if c.want == "" && len(is) > 0 || c.want != "" && (is[c.want] == "" || len(is) != 1) {
			t.Errorf("%s: %v", c.name, is)
		}
	}
}
