package door_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
)

// A process sees all its doors and peers, and ends on both kinds of connections whoever was withdrawn.
func TestSet_SeesAndSweepsAll(t *testing.T) {
	a, b, pair := hosts(t)
	var years atomic.Int64
	var withdrawn atomic.Bool
	clock := identity.Clock{Now: func() time.Time { return time.Now().AddDate(int(years.Load()), 0, 0) }}
	var ofA, ofB door.Set
	a.Policy.Clock, b.Policy.Clock = clock, clock
	b.Policy.Withdrawn = func(identity.Peer) bool { return withdrawn.Load() }
	d := listen(t, door.Config{Name: "link", Offers: []door.Offer{a}, Set: &ofA})
	listen(t, door.Config{Name: "else", Offers: []door.Offer{{Protocol: "x", Source: pair.Source(hostA)}}, Set: &ofA})
	wire := door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{b}, Set: &ofB}}
	first, err := wire.Dial(t.Context(), d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	second, err := wire.Dial(t.Context(), d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if s := ofA.Stats(); len(s) != 2 || s[0].Door != "else" || s[1].Door != "link" || s[1].Open != 2 {
		t.Errorf("%+v", s)
	}
	for range 2 {
		for of, set := range map[identity.Name]*door.Set{hostB: &ofA, hostA: &ofB} {
			if p := set.Peers(); len(p) != 1 || p[0].Name != of || p[0].Expired != (years.Load() > 0) {
				t.Errorf("%+v", p)
			}
		}
		years.Add(1)
	}
	speak(t, first)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if ended := append(ofA.Sweep(), ofB.Sweep()...); len(ended) != 0 {
		t.Errorf("ended: %v", ended)
	}
	withdrawn.Store(true)
	if ended := ofB.Sweep(); len(ended) != 1 || ended[0].Name != hostA {
		t.Errorf("ended: %v", ended)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("it goes on, or the other side ended it: %v", err)
	}
	if len(ofB.Peers()) != 0 || len(ofB.Sweep()) != 0 {
		t.Error("what was closed is open")
	}
	if err := d.Close(); err != nil || len(ofA.Stats()) != 1 {
		t.Errorf("a door that was closed is open: %v", err)
	}
}

// Who is withdrawn between the handshake and the first moment that a sweep could see the connection is not connected.
func TestSet_WithdrawnDuringTheDial(t *testing.T) {
	a, b, _ := hosts(t)
	var asked atomic.Int64
	var set door.Set
	b.Policy.Withdrawn = func(identity.Peer) bool { return asked.Add(1) > 1 }
	d := listen(t, door.Config{Offers: []door.Offer{a}})
	_, err := door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{b}, Set: &set}}.Dial(t.Context(), d.Addr().String())
	if !errors.Is(err, identity.ErrWithdrawn) || door.After(evidence.Ended, err) != evidence.Silent || len(set.Peers()) != 0 {
		t.Errorf("%v", err)
	}
}

// Many that come, go and are swept at the same time: nothing is left behind.
func TestSet_WhileEverythingMoves(t *testing.T) {
	a, b, _ := hosts(t)
	var ofA, ofB door.Set
	var sweeping atomic.Bool
	b.Policy.Withdrawn = func(identity.Peer) bool { return sweeping.Load() }
	d := listen(t, door.Config{Offers: []door.Offer{a}, Set: &ofA})
	wire := door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{b}, Set: &ofB}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var moving sync.WaitGroup
	for range 4 {
		moving.Go(func() {
			for ctx.Err() == nil {
				if c, err := wire.Dial(ctx, d.Addr().String()); err == nil {
					_, _ = io.WriteString(c, "x")
					_ = c.Close()
				}
			}
		})
	}
	for ctx.Err() == nil {
		sweeping.Store(!sweeping.Load())
		ofA.Sweep()
		ofB.Sweep()
		ofA.Peers()
		ofA.Stats()
	}
	moving.Wait()
	if left := ofB.Peers(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
