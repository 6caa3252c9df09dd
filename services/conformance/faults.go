package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/conformance/stand"
)

const (
	// mostRuns bounds the commits of a request that always loses; the protocol advises twenty.
	mostRuns = 100
	// repeats bounds how often a request is sent that is lost on its way.
	repeats = 4
)

// commits is a fault of commits only.
func commits(f stand.Fault) stand.Fault {
	return func(c *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
		if c.Commit != nil {
			f(c, forward, answer)
			return
		}
		if reply, ok := forward(); ok {
			answer(reply)
		}
	}
}

// firstCommit is a fault of the first commit.
func firstCommit(f stand.Fault) stand.Fault {
	var came atomic.Bool
	return commits(func(c *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
		if came.CompareAndSwap(false, true) {
			f(c, forward, answer)
			return
		}
		if reply, ok := forward(); ok {
			answer(reply)
		}
	})
}

// once delivers a request and says how that is not what it was without a fault, or took effect other than once.
func (t *trial) once(ctx context.Context, i int, r stand.Request, most int) error {
	p := t.stand.Program()
	a, _, err := t.deliver(ctx, r, most)
	if err != nil {
		return fmt.Errorf("%w%s", err, p.Said())
	}
	if err := t.expect(i, a); err != nil {
		return err
	}
	if done, wrote := t.effects(); done != 1 || !wrote {
		return fmt.Errorf("it took effect %d times", done)
	}
	if a.Proof == "" {
		return errors.New("the answer has no proof")
	}
	return t.stand.Proven(r, a.Proof)
}

// under tries a fault at requests that write, each of which may be sent so often.
func (u *suite) under(ctx context.Context, most int, fault func(*trial) stand.Fault) verdict {
	at := u.writing()
	if len(at) == 0 {
		return u.noWriting()
	}
	return of(u.replay(ctx, at, func(t *trial, i int, r stand.Request) error {
		t.stand.SetFault(fault(t))
		return t.once(ctx, i, r, most)
	}))
}

// answering answers the first commits with codes, without the updater.
func answering(codes ...int) stand.Fault {
	var n atomic.Int64
	return commits(func(c *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
		if i := int(n.Add(1)); i <= len(codes) {
			answer(refusing(codes[i-1], c))
			return
		}
		if reply, ok := forward(); ok {
			answer(reply)
		}
	})
}

// refusing is the updater's reply with a code to a commit.
func refusing(code int, c *stand.Call) bus.DatabaseReply {
	reply := bus.DatabaseReply{Code: code, Message: "the check answers so"}
	if code != bus.CodeConflict {
		return reply
	}
	for _, d := range c.Commit.Conditions {
		reply.Conflicts = append(reply.Conflicts, d.Key)
	}
	for i := range c.Commit.Ranges {
		reply.Moved = append(reply.Moved, i)
	}
	return reply
}

func overloaded(ctx context.Context, u *suite) verdict {
	v := u.under(ctx, 1, func(*trial) stand.Fault { return answering(bus.CodeOverloaded, bus.CodeNobody, bus.CodeOverloaded) })
	if v.outcome != Passed {
		return v
	}
	return u.under(ctx, 1, func(*trial) stand.Fault {
		var came atomic.Bool
		return func(c *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
			if c.Commit == nil && came.CompareAndSwap(false, true) {
				answer(bus.DatabaseReply{Code: bus.CodeNobody, Message: "the check answers so"})
			} else if reply, ok := forward(); ok {
				answer(reply)
			}
		}
	})
}

// conflict has the first commit lose, and looks whether the program reads again.
func conflict(ctx context.Context, u *suite) verdict {
	at := u.chosen(func(o observed) bool { return o.err == nil && byTicket(o) && o.answer.Code == bus.CodeOK && demands(o) })
	if len(at) == 0 {
		if len(u.writing()) == 0 {
			return u.noWriting()
		}
		return untried("no commit of the cases has a condition that could be lost")
	}
	return of(u.replay(ctx, at, func(t *trial, i int, r stand.Request) error {
		t.stand.SetFault(answering(bus.CodeConflict))
		if err := t.once(ctx, i, r, 1); err != nil {
			return err
		}
		lost := false
		for _, c := range t.stand.Calls() {
			switch {
			case c.Commit == nil:
				lost = false
			case lost:
				return errors.New("it makes the commit that lost again, and has not read again before")
			default:
				_, executed := c.Reply()
				lost = !executed
			}
		}
		return nil
	}))
}

func demands(o observed) bool {
	for _, c := range o.calls {
		if c.Done() && c.Writes() && (len(c.Commit.Conditions) > 0 || len(c.Commit.Ranges) > 0) {
			return true
		}
	}
	return false
}

// conflictsBounded has every commit lose.
func conflictsBounded(ctx context.Context, u *suite) verdict {
	at := u.chosen(func(o observed) bool { return o.err == nil && byTicket(o) && o.answer.Code == bus.CodeOK && demands(o) })
	if len(at) == 0 {
		return untried("no commit of the cases has a condition that could be lost")
	}
	return of(u.replay(ctx, at[:1], func(t *trial, _ int, r stand.Request) error {
		var n atomic.Int64
		t.stand.SetFault(commits(func(c *stand.Call, _ func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
			n.Add(1)
			answer(refusing(bus.CodeConflict, c))
		}))
		a, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		switch {
		case err != nil:
			return fmt.Errorf("after %d commits that lost: %w", n.Load(), err)
		case a.Code != bus.CodeOverloaded:
			return fmt.Errorf("after %d commits that lost it is answered %s", n.Load(), said(a.Reply))
		case n.Load() > mostRuns:
			return fmt.Errorf("it makes %d commits that lose; twenty are enough", n.Load())
		}
		return nil
	}))
}

// refusedCalls has commits refused for good.
func refusedCalls(ctx context.Context, u *suite) verdict {
	at := u.writing()
	if len(at) == 0 {
		return u.noWriting()
	}
	for _, code := range []int{bus.CodeTooLarge, bus.CodeTooOld} {
		err := u.replay(ctx, at[:1], func(t *trial, _ int, r stand.Request) error {
			t.stand.SetFault(commits(func(c *stand.Call, _ func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
				answer(refusing(code, c))
			}))
			a, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
			if err == nil && a.Code != code {
				err = fmt.Errorf("its commit is refused with %d, and it answers %s", code, said(a.Reply))
			}
			return err
		})
		if err != nil {
			return of(err)
		}
	}
	return passed()
}

// unknownOutcome answers commits that were done, and others that were not, as an updater does that does not know.
func unknownOutcome(ctx context.Context, u *suite) verdict {
	for _, code := range []int{bus.CodeUnknown, bus.CodeFault} {
		for _, done := range []bool{true, false} {
			v := u.under(ctx, 1, func(*trial) stand.Fault {
				return firstCommit(func(c *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
					if done {
						forward()
					}
					answer(refusing(code, c))
				})
			})
			if v.outcome != Passed {
				if v.outcome == Failed {
					v.saw = fmt.Sprintf("%s (its commit was answered %d, and was done: %v)", v.saw, code, done)
				}
				return v
			}
		}
	}
	return passed()
}

// losing loses the first commit, once it was done or before, by the end of the connection.
func losing(ctx context.Context, t *trial, done bool) stand.Fault {
	return firstCommit(func(_ *stand.Call, forward func() (bus.DatabaseReply, bool), _ func(bus.DatabaseReply)) {
		if done {
			forward()
		}
		t.stand.CutDatabase()
		if err := t.stand.OpenDatabase(ctx); err != nil {
			t.broken(err)
		}
	})
}

func lostAnswer(ctx context.Context, u *suite) verdict {
	return u.under(ctx, repeats, func(t *trial) stand.Fault { return losing(ctx, t, true) })
}

func lostCall(ctx context.Context, u *suite) verdict {
	return u.under(ctx, repeats, func(t *trial) stand.Fault { return losing(ctx, t, false) })
}

// killing kills the program at its first commit, once that was done or before.
func killing(t *trial, done bool) stand.Fault {
	return firstCommit(func(_ *stand.Call, forward func() (bus.DatabaseReply, bool), _ func(bus.DatabaseReply)) {
		if done {
			forward()
		}
		t.stand.Program().Kill()
	})
}

func crashBefore(ctx context.Context, u *suite) verdict {
	return u.under(ctx, repeats, func(t *trial) stand.Fault { return killing(t, false) })
}

func crashAfter(ctx context.Context, u *suite) verdict {
	return u.under(ctx, repeats, func(t *trial) stand.Fault { return killing(t, true) })
}

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
				return errors.New("sent again, the answer has no proof: what the updater recorded has one")
			}
			if err := t.stand.Proven(r, a.Proof); err != nil {
				return fmt.Errorf("sent again: %w", err)
			}
		}
		if string(compact(first.Body)) != string(compact(second.Body)) {
			return fmt.Errorf("sent again, it is answered %s, then %s", said(first.Reply), said(second.Reply))
		}
		if done, _ := t.effects(); done != 1 {
			return fmt.Errorf("sent again, it took effect %d times", done)
		}
		return nil
	}))
}

// idReused sends something else under a number that was used.
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
			err = fmt.Errorf("another request under its number is answered %s", said(a.Reply))
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
			return fmt.Errorf("it is answered %s, and there are %d commits that record this", said(first.Reply), done)
		}
		r.Attempt++
		second, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err == nil && (second.Code != first.Code || second.Message != first.Message) {
			err = fmt.Errorf("it is answered %s, and sent again %s", said(first.Reply), said(second.Reply))
		}
		return err
	}))
}

func crashes(ctx context.Context, u *suite) verdict {
	if !u.batches {
		return untried("only batches say at how many crashes a request was in flight")
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
				return fmt.Errorf("it is answered %s", said(a.Reply))
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
				v = untried("the run of the timer %q is answered %s", key, said(o.answer.Reply))
				return nil
			}
			if err := took(o, run); err != nil {
				return fmt.Errorf("the run of its timer %q: %w", key, err)
			}
			again := t.observe(ctx, i, run)
			if again.err != nil || again.answer.Code != bus.CodeTooOld {
				return fmt.Errorf("its timer %q was taken away, and a run of it is answered %s, not 410 (%v)", key, said(again.answer.Reply), again.err)
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
			return fmt.Errorf("its %s has a ticket, and the run of a timer has none", c.Name)
		}
		if !c.Done() {
			continue
		}
		if f := c.Commit.Outbox.Fired; f != nil && f.Key == run.Timer.Key && f.Revision == run.Timer.Revision {
			return nil
		}
	}
	return errors.New("no commit of it has the timer in outbox.fired: it would be run again")
}
