// Package registry answers the operations of a host: it decodes requests, passes on to the active what only the active
// can do, and asks the other host for its part of operations of both. [Answer] registers the implementation of an
// operation.
package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/operator"
)

// Main is the main whose operations a Registry has.
type Main interface {
	// Sender returns its identity on the link.
	Sender() bus.LinkSender
	// Runs returns the incarnations of this main and of the other one; 0 while that is not known.
	Runs() (own, other uint64)
	// Unproved takes a call that came over the link without a valid proof of its caller.
	Unproved(call, host string)
	// Peer returns the connection to the other main for bulk traffic, and its address for operators, as far as known.
	// Without a connection the error is bus.ErrDisconnected.
	Peer() (to bus.Asker, address string)
	// Standby reports whether this host is standby, and whether the other main reports that it is active.
	Standby() (standby, activeElsewhere bool)
	// Missing describes, for a standby that hears no active, which host served and what this one waits for.
	Missing() string
}

// Registry has the operations that a host answers.
type Registry struct {
	main   Main
	ctx    context.Context
	key    string
	done   onceOnly
	calls  *bus.Router
	group  bus.Group
	served []Served
}

// Served is an operation that is answered.
type Served struct {
	operator.Info
	// Prepare reads a request. The error is ErrUsage.
	Prepare func(read func(into any) error) (Prepared, error)
}

// Prepared is a decoded call.
type Prepared struct {
	What string // name of the operation with its detail, for log and events
	Do   func(context.Context, operator.Caller) (any, error)
}

// New makes a registry. Calls of the other main arrive by calls and are answered in goroutines of the group, with ctx.
// With key both mains prove to each other that an operator made a call.
func New(ctx context.Context, main Main, key string, calls *bus.Router, group bus.Group) *Registry {
	return &Registry{main: main, ctx: ctx, key: key, calls: calls, group: group}
}

// Served returns the operations in the order of their registration.
func (r *Registry) Served() []Served { return r.served }

func (r *Registry) add(s Served) {
	for i, other := range r.served {
		if other.Name == s.Name {
			r.served[i] = s // the last one counts
			return
		}
	}
	r.served = append(r.served, s)
}

// ask calls the other main. Errors: operator.ErrForward, operator.ErrRefused when it runs another version, and those
// of the call.
func ask[Q, A any](ctx context.Context, r *Registry, name string, caller operator.Caller, q Q) (A, error) {
	to, address := r.main.Peer()
	answer, err := endpoint[A](name).Ask(ctx, to, pass(r, name, caller, q))
	switch {
	case errors.Is(err, bus.ErrUnknownCall):
		return answer, fmt.Errorf("%w: the other host does not know %q: it runs another version", operator.ErrRefused, name)
	case err == nil:
		return answer, nil
	case fault.Remote(err) && !errors.Is(err, level.ErrApart):
		return answer, operator.NewProblem(err)
	}
	return answer, fmt.Errorf("%w: %s: %w", operator.ErrForward, address, err)
}

// ofMain is the role of calls that a main makes for itself, without an operator.
const ofMain operator.Role = "main"

// hear answers calls of the other main with do, if the caller is proved and permitted. once: a repeated call is
// refused.
func hear[Q, A any](r *Registry, name string, need operator.Role, once bool, do func(context.Context, operator.Caller, Q) (A, error)) {
	endpoint[A](name).HandleIn(r.ctx, r.calls, r.group, func(ctx context.Context, m passed) (A, error) {
		var none A
		if _, err := level.Meet(level.This("this host"), level.Party{Name: m.Host, Range: m.Levels}); err != nil {
			return none, err
		}
		asked, err := prove[Q](r, name, once, m)
		if err != nil {
			return none, err
		}
		if need != ofMain {
			if err := asked.Caller.Allow(name, need); err != nil {
				return none, err
			}
		}
		return do(ctx, asked.Caller, asked.Request)
	})
}

// passing answers on the active, and passes the call on to it elsewhere, but not to a host that is not heard. A call
// that was passed on is never passed back: two standbys have no active.
func passing[Q, A any](r *Registry, name string, where operator.Where, need operator.Role, do func(context.Context, operator.Caller, Q) (A, error)) func(context.Context, operator.Caller, Q) (A, error) {
	hear(r, name, need, need.May(operator.Operate), func(ctx context.Context, caller operator.Caller, q Q) (A, error) {
		if standby, _ := r.main.Standby(); standby {
			var none A
			return none, fmt.Errorf("%w: %s is standby too", operator.ErrRefused, r.main.Sender().Host)
		}
		return do(ctx, caller, q)
	})
	return func(ctx context.Context, caller operator.Caller, q Q) (A, error) {
		standby, elsewhere := r.main.Standby()
		if !elsewhere {
			if standby && where == operator.Active {
				var none A
				return none, fmt.Errorf("%w: only the host that serves can do this, and %s", operator.ErrRefused, r.main.Missing())
			}
			return do(ctx, caller, q)
		}
		if where == operator.Active {
			return ask[Q, A](ctx, r, name, caller, q)
		}
		answer, err := askInPart[Q, A](ctx, r, name, caller, q)
		if err == nil || where == operator.Either && !errors.Is(err, operator.ErrForward) {
			return answer, err
		}
		return do(ctx, caller, q)
	}
}

// askInPart is ask with half of the time left, in case the other host froze after it was heard.
func askInPart[Q, A any](ctx context.Context, r *Registry, name string, caller operator.Caller, q Q) (A, error) {
	if deadline, ok := ctx.Deadline(); ok {
		part, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		return ask[Q, A](part, r, name, caller, q)
	}
	return ask[Q, A](ctx, r, name, caller, q)
}

// AnswerPart answers a part with own when the other host asks, whatever this host's role.
func AnswerPart[Q, A any](r *Registry, p operator.Part[Q, A], own func(context.Context, operator.Caller, Q) (A, error)) {
	hear(r, p.Name, ofMain, false, own)
}

// AnswerOrder is AnswerPart for a part that changes something: a replayed call changes nothing.
func AnswerOrder[Q, A any](r *Registry, p operator.Part[Q, A], own func(context.Context, operator.Caller, Q) (A, error)) {
	hear(r, p.Name, ofMain, true, own)
}

// Other asks the other host for its part. Errors: operator.ErrForward, and those of the part.
func Other[Q, A any](ctx context.Context, r *Registry, p operator.Part[Q, A], caller operator.Caller, q Q) (A, error) {
	return ask[Q, A](ctx, r, p.Name, caller, q)
}

// Share is a host's answer to a part, or why it is missing.
type Share[A any] struct {
	Answer A
	Err    error
}

// Shares asks this host and the other one concurrently.
func Shares[Q, A any](ctx context.Context, r *Registry, p operator.Part[Q, A], caller operator.Caller, q Q, do func(context.Context, operator.Caller, Q) (A, error)) (own, other Share[A]) {
	got := make(chan Share[A], 1)
	go func() {
		a, err := Other(ctx, r, p, caller, q)
		got <- Share[A]{a, err}
	}()
	own.Answer, own.Err = do(ctx, caller, q)
	return own, <-got
}

// Answer registers do as the answer to the operation. It must be called before the host's link and its HTTP server
// start.
func Answer[Q, A any](r *Registry, o operator.Operation[Q, A], do func(context.Context, operator.Caller, Q) (A, error)) {
	answer := do
	if o.Where == operator.Active || o.Where == operator.Known || o.Where == operator.Either {
		answer = passing(r, o.Name, o.Where, o.Role, do)
	}
	r.add(Served{Info: o.Info(), Prepare: func(read func(into any) error) (Prepared, error) {
		q := o.Unless
		if err := read(&q); err != nil {
			return Prepared{}, err
		}
		if o.Check != nil {
			if err := o.Check(&q); err != nil {
				return Prepared{}, err
			}
		}
		what := o.Name
		if o.Detail != nil {
			what += " " + o.Detail(q)
		}
		return Prepared{What: what, Do: func(ctx context.Context, caller operator.Caller) (any, error) {
			if err := caller.Allow(o.Name, o.Role); err != nil {
				var none A
				return none, err
			}
			return answer(ctx, caller, q)
		}}, nil
	}})
}

// Who answers operator.CallWho.
func Who(_ context.Context, caller operator.Caller, _ operator.None) (operator.Person, error) {
	return caller.Person, nil
}

// Plain adapts a method without caller and request for Answer.
func Plain[A any](do func(context.Context) (A, error)) func(context.Context, operator.Caller, operator.None) (A, error) {
	return func(ctx context.Context, _ operator.Caller, _ operator.None) (A, error) { return do(ctx) }
}

// endpoint is the bus endpoint of an operation or a part at the other main.
func endpoint[A any](name string) bus.Endpoint[passed, A] {
	return bus.Call[passed, A]("link.bulk.operation." + strings.ReplaceAll(name, " ", "-"))
}
