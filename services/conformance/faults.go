package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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

// once sends a request and returns how its answer differs from the one without a fault, or that it did not take effect
// once.
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

// under tests a fault with requests that write, each of which may be sent a number of times.
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
	reply := bus.DatabaseReply{Code: code, Message: "fault injected by the check"}
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
				answer(bus.DatabaseReply{Code: bus.CodeNobody, Message: "fault injected by the check"})
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
		return untried("no commit of the cases has a condition")
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
				return errors.New("it repeats the conflicting commit without reading again")
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
		return untried("no commit of the cases has a condition")
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
			return fmt.Errorf("after %d conflicts: %w", n.Load(), err)
		case a.Code != bus.CodeOverloaded:
			return fmt.Errorf("after %d conflicts the answer is %s", n.Load(), said(a.Reply))
		case n.Load() > mostRuns:
			return fmt.Errorf("it tries %d conflicting commits; twenty are enough", n.Load())
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
				err = fmt.Errorf("its commit is refused with %d, but its answer is %s", code, said(a.Reply))
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
					v.saw = fmt.Sprintf("%s (its commit was answered %d, executed: %v)", v.saw, code, done)
				}
				return v
			}
		}
	}
	return passed()
}

// losing loses the first commit, before or after its execution, by closing the connection.
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
