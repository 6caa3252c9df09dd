package operations

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// A standby that ran one service fewer was in sync, and "either host may fail": it showed when it had taken over. Each run of the other
// main is asked what it is set to, once it can be, and what differs is an alarm.
func TestFault_B7_SettingsThatDifferAreAnAlarm(t *testing.T) {
	group := &sync.WaitGroup{}
	t.Cleanup(group.Wait)
	other := "HOTPAIR_BUSINESS=kv"
	view := role.View{Role: role.Active, Serving: true, HasPeer: true, Lives: true, Peer: role.PeerView{Member: role.Member{Host: "b"}, Incarnation: 1}}
	now := time.Hour
	main := &linked{host: "a", peer: down{}}
	a := New(t.Context(), Config{Host: hostOf(t, "HOTPAIR_HOST=a", "HOTPAIR_PEER_LINK=b:1", "HOTPAIR_PEER_REPLICATION=b:2"), Machine: still{view: view},
		Clock: func() time.Duration { return now }, Alarms: alarms.NewSet("a", 1), Group: group}, registry.New(t.Context(), main, "key", bus.NewRouter(""), group))
	look := func() string {
		t.Helper()
		now += 2 * driftAgain
		a.watchDrift()
		group.Wait()
		a.watchDrift()
		if list := a.Alarms.List(); len(list) > 0 {
			return list[0].Text
		}
		return ""
	}
	if text := look(); text != "" {
		t.Errorf("the other host does not tell: %s", text)
	}
	serve := func() {
		t.Helper()
		calls := bus.NewRouter("")
		New(t.Context(), Config{Host: hostOf(t, "HOTPAIR_HOST=b", "HOTPAIR_PEER_LINK=a:1", "HOTPAIR_PEER_REPLICATION=a:2", other), Machine: heard{peer: "a"}}, registry.New(t.Context(), &linked{host: "b", peer: down{}}, "key", calls, group))
		main.peer = answering(t, calls)
	}
	serve()
	if text := look(); !strings.Contains(text, "HOTPAIR_BUSINESS is kv,ledger on a and kv on b") {
		t.Errorf("another service there: %q", text)
	}
	standby := view
	standby.Role, standby.Serving, standby.Peer.Serving = role.Standby, false, true
	a.Machine = still{view: standby}
	if text := look(); text != "" {
		t.Errorf("the host that serves says it: %q", text)
	}
	other = "HOTPAIR_BUSINESS=ledger,kv"
	serve()
	view.Peer.Incarnation = 2
	a.Machine = still{view: view}
	if text := look(); text != "" {
		t.Errorf("started again, and alike: %q", text)
	}
}

// TestDriftSentence_NamesFew: what it names is bounded, and no value fills a screen.
func TestDriftSentence_NamesFew(t *testing.T) {
	long := strings.Repeat("é", 100)
	told := func(host string, value string) config.HostSettings {
		s := config.HostSettings{Host: host}
		for _, name := range []string{"A", "B", "C", "D", "E"} {
			s.Settings = append(s.Settings, config.Setting{Name: name, Alike: true, HostSetting: config.HostSetting{Value: value}})
		}
		return s
	}
	text := driftSentence(config.Join("a", []config.HostSettings{told("a", long), told("b", "")}))
	if !strings.HasSuffix(text, "and 2 more") || !strings.Contains(text, "nothing on b") || len(text) > 400 {
		t.Error(text)
	}
}
