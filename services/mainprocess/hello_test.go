package mainprocess

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/role"
)

// down are this host's services that are not ready.
type down []string

func (d down) Down() []string { return d }

// A service that was down on both hosts kept a switchover from either: a host is only not fit to be handed over to while it lacks
// what the other one has.
func TestFault_D2_AServiceDownOnBothHostsKeepsNothingFromMoving(t *testing.T) {
	beat := bus.Beat{Fit: true, Down: []string{"tickets"}}
	if v := (&peer{services: down{"tickets"}}).view(beat); !v.Fit {
		t.Errorf("down on both: not fit, %s", v.Unfit)
	}
	if v := (&peer{services: down{}}).view(beat); v.Fit || !strings.Contains(v.Unfit, "tickets") {
		t.Errorf("down there only: fit %v, %q", v.Fit, v.Unfit)
	}
}

// TestPeer_HelloRefusesV12AndStrangers: two hosts that ask different witnesses could both win, so they are not a pair: no lease, no
// add (V12 i); one of which asks a witness and the other its terminals likewise. The same for a host of another pair, of a program with no level in common, or of the same name.
func TestPeer_HelloRefusesV12AndStrangers(t *testing.T) {
	p := &peer{driver: newDriver(role.New(role.Config{Host: "a"}, 0), nil, 0, nil), heard: &heard{}}
	p.config.Host, p.config.PeerLink, p.incarnation = "a", "10.0.0.1:7702", 7
	view := role.View{PairID: "pair", WitnessID: "W1", Record: role.Record{PairID: "pair", WitnessID: "W1"}}
	p.driver.view.Store(&view)
	p.config.Witness = "10.0.0.3:7705"
	good := bus.Beat{Levels: level.Own(), Host: "b", PairID: "pair", WitnessID: "W1"}
	for _, c := range []struct {
		name   string
		change func(*bus.Beat)
		says   string // what the refusal names; "" for none
	}{
		{"the partner", func(*bus.Beat) {}, ""},
		{"a partner that is new", func(b *bus.Beat) { b.PairID = "" }, ""},
		{"a partner that has not reached its witness yet", func(b *bus.Beat) { b.WitnessID = "" }, ""},
		{"another witness", func(b *bus.Beat) { b.WitnessID = "W2" }, "HOTPAIR_WITNESS"},
		{"another pair", func(b *bus.Beat) { b.PairID = "other" }, "pair other"},
		{"a later program that knows this level", func(b *bus.Beat) { b.Levels.Newest++ }, ""},
		{"a later program that knows no level of this one", func(b *bus.Beat) { b.Levels = level.Range{Oldest: 3, Newest: 4} }, "a knows 1 to 2, b knows 3 to 4: upgrade a"},
		{"data that have risen above this program", func(b *bus.Beat) { b.Levels.Newest, b.Level = 3, 3 }, "a knows 1 to 2, but not level 3: upgrade it (the data of b are at that level)"},
		{"a program that says no levels", func(b *bus.Beat) { b.Levels = level.Range{} }, "b knows 0: upgrade b"},
		{"itself", func(b *bus.Beat) { b.Host, b.Incarnation = "a", 7 }, "HOTPAIR_PEER_LINK (10.0.0.1:7702) is the address of this host itself"},
		{"no witness", func(b *bus.Beat) { b.WitnessID, b.Witnessless = "", true }, "HOTPAIR_WITNESS=none"},
		{"the same name", func(b *bus.Beat) { b.Host = "a" }, "HOTPAIR_HOST"},
	} {
		b := good
		c.change(&b)
		got := failure(p.refuses(b))
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want it to name %q", c.name, got, c.says)
		}
	}
}
