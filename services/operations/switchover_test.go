package operations

import (
	"testing"

	"github.com/hotpair/hotpair/services/role"
)

// TestSuccessorOf_IsToldBeforeTheRecordIsRead: the other host said in a beat that it serves; the record known here was still the one
// before, and the operator was told that the switchover had failed.
func TestSuccessorOf_IsToldBeforeTheRecordIsRead(t *testing.T) {
	a, b := role.Member{Host: "a", Identity: "1"}, role.Member{Host: "b", Identity: "2"}
	before := role.View{Self: a, Role: role.Standby, Record: role.Record{Epoch: 1, Active: a}}
	peer := func(v role.View, r role.Role, epoch uint64, serving bool) role.View {
		v.Peer.Member, v.Peer.Role, v.Peer.Epoch, v.Peer.Serving = b, r, epoch, serving
		return v
	}
	again := before
	again.Role, again.Epoch, again.Serving = role.Active, 2, true
	for name, c := range map[string]struct {
		view role.View
		want successor
	}{
		"the other serves, the record is old": {peer(before, role.Active, 2, true), successor{"b", 2}},
		"the other does not serve yet":        {peer(before, role.Active, 2, false), successor{}},
		"the other takes over":                {peer(before, role.Takeover, 0, false), successor{}},
		"an epoch that was before":            {peer(before, role.Active, 1, true), successor{}},
		"this host serves again":              {peer(again, role.Standby, 0, false), successor{"a", 2}},
	} {
		if got := successorOf(c.view, 1); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
