package mainprocess

import (
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

func TestReachable_IsWhereOthersFindAHost(t *testing.T) {
	for _, c := range []struct{ address, link, want string }{
		{"127.0.0.1:7704", "192.0.2.2:7702", "127.0.0.1:7704"},
		{"192.0.2.2:7704", "198.51.100.2:7702", "192.0.2.2:7704"},
		{"[::]:7704", "192.0.2.2:7702", "192.0.2.2:7704"},
		{"0.0.0.0:7704", "b.example:7702", "b.example:7704"},
		{":7704", "[2001:db8::2]:7702", "[2001:db8::2]:7704"},
		{"[::]:7704", "nonsense", "[::]:7704"},
		{"nonsense", "192.0.2.2:7702", "nonsense"},
	} {
		if got := reachable(c.address, c.link); got != c.want {
			t.Errorf("%s with a link to %s: %s, want %s", c.address, c.link, got, c.want)
		}
	}
}

func TestMeasures_CountEachTermOnce(t *testing.T) {
	var m measures
	for _, v := range []role.View{
		{Role: role.Standby, Epoch: 3}, {Role: role.Takeover, Epoch: 3}, {Role: role.Active, Epoch: 4}, {Role: role.Active, Epoch: 4},
		{Role: role.Handover, Epoch: 4}, {Role: role.Active, Epoch: 5}, {Role: role.Standby, Epoch: 5},
	} {
		m.stepped(v)
	}
	if n := m.takeovers.Load(); n != 2 {
		t.Errorf("%d terms, want 2", n)
	}
	m.Audited(&operator.Audit{GapWorstMS: 12})
	m.Audited(&operator.Audit{GapWorstMS: 37.5, Felt: 3})
	if s := m.gap.Sample(); s.Count() != 1 || s.Sum.Microseconds() != 37500 {
		t.Errorf("gaps %+v: an attach that nobody felt is none", s)
	}
}
