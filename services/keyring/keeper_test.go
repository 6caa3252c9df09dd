package keyring

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/identity"
)

func peer(host string, n byte) identity.Peer {
	return identity.Peer{Name: identity.Host("p", host), Fingerprint: key(n)}
}

// What a host does about the ring, for each way in which it can be found.
func TestKeeper_Next(t *testing.T) {
	both := Ring{}.Renewed("a", key(1)).Replaced("a", "b", key(2))
	renewed := both.Renewed("b", key(3)).Renewed("b", key(4)) // 2 is retired
	witness := identity.Peer{Name: identity.Witness("p"), Fingerprint: key(77)}
	a := facts{host: "a", used: key(1)}
	with := func(f facts, peers ...identity.Peer) facts { f.peers = append(peers, witness); return f }
	for name, c := range map[string]struct {
		facts        facts
		shown, known Ring
		changed      bool
		a, b         []identity.Fingerprint
		problem      bool
	}{
		"a new pair, the other one is not here yet": {with(a), Ring{}, Ring{}, false, nil, nil, false},
		"a new pair, both are here":                 {with(a, peer("b", 2)), Ring{}, Ring{}, true, keys(1), keys(2), false},
		"a new pair, the other one does not come":   {facts{host: "a", used: key(1), alone: true}, Ring{}, Ring{}, true, keys(1), nil, false},
		"all is well":                               {with(a, peer("b", 2)), both, both, false, keys(1), keys(2), false},
		"alone":                                     {with(a), both, both, false, keys(1), keys(2), false},
		"a key of its own waits":                    {facts{host: "a", used: key(1), waiting: key(5)}, both, both, true, keys(5, 1), keys(2), false},
		"the one that waits is known":               {facts{host: "b", used: key(3), waiting: key(4)}, renewed, renewed, false, keys(1), keys(4, 3), false},
		"the other one has a new key":               {with(a, peer("b", 6)), both, both, true, keys(1), keys(6), false},
		"the other one has a new key and the old":   {with(a, peer("b", 6), peer("b", 2)), both, both, false, keys(1), keys(2), false},
		"the other one has a key that was replaced": {with(a, peer("b", 2)), renewed, renewed, false, keys(1), keys(4, 3), true},
		"and an operator lets it in":                {facts{host: "a", used: key(1), peers: []identity.Peer{peer("b", 2)}, admit: "b"}, renewed, renewed, true, keys(1), keys(2), false},
		"and an operator lets another one in":       {facts{host: "a", used: key(1), peers: []identity.Peer{peer("b", 2)}, admit: "c"}, renewed, renewed, false, keys(1), keys(4, 3), true},
		"replaced and new, both call themselves b":  {with(a, peer("b", 2), peer("b", 6)), renewed, renewed, true, keys(1), keys(6), false},
		"the witness was emptied":                   {with(a), Ring{}, renewed, true, keys(1), keys(4, 3), false},
		"the witness went back":                     {with(a), both, renewed, true, keys(1), keys(4, 3), false},
		"the witness went back, and b is here":      {with(a, peer("b", 4)), both, Ring{}, true, keys(1), keys(4), false},
		"another host in the place of b":            {with(a, peer("c", 6)), both, both, true, keys(1), nil, false},
		"no certificate yet":                        {facts{host: "a"}, both, both, false, keys(1), keys(2), false},
	} {
		next, why, problem := c.facts.next(c.shown, c.known)
		if (why != "") != c.changed || (problem != nil) != c.problem || problem != nil && !errors.Is(problem, ErrUnlisted) {
			t.Errorf("%s: %q, %v", name, why, problem)
		}
		if c.changed {
			if err := next.Follows(c.shown); err != nil {
				t.Errorf("%s: the witness would refuse that: %v", name, err)
			}
			if again, why, _ := c.facts.next(next, next); why != "" {
				t.Errorf("%s: it does not end: %s, %+v", name, why, again)
			}
		}
		if len(next.Of("a")) != len(c.a) || len(next.Of("b")) != len(c.b) {
			t.Errorf("%s: %+v", name, next)
		}
		for _, host := range []struct {
			name string
			keys []identity.Fingerprint
		}{{"a", c.a}, {"b", c.b}} {
			for i, key := range host.keys {
				if next.Of(host.name)[i] != key {
					t.Errorf("%s: %+v", name, next)
				}
			}
		}
	}
	if next, why, _ := a.next(Ring{Version: 99, Hosts: both.Hosts}, renewed); why == "" || next.Has("b", key(2)) || !next.Has("b", key(4)) || next.Follows(Ring{Version: 99, Hosts: both.Hosts}) != nil {
		t.Errorf("an old key in a newer list: %+v, %q", next, why)
	}
	if next, why, _ := a.next(Ring{Version: 99, Hosts: []Host{{"a", keys(1)}, {"c", keys(2)}}}, renewed); why == "" || next.Has("c", key(2)) || next.check() != nil {
		t.Errorf("an old key under another name: %+v, %q", next, why)
	}
	fork := both.Replaced("a", "b", key(8))
	if next, why, _ := a.next(both.Replaced("a", "b", key(9)), fork); why == "" || !next.IsRetired(key(2)) || next.Version != fork.Version+1 {
		t.Errorf("two of one version: %+v, %q", next, why)
	}
	_, _, problem := with(a, peer("b", 2)).next(renewed, renewed)
	if problem == nil || !strings.Contains(problem.Error(), "hotpair admit b") {
		t.Errorf("what to do: %v", problem)
	}
}
