package process

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kept runs a keeper of one part and collects its events.
type kept struct {
	*Keeper
	events chan Event
	cancel context.CancelFunc
	ended  chan error
}

func keep(t *testing.T, part string, change func(*Keeper)) *kept {
	t.Helper()
	k := &kept{events: make(chan Event, 10000), ended: make(chan error, 1)}
	k.Keeper = &Keeper{
		Spec: func(context.Context) (Spec, error) {
			return Spec{Name: part, Environ: []string{"HELPER=" + part}, Logger: slog.New(slog.DiscardHandler)}, nil
		},
		Policy: DefaultPolicy(), Grace: 10 * time.Second,
		Events: func(e Event) { k.events <- e },
	}
	if change != nil {
		change(k.Keeper)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	var once sync.WaitGroup
	once.Go(func() { k.ended <- k.Run(ctx) })
	t.Cleanup(func() { cancel(); once.Wait() })
	return k
}

// next awaits the next event, which must be an E.
func next[E Event](t *testing.T, k *kept) E {
	t.Helper()
	select {
	case e := <-k.events:
		if wanted, ok := e.(E); ok {
			return wanted
		}
		var want E
		t.Fatalf("event %T %+v, want %T", e, e, want)
	case <-time.After(20 * time.Second):
		var want E
		t.Fatalf("never came: %T", want)
	}
	panic("unreachable")
}

// first awaits the first E, whatever comes before.
func first[E Event](t *testing.T, k *kept) E {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case e := <-k.events:
			if wanted, ok := e.(E); ok {
				return wanted
			}
		case <-timeout:
			var want E
			t.Fatalf("never came: %T", want)
		}
	}
}

func TestKeeper_RestartsAKilledProcessAtOnce(t *testing.T) {
	k := keep(t, "leaf", nil)
	pid := next[Started](t, k).PID
	best := time.Hour // of some: the machine may be busy with something else at any one
	for n := 1; n <= 3; n++ {
		k.Ready(pid + 1) // of no account
		k.Ready(pid)
		k.Ready(pid)
		if ready := next[Ready](t, k); ready.PID != pid || k.Status().State != StateReady {
			t.Errorf("%+v %+v", ready, k.Status())
		}
		began := time.Now()
		if err := k.Kill(); err != nil {
			t.Fatal(err)
		}
		if exited := next[Exited](t, k); exited.Exit.Signal != syscall.SIGKILL || exited.Ordered {
			t.Errorf("%+v", exited)
		}
		if restarting := next[Restarting](t, k); restarting.In > 20*time.Millisecond || n == 1 && restarting.In != 0 {
			t.Errorf("%+v", restarting)
		}
		again := next[Started](t, k)
		best = min(best, time.Since(began))
		if again.Restarts != n || again.PID == pid {
			t.Errorf("%+v", again)
		}
		k.Ready(pid) // a late word of the dead one
		if status := k.Status(); status.State != StateStarting || status.Restarts != n || status.Trouble != "ended by signal: killed" {
			t.Errorf("%+v", status)
		}
		pid = again.PID
	}
	t.Logf("a new process %v after the kill", best)
}

func TestKeeper_StopsCleanly(t *testing.T) {
	k := keep(t, "leaf", nil)
	next[Started](t, k)
	k.cancel()
	if exited := next[Exited](t, k); !exited.Ordered {
		t.Errorf("%+v", exited)
	}
	if err := <-k.ended; err != nil {
		t.Error(err)
	}
	if status := k.Status(); status.State != StateStopped || status.PID != 0 {
		t.Errorf("%+v", status)
	}
}

func TestKeeper_KillsWhatDoesNotStop(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k := keep(t, "stubborn", func(k *Keeper) {
		k.Grace = 50 * time.Millisecond
		k.Spec = func(context.Context) (Spec, error) {
			return Spec{Name: "stubborn", Environ: []string{"HELPER=stubborn"}, Files: []File{{SupervisorVariable, w}}}, nil
		}
	})
	next[Started](t, k)
	w.Close()
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	told(t, bufio.NewScanner(r), 1) // by now it ignores SIGTERM
	k.cancel()
	if exited := next[Exited](t, k); !exited.Ordered || exited.Exit.Signal != syscall.SIGKILL {
		t.Errorf("%+v", exited)
	}
	if err := <-k.ended; !errors.Is(err, ErrUnclean) {
		t.Error(err)
	}
}

func TestKeeper_KillsAFrozenProcess(t *testing.T) {
	k := keep(t, "leaf", func(k *Keeper) { k.Patience, k.StartPatience = 300*time.Millisecond, 10*time.Second })
	pid := next[Started](t, k).PID
	beating, stop := context.WithCancel(context.Background())
	var beats sync.WaitGroup
	beats.Go(func() {
		for beating.Err() == nil {
			k.Beat(pid)
			select {
			case <-beating.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	select {
	case e := <-k.events:
		t.Fatalf("%T while it beats", e)
	case <-time.After(700 * time.Millisecond): // more than its patience
	}
	syscall.Kill(pid, syscall.SIGSTOP)
	stop()
	beats.Wait()
	frozen := next[Frozen](t, k)
	if exited := next[Exited](t, k); exited.Exit.Signal != syscall.SIGKILL || frozen.Silent < 300*time.Millisecond {
		t.Errorf("%+v %+v", frozen, exited)
	}
	next[Restarting](t, k)
	next[Started](t, k)
}

func TestKeeper_GivesUpOnceAndRecovers(t *testing.T) {
	part := "crash"
	var mu sync.Mutex
	k := keep(t, part, func(k *Keeper) {
		k.Policy = Policy{Base: time.Millisecond, Longest: 10 * time.Millisecond, Enough: 3, HalfLife: 400 * time.Millisecond}
		k.Spec = func(context.Context) (Spec, error) {
			mu.Lock()
			defer mu.Unlock()
			return Spec{Name: part, Environ: []string{"HELPER=" + part}}, nil
		}
	})
	if gave := first[GaveUp](t, k); gave.Failures <= 3 || !k.Status().GaveUp {
		t.Errorf("%+v", gave)
	}
	for range 3 {
		next[Restarting](t, k) // keeps trying, and does not say it again
		next[Started](t, k)
		next[Exited](t, k)
	}
	mu.Lock()
	part = "leaf"
	mu.Unlock()
	for {
		if pid := first[Started](t, k).PID; k.Status().PID == pid {
			k.Ready(pid)
		}
		if e := <-k.events; e == nil {
			continue
		} else if _, ok := e.(Ready); ok {
			break
		}
	}
	if recovered := next[Recovered](t, k); recovered.PID != k.Status().PID || k.Status().GaveUp {
		t.Errorf("%+v", recovered)
	}
}

func TestKeeper_SpecThatFailsCountsAsFailure(t *testing.T) {
	broken := errors.New("no credentials")
	k := keep(t, "leaf", func(k *Keeper) {
		spec := k.Spec
		tries := 0
		k.Spec = func(ctx context.Context) (Spec, error) {
			if tries++; tries < 3 {
				return Spec{}, broken
			}
			return spec(ctx)
		}
	})
	for range 2 {
		if e := next[NotStarted](t, k); !errors.Is(e.Err, broken) {
			t.Errorf("%+v", e)
		}
		next[Restarting](t, k)
	}
	if started := next[Started](t, k); started.Restarts != 0 {
		t.Errorf("%+v", started)
	}
}

// TestFault_E4_KillsBeforeItTells: a keeper that told first left a frozen process alive for as long as who was told took, as a
// log on a file system that hung did.
func TestFault_E4_KillsBeforeItTells(t *testing.T) {
	told := make(chan Exit, 1)
	k := &Keeper{Patience: 100 * time.Millisecond, StartPatience: 100 * time.Millisecond, Policy: DefaultPolicy(), Grace: time.Second,
		Spec: func(context.Context) (Spec, error) {
			return Spec{Name: "leaf", Environ: []string{"HELPER=leaf"}}, nil
		}}
	k.Events = func(e Event) {
		if _, frozen := e.(Frozen); frozen {
			k.mu.Lock()
			child := k.child
			k.mu.Unlock()
			select {
			case <-child.Done(): // while this still holds the keeper
				told <- child.Wait()
			case <-time.After(10 * time.Second):
				close(told)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	if exit, dead := <-told; !dead || exit.Signal != syscall.SIGKILL {
		t.Errorf("not dead when it was told: %v", exit)
	}
	cancel()
	<-ended
}

// TestFault_D9_SaysWhyThereIsNoProcess: a program that does not exist was shown as one that "exited with code 0".
func TestFault_D9_SaysWhyThereIsNoProcess(t *testing.T) {
	k := keep(t, "leaf", func(k *Keeper) {
		k.Spec = func(context.Context) (Spec, error) { return Spec{Name: "tickets", Path: "/nowhere/tickets"}, nil }
	})
	first[GaveUp](t, k)
	if s := k.Status(); !s.GaveUp || !strings.Contains(s.Trouble, "/nowhere/tickets: no such file") {
		t.Errorf("%+v", s)
	}
}

// TestExited_SaysThatNobodyHadToldIt: "exited with code 0" is no reason for who looks for a failure.
func TestExited_SaysThatNobodyHadToldIt(t *testing.T) {
	byItself := "exited with code 0 on its own, but it must run until it is told to end"
	for want, e := range map[string]Exited{
		byItself:                     {},
		"exited with code 0":         {Ordered: true},
		"exited with code 1: no bus": {Exit: Exit{Code: 1, Words: "no bus"}},
		"ended by signal: killed":    {Exit: Exit{Code: -1, Signal: syscall.SIGKILL}},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	k := keep(t, "leaf", func(k *Keeper) {
		k.Spec = func(context.Context) (Spec, error) { return Spec{Name: "tickets", Path: "/bin/true"}, nil }
	})
	first[GaveUp](t, k)
	if s := k.Status(); s.Trouble != byItself {
		t.Errorf("%+v", s)
	}
}

// TestKeeper_RenewsOnPurpose: a run that is wanted begins at once, however often, and counts as no failure; what failed before is
// forgotten.
func TestKeeper_RenewsOnPurpose(t *testing.T) {
	k := keep(t, "leaf", nil)
	pid := next[Started](t, k).PID
	for n := 1; n <= 8; n++ { // more than are enough to give up
		k.Ready(pid)
		next[Ready](t, k)
		k.Renew()
		if exited := next[Exited](t, k); !exited.Ordered {
			t.Errorf("%+v", exited)
		}
		next[Renewing](t, k)
		again := next[Started](t, k)
		if again.PID == pid || again.Restarts != 0 {
			t.Errorf("time %d: %+v", n, again)
		}
		pid = again.PID
	}
	if k.Status().GaveUp {
		t.Error("it was given up")
	}
}

// TestKeeper_RenewsWhatWasGivenUp: another program may work where the one before did not.
func TestKeeper_RenewsWhatWasGivenUp(t *testing.T) {
	part := "crash"
	var mu sync.Mutex
	k := keep(t, part, func(k *Keeper) {
		k.Spec = func(context.Context) (Spec, error) {
			mu.Lock()
			defer mu.Unlock()
			return Spec{Name: part, Environ: []string{"HELPER=" + part}, Logger: slog.New(slog.DiscardHandler)}, nil
		}
		k.Policy = Policy{Base: time.Hour, Longest: time.Hour, Enough: 1, HalfLife: time.Hour}
	})
	first[GaveUp](t, k)
	mu.Lock()
	part = "leaf"
	mu.Unlock()
	k.Renew() // it waits for an hour
	first[Renewing](t, k)
	started := next[Started](t, k)
	k.Ready(started.PID)
	next[Ready](t, k)
	if s := k.Status(); s.GaveUp || s.State != StateReady {
		t.Errorf("%+v", s)
	}
}
