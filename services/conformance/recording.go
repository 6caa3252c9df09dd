package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/conformance/stand"
)

// recorded sends a request again that was done: to the same process, and to the next one.
func recorded(ctx context.Context, u *suite) verdict {
	at := u.writing()
	if len(at) == 0 {
		return u.noWriting()
	}
	return of(u.replay(ctx, at, func(t *trial, i int, r stand.Request) error {
		if err := t.once(ctx, i, r, 1); err != nil {
			return err
		}
		first, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err != nil {
			return err
		}
		t.stand.Program().Kill()
		if _, err := t.stand.Start(ctx); err != nil {
			return err
		}
		r.Attempt = 2
		second, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err != nil {
			return err
		}
		for _, a := range []stand.Answer{first, second} {
			if err := t.expect(i, a); err != nil {
				return fmt.Errorf("sent again: %w", err)
			}
			if a.Proof == "" {
				return errors.New("after a repetition the answer has no proof, but the recorded answer has one")
			}
			if err := t.stand.Proven(r, a.Proof); err != nil {
				return fmt.Errorf("sent again: %w", err)
			}
		}
		if string(compact(first.Body)) != string(compact(second.Body)) {
			return fmt.Errorf("repeated, the answers are %s, then %s", said(first.Reply), said(second.Reply))
		}
		if done, _ := t.effects(); done != 1 {
			return fmt.Errorf("repeated, it took effect %d times", done)
		}
		return nil
	}))
}

// idReused sends another request under a used number.
func idReused(ctx context.Context, u *suite) verdict {
	at := u.writing()
	if len(at) == 0 {
		return u.noWriting()
	}
	return of(u.replay(ctx, at, func(t *trial, i int, r stand.Request) error {
		if err := t.once(ctx, i, r, 1); err != nil {
			return err
		}
		r.Body = append(append([]byte(nil), r.Body...), ' ') // other bytes are another request
		r.Attempt = 2
		a, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err == nil && a.Code != bus.CodeConflict {
			err = fmt.Errorf("the answer to another request under its number is %s", said(a.Reply))
		}
		return err
	}))
}

func recordsOutcomes(ctx context.Context, u *suite) verdict {
	return u.recording(ctx, func(r *stand.Request) { r.Attempt = 2 })
}

func recordsOwnIDs(ctx context.Context, u *suite) verdict {
	return u.recording(ctx, func(r *stand.Request) {
		r.App, r.Counter = fmt.Sprintf("%s/%d", time.Now().UTC().Format(time.RFC3339Nano), r.Counter), 0
	})
}

// recording sends requests that end with an error, to operations that may write.
func (u *suite) recording(ctx context.Context, as func(*stand.Request)) verdict {
	may := map[string]bool{}
	for _, o := range u.base {
		may[o.request.Operation] = may[o.request.Operation] || o.err == nil && byTicket(o)
	}
	at := u.chosen(func(o observed) bool {
		return o.err == nil && o.request.Timer == nil && may[o.request.Operation] && o.answer.Code != bus.CodeOK
	})
	made := len(at) == 0
	if made { // then one is made of a case that writes
		at = u.writing()
	}
	if len(at) == 0 {
		return u.noWriting()
	}
	return of(u.replay(ctx, at, func(t *trial, _ int, r stand.Request) error {
		if made {
			r.Body = withName(r.Body)
		}
		as(&r)
		first, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err != nil || first.Code == bus.CodeOK {
			return err
		}
		if done, _ := t.effects(); done != 1 {
			return fmt.Errorf("the answer is %s, and %d commits record it", said(first.Reply), done)
		}
		r.Attempt++
		second, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err == nil && (second.Code != first.Code || second.Message != first.Message) {
			err = fmt.Errorf("the answer is %s, and after a repetition %s", said(first.Reply), said(second.Reply))
		}
		return err
	}))
}

func crashes(ctx context.Context, u *suite) verdict {
	if !u.batches {
		return untried("only batches carry the number of crashes of a request")
	}
	at := u.writing()
	if len(at) == 0 {
		return u.noWriting()
	}
	return of(u.replay(ctx, at[:1], func(t *trial, _ int, r stand.Request) error {
		r.Attempt, r.Crashes = 4, 3
		for range 2 {
			a, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
			if err != nil {
				return err
			}
			if a.Code != bus.CodeFault {
				return fmt.Errorf("the answer is %s", said(a.Reply))
			}
			r.Attempt, r.Crashes = 5, 0
		}
		if done, wrote := t.effects(); done != 1 || wrote {
			return fmt.Errorf("%d commits took effect, one of them wrote: %v", done, wrote)
		}
		return nil
	}))
}

// timerRuns runs a timer that a case has set, and once more.
func timerRuns(ctx context.Context, u *suite) verdict {
	sets := u.chosen(func(o observed) bool {
		for _, c := range o.calls {
			if c.Done() && len(c.Commit.Outbox.Timers) > 0 && !c.Commit.Outbox.Timers[0].Cancel {
				return o.err == nil
			}
		}
		return false
	})
	if len(sets) == 0 {
		return untried("no case sets a timer")
	}
	v := passed()
	err := u.replay(ctx, sets[:1], func(t *trial, i int, r stand.Request) error {
		t.observe(ctx, i, r)
		for key := range t.timers {
			run := t.request(Case{Fire: key})
			o := t.observe(ctx, i, run)
			if o.err != nil {
				return fmt.Errorf("the run of its timer %q: %w", key, o.err)
			}
			if o.answer.Code != bus.CodeOK {
				v = untried("the answer of the run of timer %q is %s", key, said(o.answer.Reply))
				return nil
			}
			if err := took(o, run); err != nil {
				return fmt.Errorf("the run of its timer %q: %w", key, err)
			}
			again := t.observe(ctx, i, run)
			if again.err != nil || again.answer.Code != bus.CodeTooOld {
				return fmt.Errorf("its timer %q was removed, but the answer of a run is %s, not 410 (%v)", key, said(again.answer.Reply), again.err)
			}
			return nil
		}
		return errors.New("its timer is gone")
	})
	if err != nil {
		return of(err)
	}
	return v
}

// took says how a run has not taken its timer away.
func took(o observed, run stand.Request) error {
	for _, c := range o.calls {
		if c.Ticket() != "" {
			return fmt.Errorf("its %s has a ticket, but the run of a timer has none", c.Name)
		}
		if !c.Done() {
			continue
		}
		if f := c.Commit.Outbox.Fired; f != nil && f.Key == run.Timer.Key && f.Revision == run.Timer.Revision {
			return nil
		}
	}
	return errors.New("none of its commits has the timer in outbox.fired: the timer would run again")
}
