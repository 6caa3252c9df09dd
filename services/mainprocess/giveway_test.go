package mainprocess

import (
	"context"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/role"
)

// starter is a main that is about to start its processes, and gives way with a lease that decides nothing within a test.
type starter struct {
	*drainPair
	stop  context.CancelFunc
	began chan struct{} // closed when it has given way
}

func newStarter(t *testing.T, hostLease time.Duration, before ...bus.Beat) *starter {
	t.Helper()
	s := &starter{drainPair: newDrainPair(t, hostLease), began: make(chan struct{})}
	s.link.apart, s.link.notFound = context.WithCancel(t.Context())
	s.waiters = map[chan struct{}]func(role.View) bool{}
	s.on(func() { s.driver.stepped = func(v role.View, _ lease.Right) { s.wake(v) } })
	s.linkSeen.Store(int64(role.Connected))
	for _, b := range before {
		s.hears(b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() { defer close(s.began); s.giveWay(t.Context(), ctx) }()
	t.Cleanup(func() { cancel(); <-s.began })
	return s
}

// hears is an answer of the other host to a beat.
func (s *starter) hears(b bus.Beat) {
	b.Version, b.Host, b.Incarnation = bus.Version, "b", 7
	s.BeatAnswered(0, bus.BeatReply{Beat: b}, nil)
	s.on(func() {})
}

func (s *starter) awaitWaiting() {
	s.t.Helper()
	processtest.Await(s.t, "the main waits", func() bool {
		s.waitMu.Lock()
		defer s.waitMu.Unlock()
		return len(s.waiters) == 1
	})
}

func (s *starter) awaitBegun() {
	s.t.Helper()
	select {
	case <-s.began:
	case <-time.After(20 * time.Second):
		s.t.Fatal("the processes are not started")
	}
}

var (
	takingOver = bus.Beat{Role: string(role.Takeover), Settling: true}
	served     = bus.Beat{Role: string(role.Active), Serving: true}
	standingBy = bus.Beat{Role: string(role.Standby)}
)

func TestHost_GivesWay(t *testing.T) {
	t.Run("to a host that takes over, until it has settled", func(t *testing.T) {
		s := newStarter(t, time.Hour, takingOver)
		s.awaitWaiting()
		s.hears(served)
		s.awaitBegun()
	})
	t.Run("to a standby that is about to take over, until it is gone", func(t *testing.T) {
		s := newStarter(t, time.Hour, standingBy)
		s.awaitWaiting()
		s.hears(takingOver)
		s.awaitWaiting()
		s.linkSeen.Store(int64(role.Ended))
		s.giveEvidence()
		s.awaitBegun()
	})
	t.Run("not to a host that has long been active", func(t *testing.T) {
		newStarter(t, time.Hour, served).awaitBegun()
	})
	t.Run("not to a host that starts as well", func(t *testing.T) {
		newStarter(t, time.Hour, bus.Beat{Role: string(role.Starting)}).awaitBegun()
	})
	t.Run("not when nobody can be dialled", func(t *testing.T) {
		s := newStarter(t, time.Hour)
		s.awaitWaiting()
		s.link.notFound()
		s.awaitBegun()
	})
	t.Run("not for ever", func(t *testing.T) {
		newStarter(t, 16*time.Millisecond, takingOver).awaitBegun()
		newStarter(t, 16*time.Millisecond, standingBy).awaitBegun()
		newStarter(t, 16*time.Millisecond).awaitBegun() // nobody says anything
	})
	t.Run("not when it is stopped", func(t *testing.T) {
		s := newStarter(t, time.Hour, takingOver)
		s.awaitWaiting()
		s.stop()
		s.awaitBegun()
	})
}

func TestHost_Settles(t *testing.T) {
	now := time.Hour
	h := &host{clock: func() time.Duration { return now }}
	h.config.Lease = time.Second
	for _, c := range []struct {
		role  role.Role
		since time.Duration
		want  bool
	}{
		{role.Takeover, 0, true}, {role.Active, now, true}, {role.Active, now - settling(time.Second), false}, {role.Standby, now, false}, {role.Handover, now, false},
	} {
		if got := h.settles(role.View{Role: c.role, Since: c.since}); got != c.want {
			t.Errorf("%s since %s: %t", c.role, now-c.since, got)
		}
	}
}
