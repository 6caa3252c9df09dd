package operations

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/role"
)

// still is a role machine that stands still.
type still struct {
	Machine
	view role.View
}

func (m still) View() role.View { return m.view }

// TestPause_RaisesItsAlarms: one while it lasts, another when it is about to end, none when it is over or the other host says so.
func TestPause_RaisesItsAlarms(t *testing.T) {
	for _, c := range []struct {
		name           string
		left           time.Duration
		role           role.Role
		paused, ending bool
	}{
		{"begun", 50 * time.Minute, role.Active, true, false},
		{"about to end", 4 * time.Minute, role.Active, true, true},
		{"over", 0, role.Active, false, false},
		{"told by the active", 50 * time.Minute, role.Standby, false, false},
	} {
		o := &Operations{Config: Config{Clock: func() time.Duration { return time.Hour }, Alarms: alarms.NewSet("a", 1)}}
		v := role.View{Role: c.role, PausedUntil: time.Hour + c.left, Lives: true, Record: role.Record{Pause: role.Pause{For: time.Hour, Until: time.Now(), By: "operator"}}}
		v.Peer.Epoch = 7
		o.Machine = still{view: v}
		o.watchPause()
		if p, e := o.Alarms.IsRaised(alarms.Paused), o.Alarms.IsRaised(alarms.PauseEnding); p != c.paused || e != c.ending {
			t.Errorf("%s: paused %v, ending %v", c.name, p, e)
		}
	}
}

// TestVerify_RaisesWhatDiffers: keys that differ and were not repaired are an alarm, until a comparison has repaired them or finds none.
func TestVerify_RaisesWhatDiffers(t *testing.T) {
	o := &Operations{Config: Config{Alarms: alarms.NewSet("a", 1)}}
	for _, c := range []struct {
		state bus.VerifyState
		want  bool
	}{
		{bus.VerifyState{ID: "1", Different: 3}, true},
		{bus.VerifyState{ID: "2", Unfinished: "the link was lost"}, true},
		{bus.VerifyState{ID: "3", Different: 3, Repaired: 3}, false},
	} {
		o.judgeVerify(c.state)
		if o.Alarms.IsRaised(alarms.VerifyMismatch) != c.want {
			t.Errorf("%+v: raised %v", c.state, !c.want)
		}
	}
}
