package operations

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// TestTurn: the standby makes the next backup where it is in sync, else the one that serves; both say so alike.
func TestTurn(t *testing.T) {
	peer := func(host string) role.PeerView { return role.PeerView{Member: role.Member{Host: host}} }
	for name, c := range map[string]struct {
		host string
		view role.View
		want string
	}{
		"active, paired":            {"a", role.View{Role: role.Active, Serving: true, Mode: role.Paired, HasPeer: true, Lives: true, Peer: peer("b")}, "b"},
		"standby, paired":           {"b", role.View{Role: role.Standby, Mode: role.Paired, HasPeer: true, Lives: true, Peer: peer("a")}, "b"},
		"active, peer catches up":   {"a", role.View{Role: role.Active, Serving: true, Mode: role.Solo, HasPeer: true, Lives: true, Peer: peer("b")}, "a"},
		"active alone":              {"a", role.View{Role: role.Active, Serving: true, Mode: role.Solo, HasPeer: true, Peer: peer("b")}, "a"},
		"active, peer silent":       {"a", role.View{Role: role.Active, Serving: true, Mode: role.Paired, HasPeer: true, Peer: peer("b")}, "a"},
		"active, never had a peer":  {"a", role.View{Role: role.Active, Serving: true, Mode: role.Solo}, "a"},
		"standby that is behind":    {"b", role.View{Role: role.Standby, Mode: role.Receiving, HasPeer: true, Lives: true, Peer: peer("a")}, "a"},
		"active that serves no one": {"a", role.View{Role: role.Active, Mode: role.Solo}, ""},
		"starting":                  {"a", role.View{Role: role.Starting, HasPeer: true, Lives: true, Peer: peer("b")}, ""},
		"taking over":               {"a", role.View{Role: role.Takeover, Mode: role.Paired, HasPeer: true, Lives: true, Peer: peer("b")}, ""},
	} {
		if got := turn(c.host, c.view); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestBacking_DueByWhatIsKnown: the interval counts from the last good one; one that a clock made which was ahead is due all the same.
func TestBacking_DueByWhatIsKnown(t *testing.T) {
	now := time.Now()
	b := &backing{}
	if !b.due(time.Hour).IsZero() {
		t.Error("the first one is not due at once")
	}
	b.learn(backups.Record{Last: &backups.Made{Name: "1", At: now.Add(-40 * time.Minute)}})
	if due := b.due(time.Hour).Sub(now); due != 20*time.Minute {
		t.Errorf("due in %s", due)
	}
	b.learn(backups.Record{Last: &backups.Made{Name: "2", At: now.Add(365 * 24 * time.Hour)}})
	if due := b.due(time.Hour).Sub(now); due < 59*time.Minute || due > 61*time.Minute {
		t.Errorf("made by a clock that was ahead, due in %s", due)
	}
}

func TestFailedPause_GrowsUpToTheInterval(t *testing.T) {
	for _, c := range []struct {
		tries int
		every time.Duration
		want  time.Duration
	}{
		{1, time.Hour, 30 * time.Second}, {2, time.Hour, time.Minute}, {7, time.Hour, 32 * time.Minute}, {8, time.Hour, time.Hour}, {1000, 24 * time.Hour, time.Hour},
		{5, 2 * time.Second, 2 * time.Second}, {3, 0, 2 * time.Minute},
	} {
		if got := failedPause(c.tries, c.every); got != c.want {
			t.Errorf("after %d failures with one each %s: %s, want %s", c.tries, c.every, got, c.want)
		}
	}
}

// TestClaimed_OneHostAtATime: while this host makes one, or is about to, the other one hears so.
func TestClaimed_OneHostAtATime(t *testing.T) {
	o := &Operations{}
	ask := func() bool {
		c, err := o.claimed(t.Context(), operator.Caller{}, operator.None{})
		if err != nil {
			t.Fatal(err)
		}
		return c.InProgress
	}
	if ask() {
		t.Error("busy without a backup")
	}
	o.backing.making = &backups.Making{Since: time.Now()}
	if !ask() {
		t.Error("not busy with one")
	}
}
