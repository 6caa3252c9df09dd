package world

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/simulator/pair"
)

// clocked is a world whose wall clocks are set.
type clocked struct {
	*World
	t *testing.T
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	w, err := New(Options{Dir: t.TempDir(), Terminals: terminals, Lease: time.Second, Patience: 2 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &clocked{w, t}
}

// set sets the wall clocks of a and b.
func (w *clocked) set(a, b time.Duration) {
	w.Host(pair.HostA).SetWall(a)
	w.Host(pair.HostB).SetWall(b)
}

// restart kills both hosts, starts them again and waits until they are paired.
func (w *clocked) restart() {
	w.t.Helper()
	for _, host := range pair.Hosts() {
		w.Host(host).Kill()
	}
	for _, host := range pair.Hosts() {
		w.Host(host).Wait()
		w.Host(host).Start()
	}
	if err := w.AwaitPaired(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// await waits in the world's time.
func (w *clocked) await(within time.Duration, what string, holds func() bool) {
	w.t.Helper()
	if err := w.Await(w.t.Context(), within, what, holds); err != nil {
		w.t.Fatal(err)
	}
}

// alarmed reports whether a host shows an alarm.
func (w *clocked) alarmed(host, id string) bool {
	s, err := w.Status(w.t.Context(), host)
	return err == nil && slices.ContainsFunc(s.Alarms, func(a bus.Alarm) bool { return a.ID == id })
}

// ahead is how far pair time, as the active has it, is ahead of the clocks of the world.
func (w *clocked) ahead() time.Duration {
	w.t.Helper()
	for _, host := range pair.Hosts() {
		if s, err := w.Status(w.t.Context(), host); err == nil && s.Role == "active" && !s.PairTime.IsZero() {
			return time.Until(s.PairTime).Round(time.Second)
		}
	}
	return -1
}

// put sends a request under an id that an application makes by a clock so far ahead of the world's, and gives the code of the answer.
func (w *clocked) put(app time.Duration) string {
	w.t.Helper()
	c, err := w.application("test", 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	m := nats.NewMsg("request.kv.put")
	m.Header.Set(bus.HeaderRequestID, time.Now().Add(app).UTC().Format(time.RFC3339Nano)+"/x")
	m.Data = []byte(`{"key":"k","value":1}`)
	reply, err := c.RequestMsg(m, 10*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply.Header.Get(bus.HeaderErrorCode)
}

const tenYears = 10 * 365 * 24 * time.Hour

// TestFault_A12_APairDoesNotBeginByAWrongClock: a pair that was born while one clock was ten years ahead refused the ids of its applications
// for ten years. Now it says which clock is wrong and begins once that is set.
func TestFault_A12_APairDoesNotBeginByAWrongClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newClocked(t)
		defer w.Close()
		w.set(tenYears, 0)
		w.Start()
		for _, host := range pair.Hosts() {
			w.await(time.Minute, "alarm at "+host, func() bool { return w.alarmed(host, alarms.ClocksApart) })
			s, err := w.Status(t.Context(), host)
			if err != nil || !s.PairTime.IsZero() || s.Serves() || s.Peer.Clock == nil || time.Duration(s.Peer.Clock.AheadMS).Abs()*time.Millisecond < tenYears-time.Minute {
				t.Errorf("%s: pair time %v, serves %v, clock %+v, %v", host, s.PairTime, s.Serves(), s.Peer.Clock, err)
			}
		}
		w.set(0, 0) // what the alarm says
		if err := w.AwaitPaired(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code := w.put(0); code != "" {
			t.Errorf("an id of now got %s", code)
		}
		w.await(time.Minute, "end of the alarm", func() bool { return !w.alarmed(pair.HostA, alarms.ClocksApart) })
		if err := w.Err(); err != nil {
			t.Error(err)
		}
	})
}

// TestFault_B4_PairTimeFollowsBothClocks: pair time was set once and never corrected. It follows the clocks of both hosts, forward and back,
// and none of one host alone.
func TestFault_B4_PairTimeFollowsBothClocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newClocked(t)
		defer w.Close()
		w.Start()
		if err := w.AwaitPaired(t.Context()); err != nil {
			t.Fatal(err)
		}
		soon := 2*clocks.Every + 10*time.Second
		w.set(8*time.Hour, 0)
		w.await(soon, "alarm", func() bool {
			return w.alarmed(pair.HostA, alarms.ClocksApart) && w.alarmed(pair.HostB, alarms.ClocksApart)
		})
		time.Sleep(soon) // a change that must not come
		if code, ahead := w.put(0), w.ahead(); code != "" || ahead != 0 {
			t.Errorf("one clock is ahead: an id of now got %q, pair time is %v ahead", code, ahead)
		}
		// Both are set wrong, by one server of time: the hosts know how much time has passed.
		w.set(tenYears, tenYears)
		time.Sleep(soon) // a change that must not come
		if now, then, ahead := w.put(0), w.put(tenYears), w.ahead(); now != "" || then != "" || ahead != 0 {
			t.Errorf("ten years on: an id of now got %q, one of then %q, pair time is %v ahead", now, then, ahead)
		}
		// They were off for that long, as far as they can know.
		w.restart()
		w.await(soon, "pair time of both clocks", func() bool { return w.ahead() == tenYears })
		if now, then := w.put(0), w.put(tenYears); now != "410" || then != "" {
			t.Errorf("started ten years on: an id of the past got %q, one of then %q", now, then)
		}
		// And they are set right.
		w.set(0, 0)
		w.await(soon, "pair time of both clocks", func() bool { return w.ahead() == 0 })
		if code := w.put(0); code != "" {
			t.Errorf("back again: an id of now got %q", code)
		}
		w.set(-2*365*24*time.Hour, -2*365*24*time.Hour)
		w.await(soon, "pair time of both clocks", func() bool { return w.ahead() < -tenYears/10 })
		if code := w.put(0); code != "" {
			t.Errorf("two years back: an id of now got %q", code)
		}
		if err := w.Err(); err != nil {
			t.Error(err)
		}
	})
}
