package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/conformance/stand"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/strictjson"
)

const (
	// mostFaulted bounds how many requests a fault is tried at.
	mostFaulted = 3
	// again is how soon a request is repeated that was not executed.
	again = 20 * time.Millisecond
)

// errTimer says that a case runs a timer that no case before it has set.
var errTimer = errors.New("no earlier case set this timer")

// timer is a timer of the program.
type timer struct {
	operation string
	body      []byte
	revision  uint64
}

// observed is the result of a request, with the program's calls meanwhile.
type observed struct {
	number  int // of the case
	request stand.Request
	answer  stand.Answer
	err     error
	calls   []*stand.Call
	ticket  string // of the request
	// unproven returns what is wrong with the proof of the answer; nil if nothing.
	unproven error
}

// writes reports whether the request took effect, by a commit that changes something.
func (o observed) writes() bool {
	for _, c := range o.calls {
		if c.Done() && c.Writes() {
			return true
		}
	}
	return false
}

// request makes one of a case, under the next number.
func (t *trial) request(c Case) stand.Request {
	t.as = c.As
	if c.Fire != "" {
		set, ok := t.timers[c.Fire]
		if !ok {
			return stand.Request{}
		}
		return stand.Request{
			Operation: set.operation, Body: set.body, Attempt: 1, Within: t.options.Within,
			Timer: &outbox.Due{Key: c.Fire, Revision: set.revision, At: time.Now().UnixNano()},
		}
	}
	t.counter++
	return stand.Request{Operation: c.Operation, Body: t.named.fill(c.Body), Counter: t.counter, Attempt: 1, Within: t.options.Within}
}

// observe makes a request once, and notes what the program does.
func (t *trial) observe(ctx context.Context, number int, r stand.Request) observed {
	o := observed{number: number, request: r, err: errTimer}
	if r.Operation == "" {
		return o
	}
	t.stand.Forget()
	o.answer, o.err = t.stand.Call(ctx, r, t.batches, t.options.Within)
	o.calls, o.ticket = t.stand.Calls(), t.stand.Ticket(r)
	if o.answer.Proof != "" {
		o.unproven = t.stand.Proven(r, o.answer.Proof)
	}
	t.note(o.calls)
	return o
}

// note keeps which timers wait after some calls, and what was answered.
func (t *trial) note(calls []*stand.Call) {
	for _, c := range calls {
		if !c.Done() {
			continue
		}
		if t.as != "" && c.Writes() && c.Commit.Answer.Code == bus.CodeOK {
			t.named.take(t.as, c.Commit.Answer.Body)
		}
		reply, _ := c.Reply()
		if f := c.Commit.Outbox.Fired; f != nil {
			delete(t.timers, f.Key)
		}
		for _, set := range c.Commit.Outbox.Timers {
			if delete(t.timers, set.Key); !set.Cancel {
				t.timers[set.Key] = timer{set.Operation, set.Body, reply.Position.Sequence}
			}
		}
	}
}

// deliver makes a request as terminal-if, main and the agent do together: a program that has ended is started again, and a request that is
// not known to be done is repeated, so often at most.
func (t *trial) deliver(ctx context.Context, r stand.Request, most int) (a stand.Answer, sent int, err error) {
	until := time.Now().Add(2 * t.options.Within)
	for sent = 1; ; sent++ {
		a, err = t.stand.Call(ctx, r, t.batches, t.options.Within)
		switch {
		case ctx.Err() != nil, sent >= most, time.Now().After(until), errors.Is(err, stand.ErrNoAnswer):
			return a, sent, err
		case err != nil && !t.stand.Program().Running():
			if _, err := t.stand.Start(ctx); err != nil {
				return a, sent, fmt.Errorf("started again: %w", err)
			}
		case err == nil && a.Code != bus.CodeUnknown && a.Code != bus.CodeNobody && a.Code != bus.CodeOverloaded:
			return a, sent, nil
		default:
			if pace.Rest(ctx, again) != nil {
				return a, sent, context.Cause(ctx)
			}
		}
		r.Attempt++
	}
}

// effects counts the commits that took effect since Forget, and reports whether one of them changed anything.
func (t *trial) effects() (done int, wrote bool) {
	calls := t.stand.Calls()
	t.note(calls)
	for _, c := range calls {
		if c.Done() && (c.Writes() || c.Commit.Record) {
			done++
			wrote = wrote || c.Writes()
		}
	}
	return done, wrote
}

// chosen are cases at which a fault is tried: those of different operations first.
func (u *suite) chosen(fits func(observed) bool) (list []int) {
	seen := map[string]bool{}
	var others []int
	for i, o := range u.base {
		switch {
		case !fits(o):
		case !seen[o.request.Operation]:
			seen[o.request.Operation] = true
			list = append(list, i)
		default:
			others = append(others, i)
		}
	}
	list = append(list, others...)
	return list[:min(len(list), mostFaulted)]
}

// writing are cases that write, and are no run of a timer.
func (u *suite) writing() []int {
	return u.chosen(func(o observed) bool {
		return o.err == nil && o.request.Timer == nil && o.answer.Code == bus.CodeOK && o.writes()
	})
}

// noWriting is why a rule can't be tried that needs a request which writes.
func (u *suite) noWriting() verdict {
	if u.options.Cases == nil {
		return untried("no operation writes with the body {}: give requests that write with --cases")
	}
	return untried("no case writes")
}

// replay sends the cases to a new host, with a fault at the chosen ones. The first error ends it.
func (u *suite) replay(ctx context.Context, at []int, treat func(*trial, int, stand.Request) error) error {
	t, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer func() { t.close(ctx) }()
	rest := map[int]bool{}
	for _, i := range at {
		rest[i] = true
	}
	for i, c := range u.cases {
		if len(rest) == 0 || ctx.Err() != nil {
			return nil
		}
		r := t.request(c)
		if r.Operation == "" {
			continue
		}
		if !rest[i] {
			t.observe(ctx, i, r)
			continue
		}
		delete(rest, i)
		t.stand.Forget()
		err := treat(t, i, r)
		if failed := t.whole(); failed != nil {
			return failed
		}
		if err != nil {
			return fmt.Errorf("%v: %w", c, err)
		}
		t.stand.SetFault(nil)
		t.effects()
	}
	return nil
}

// expect returns how an answer differs from the one without a fault.
func (u *suite) expect(i int, a stand.Answer) error {
	switch base := u.base[i].answer; {
	case a.Wrong != "":
		return errors.New(a.Wrong)
	case a.Code != base.Code:
		return fmt.Errorf("the answer is %s, but %s without the fault", said(a.Reply), said(base.Reply))
	}
	return u.cases[i].differs(a)
}

// differs returns how an answer differs from a case.
func (c Case) differs(a stand.Answer) error {
	if c.Message != "" && a.Message != c.Message {
		return fmt.Errorf("the message is %.200q; want %.200q", a.Message, c.Message)
	}
	if c.Answer == nil {
		return nil
	}
	var got map[string]any
	if err := strictjson.Decode(a.Body, &got); err != nil {
		return fmt.Errorf("the answer %.200s: %w", a.Body, err)
	}
	if !alike(c.Answer, got) {
		want, _ := json.Marshal(c.Answer) // it was read from JSON
		return fmt.Errorf("the answer is %.300s; want %.300s", a.Body, want)
	}
	return nil
}

// alike compares an expected value with the received one.
func alike(want, got map[string]any) bool {
	if len(want) != len(got) {
		return false
	}
	for name, value := range want {
		other, ok := got[name]
		if !ok || value != "*" && !reflect.DeepEqual(value, other) {
			return false
		}
	}
	return true
}

// said shows a reply in a sentence.
func said(r bus.Reply) string {
	if r.Code != bus.CodeOK {
		return fmt.Sprintf("%d %.200q", r.Code, r.Message)
	}
	return fmt.Sprintf("%.200s", r.Body)
}
