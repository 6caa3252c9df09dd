package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/conformance/stand"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// endsWithin is the time that a host allows a process to end.
	endsWithin = 5 * time.Second
	// away is how long a server is away that comes back.
	away = 200 * time.Millisecond
	// late is how long a program finds nobody once it has had the time to look.
	late = 500 * time.Millisecond
	// backWithin is how soon a program must be back behind a server.
	backWithin = 5 * time.Second
)

func describes(_ context.Context, u *suite) verdict {
	if u.undescribed != nil {
		return failed("it does not answer $SRV.INFO.%s like a NATS service: %v", u.options.Name, u.undescribed)
	}
	if len(u.report.Operations) == 0 {
		return failed("its answer to $SRV.INFO.%s names no endpoint with a subject business.%s.OPERATION; its subjects are %.300q", u.options.Name, u.options.Name, u.about.Subjects)
	}
	return passed()
}

// ready asks for each operation at the very moment when the program says that it is ready.
func ready(ctx context.Context, u *suite) verdict {
	t, err := u.open(ctx)
	if err != nil {
		return of(err)
	}
	defer t.close(ctx)
	for _, name := range u.report.Operations {
		_, err := t.stand.Call(ctx, t.request(Case{Operation: name, Body: []byte("[]")}), u.batches, u.options.Within)
		if err != nil {
			return failed("right after the ping, %v", fmt.Errorf("%s: %w", name, err))
		}
	}
	return passed()
}

func waits(ctx context.Context, u *suite) verdict {
	s, err := u.stand(ctx, u.options.Name, true)
	if err != nil {
		return of(err)
	}
	t := &trial{suite: u, stand: s, timers: map[string]timer{}, named: named{}}
	defer t.close(ctx)
	p, err := s.Launch()
	if err != nil {
		return of(err)
	}
	select {
	case <-p.Ended():
		return failed("it ends if its server is not up yet: it %s%s", p.Exit(), p.Said())
	case <-time.After(late + 2*u.slowest):
	case <-ctx.Done():
		return of(ctx.Err())
	}
	if err := errors.Join(s.OpenDatabase(ctx), s.OpenRequests(ctx)); err != nil {
		return of(err)
	}
	return of(s.AwaitReady(ctx, p))
}

// requestsBack has terminal-if go and come back.
func requestsBack(ctx context.Context, u *suite) verdict {
	return of(u.back(ctx, "terminal-if", func(s *stand.Stand) error {
		s.CutRequests()
		if err := pace.Rest(ctx, away); err != nil {
			return err
		}
		return s.OpenRequests(ctx)
	}))
}

// updaterBack has the updater go and come back.
func updaterBack(ctx context.Context, u *suite) verdict {
	return of(u.back(ctx, "the updater", func(s *stand.Stand) error {
		s.CutDatabase()
		if err := pace.Rest(ctx, away); err != nil {
			return err
		}
		return s.RestartUpdater(ctx)
	}))
}

func (u *suite) back(ctx context.Context, who string, gone func(*stand.Stand) error) error {
	t, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer t.close(ctx)
	if err := gone(t.stand); err != nil {
		return err
	}
	p := t.stand.Program()
	limit, cancel := context.WithTimeout(ctx, backWithin)
	defer cancel()
	for t.stand.Ping(limit) != nil {
		if !p.Running() {
			return fmt.Errorf("it ends when %s ends: it %s%s", who, p.Exit(), p.Said())
		}
		if pace.Rest(limit, again) != nil {
			return fmt.Errorf("it is not ready %s after %s was back%s", backWithin, who, p.Said())
		}
	}
	if !p.Running() {
		return fmt.Errorf("it ends when %s ends: it %s%s", who, p.Exit(), p.Said())
	}
	for i, c := range u.cases {
		r := t.request(c)
		if u.base[i].err != nil || r.Timer != nil || r.Operation == "" {
			continue
		}
		a, _, err := t.deliver(ctx, r, 3)
		if err == nil && !p.Running() {
			err = fmt.Errorf("it ended: it %s%s", p.Exit(), p.Said())
		}
		if err == nil {
			err = u.expect(i, a)
		}
		if err != nil {
			return fmt.Errorf("once %s was back, %v: %w", who, c, err)
		}
		return nil // the first one tells
	}
	return nil
}

// ends tells an idle program to end, and one that waits for its commit.
func ends(ctx context.Context, u *suite) verdict {
	t, err := u.open(ctx)
	if err != nil {
		return of(err)
	}
	err = t.terminate(ctx)
	t.close(ctx)
	if err != nil {
		return of(err)
	}
	at := u.writing()
	if len(at) == 0 {
		return passed()
	}
	return of(u.replay(ctx, at[:1], func(t *trial, i int, r stand.Request) error {
		held := make(chan struct{}, 1)
		t.stand.SetFault(firstCommit(func(_ *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
			held <- struct{}{}
			_ = pace.Rest(ctx, away)
			if reply, ok := forward(); ok {
				answer(reply)
			}
		}))
		go func() { _, _ = t.stand.Call(ctx, r, t.batches, t.options.Within) }() // answered or not, it comes again
		select {
		case <-held:
		case <-time.After(t.options.Within):
			return errors.New("it makes no commit")
		}
		if err := t.terminate(ctx); err != nil {
			return err
		}
		if _, err := t.stand.Start(ctx); err != nil {
			return fmt.Errorf("started again: %w", err)
		}
		r.Attempt = 2
		return t.once(ctx, i, r, 3)
	}))
}

func (t *trial) terminate(ctx context.Context) error {
	p := t.stand.Program()
	if err := p.Terminate(); err != nil {
		return err
	}
	select {
	case <-p.Ended():
		return nil
	case <-time.After(endsWithin):
		return fmt.Errorf("it still runs %s after SIGTERM%s", endsWithin, p.Said())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
