package mainprocess

import (
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

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
