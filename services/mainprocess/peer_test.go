package mainprocess

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/role"
)

// TestFault_E2_NothingIsPassedOnToWhoIsNotHeard: what the other main had said of its epoch counted after its death as well.
func TestFault_E2_NothingIsPassedOnToWhoIsNotHeard(t *testing.T) {
	d := &driver{}
	p := &peer{driver: d}
	p.config.Host = "b"
	for _, lives := range []bool{true, false} {
		v := role.View{Role: role.Standby, HasPeer: true, Lives: lives, Waiting: "waiting for a: 3 updates ahead"}
		v.Peer.Epoch, v.Record.Active.Host, v.Record.Epoch = 7, "a", 7
		d.view.Store(&v)
		if standby, elsewhere := p.Standby(); !standby || elsewhere != lives {
			t.Errorf("heard: %t; standby %t, passed on %t", lives, standby, elsewhere)
		}
	}
	if got := p.Missing(); !strings.HasPrefix(got, "b is standby and does not hear a, the last active (epoch 7): waiting for a: 3 updates ahead; try again once") {
		t.Error(got)
	}
}
