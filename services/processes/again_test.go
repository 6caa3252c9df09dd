package processes

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/role"
)

// mute is a watcher that keeps nothing.
type mute struct{ Watcher }

func (mute) ProcessEvent(string, string) {}

// sometimes lacks every service while it is set.
type sometimes struct{ atomic.Bool }

func (s *sometimes) Lacks(string) bool { return s.Load() }

// failures counts what a machine was told of processes that can't be restarted.
type failures struct{ atomic.Int64 }

func (f *failures) Give(in role.Input) {
	if _, is := in.(role.ProcessFailed); is {
		f.Add(1)
	}
}

// TestFault_D9_AProgramThatDoesNotExistIsToldAgain: that a service was given up was told again only when it ended, and a program that does
// not exist never ends. A service that the other host lacked at that moment, and has since, was never handed over to it.
func TestFault_D9_AProgramThatDoesNotExistIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var elsewhere sometimes
		elsewhere.Store(true)
		var machine failures
		tickets := &kept{name: "business.tickets", service: "tickets"}
		p := &Processes{config: Config{Machine: &machine, Watcher: mute{}, Elsewhere: &elsewhere, Log: slog.New(slog.DiscardHandler)}, children: []*kept{tickets}}
		ctx, stop := context.WithCancel(t.Context())
		tickets.keeper = &process.Keeper{
			Spec:   func(context.Context) (process.Spec, error) { return process.Spec{}, errors.New("no such program") },
			Policy: process.DefaultPolicy(),
			Events: func(e process.Event) { p.happened(ctx, tickets, e) },
		}
		ended := make(chan error, 1)
		go func() { ended <- tickets.keeper.Run(ctx) }()
		time.Sleep(time.Minute) // of the bubble, in which it is started in vain some times
		if !tickets.keeper.Status().GaveUp || machine.Load() > 0 {
			t.Errorf("given up %t, told %d times", tickets.keeper.Status().GaveUp, machine.Load())
		}
		elsewhere.Store(false)
		time.Sleep(time.Minute) // likewise
		if machine.Load() == 0 {
			t.Error("the other host has it, and the machine is never told")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestFailed_NobodyHandsOverForBackups: the process that makes backups serves nobody. A host is fit without it, and when it can't be restarted
// there is an alarm, and no hand-over.
func TestFailed_NobodyHandsOverForBackups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var elsewhere sometimes
		var machine failures
		k := &kept{name: "backup", optional: true}
		p := &Processes{config: Config{Machine: &machine, Watcher: mute{}, Elsewhere: &elsewhere, Log: slog.New(slog.DiscardHandler)}, children: []*kept{k}}
		ctx, stop := context.WithCancel(t.Context())
		k.keeper = &process.Keeper{
			Spec:   func(context.Context) (process.Spec, error) { return process.Spec{}, errors.New("no such program") },
			Policy: process.DefaultPolicy(),
			Events: func(e process.Event) { p.happened(ctx, k, e) },
		}
		ended := make(chan error, 1)
		go func() { ended <- k.keeper.Run(ctx) }()
		time.Sleep(2 * time.Minute) // of the bubble, in which it is started in vain some times
		if !k.keeper.Status().GaveUp || machine.Load() > 0 {
			t.Errorf("given up %t, the machine was told %d times", k.keeper.Status().GaveUp, machine.Load())
		}
		if p.missed(k) {
			t.Error("the host can't serve for want of it")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestMakeKeeper_WhoGoesBehindMayBeSilentForLonger: the process that makes backups gets no processor while others want it, and is not frozen then.
func TestMakeKeeper_WhoGoesBehindMayBeSilentForLonger(t *testing.T) {
	p := &Processes{config: Config{Host: config.Host{Pace: config.Pace{Lease: time.Second}}}}
	backup, updater := &kept{name: "backup", optional: true}, &kept{name: "updater"}
	for _, k := range []*kept{backup, updater} {
		p.makeKeeper(t.Context(), k)
		defer k.stop()
	}
	if backup.keeper.Patience < 30*time.Second || updater.keeper.Patience != 2*time.Second {
		t.Errorf("patience with backups %s, with the updater %s", backup.keeper.Patience, updater.keeper.Patience)
	}
}
