package operations

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/operator"
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

// aHost is as much of a main and its machine as a switchover looks at.
type aHost struct {
	Machine
	Main
	mu   sync.Mutex
	view role.View
	told []string
}

func (h *aHost) View() role.View { h.mu.Lock(); defer h.mu.Unlock(); return h.view }

func (h *aHost) Tell(e bus.Event) { h.told = append(h.told, e.Text) }

// aWitness is what a host knows of the witness; it answers after a time.
type aWitness struct {
	Record
	err   error
	after time.Duration
}

func (w aWitness) Read(ctx context.Context) (arbiter.Value, error) {
	select {
	case <-time.After(w.after):
		return arbiter.Value{}, w.err
	case <-ctx.Done():
		return arbiter.Value{}, context.Cause(ctx)
	}
}

// TestSwitchover_NotWithoutTheWitness: the host stopped serving, and nobody could take over until the witness was back.
func TestSwitchover_NotWithoutTheWitness(t *testing.T) {
	for name, c := range map[string]struct {
		view role.View
		of   aWitness
		says string
	}{
		"it answers":    {},
		"it is gone":    {of: aWitness{err: arbiter.ErrUnreachable}, says: "start the witness"},
		"it is silent":  {of: aWitness{after: time.Hour}, says: "start the witness"},
		"it is another": {view: role.View{WitnessReplaced: true}, says: "another witness"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := &Operations{Config: Config{Machine: &aHost{view: c.view}, Record: c.of}}
			err := o.mayAsk(t.Context())
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, operator.ErrRefused) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestSwitchover_WaitsForAHostThatIsAboutToServe: one that was asked just after a kill was refused, because the updater was started anew.
func TestSwitchover_WaitsForAHostThatIsAboutToServe(t *testing.T) {
	for name, c := range map[string]struct {
		view  role.View
		comes time.Duration // 0: never
		waits time.Duration
	}{
		"it serves":            {view: role.View{Role: role.Active, Serving: true}},
		"it is a standby":      {view: role.View{Role: role.Standby}},
		"its updater restarts": {view: role.View{Role: role.Active}, comes: 2 * time.Second, waits: 2 * time.Second},
		"it takes over":        {view: role.View{Role: role.Takeover}, comes: time.Second, waits: time.Second},
		"it never serves":      {view: role.View{Role: role.Active}, waits: servesWithin},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &aHost{view: c.view}
			o := &Operations{Config: Config{Machine: h, Main: h}}
			if c.comes > 0 {
				go func() {
					time.Sleep(c.comes) // of the bubble
					h.mu.Lock()
					h.view = role.View{Role: role.Active, Serving: true}
					h.mu.Unlock()
					o.waiters.wake(h.View())
				}()
			}
			began := time.Now()
			o.awaitServing(context.Background(), operator.Caller{From: "ann"})
			if took := time.Since(began); took != c.waits || len(h.told) != min(1, int(c.waits)) {
				t.Errorf("%s: it waited %v and said %q", name, took, h.told)
			}
		})
	}
}
