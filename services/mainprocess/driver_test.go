package mainprocess

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// idle does nothing of what a machine orders.
type idle struct{}

func (idle) stepped(role.View, lease.Right) {}
func (idle) perform(role.Action)            {}
func (idle) ticked()                        {}

// A main that wakes up late tells its machine so whatever comes first: also what is no input of the machine (T11).
func TestDriver_IsToldOfItsStallBeforeAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const beats = time.Hour
		began, slept := time.Now(), time.Duration(0)
		clock := func() time.Duration { return time.Since(began) + slept }
		d := newDriver(role.New(role.Config{Host: "a", Lease: 8 * beats}, 0), clock, beats, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = d.Run(ctx, idle{}) }()
		synctest.Wait() // it waits for what comes
		slept = 4 * beats
		steps := make(chan uint64, 1)
		d.during(ctx, func() { steps <- d.View().Steps })
		if got := <-steps; got != 1 {
			t.Errorf("the machine had taken %d inputs when something else was done, want the late tick", got)
		}
		cancel()
		<-ended
	})
}

// held is an actor that hangs in what it performs until it is let go.
type blocked struct {
	idle
	ticks chan struct{}
	hang  chan struct{} // closed: nothing hangs
}

func (h blocked) ticked()                        { h.ticks <- struct{}{} }
func (h blocked) stepped(role.View, lease.Right) { <-h.hang }

// TestFault_B1_TellsThatItTurnsOnlyWhileItDoes: what proves to the other main that this one decides comes from the loop that
// decides. A loop that hung, in a line of its log, was beaten for by another goroutine.
func TestFault_B1_TellsThatItTurnsOnlyWhileItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		clock := func() time.Duration { return time.Since(began) }
		const tick = time.Second
		d := newDriver(role.New(role.Config{Host: "a", Lease: 8 * tick}, 0), clock, tick, slog.New(slog.DiscardHandler))
		h := blocked{ticks: make(chan struct{}, 100), hang: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = d.Run(ctx, h) }()
		time.Sleep(10 * tick)
		if n := len(h.ticks); n != 0 {
			t.Errorf("%d ticks of a loop that hangs", n)
		}
		close(h.hang)
		time.Sleep(10 * tick)
		if n := len(h.ticks); n < 8 {
			t.Errorf("%d ticks in ten intervals", n)
		}
		cancel()
		<-ended
	})
}

// TestFault_A13_InputsThatWaitAreBounded: no test had come to the bound of inputs. Beyond it whoever has one waits, and who has a deadline gives up;
// none is lost.
func TestFault_A13_InputsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriver(role.New(role.Config{Host: "a", Lease: time.Hour}, 0), func() time.Duration { return 0 }, time.Hour, slog.New(slog.DiscardHandler))
		for range cap(d.inputs) {
			d.Give(role.Tick{})
		}
		given := false
		go func() { d.Give(role.Tick{}); given = true }()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := d.Ask(hurried, role.Tick{}); err == nil || given || cap(d.inputs) != 4096 {
			t.Errorf("beyond %d inputs: %v, one more was taken: %t", cap(d.inputs), err, given)
		}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = d.Run(ctx, idle{}) }()
		synctest.Wait()
		if got := d.View().Steps; !given || got < uint64(cap(d.inputs))+1 {
			t.Errorf("%d inputs were taken, the last one: %t", got, given)
		}
		end()
		<-ended
	})
}
