// Package registry answers the operations of a host: it reads what is asked, passes on to the active what only the active
// can do, and asks the other host for its share of what concerns both. Who does an operation says so once, with [Answer].
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
	// Sender is who it is on the link.
	Sender() bus.LinkSender
	// Runs are numbers of this run of the main and of the other one's, as that says; 0 while it has said nothing.
	Runs() (own, other uint64)
	// Unproved is told of a call that came over the link, as from a host, and was not proved to be one of its operators.
	Unproved(call, host string)
	// Peer is the connection to the other main for what may be much, and its address for operators, as far as it is known.
	// Without a connection the error is bus.ErrDisconnected.
	Peer() (to bus.Asker, address string)
	// Standby reports whether it is standby, and whether somebody else is active: the other main answers and says so.
	Standby() (standby, activeElsewhere bool)
	// Missing says, of a standby that hears no active, who served and what it waits for.
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

// Prepared is a call that has been understood.
type Prepared struct {
	What string // name of the operation with its detail, for log and events
	Do   func(context.Context, operator.Caller) (any, error)
}

// New makes a registry. What the other main asks comes by calls and is answered in goroutines of the group, with ctx. key is what
// both mains prove to each other that an operator stands behind a call.
func New(ctx context.Context, main Main, key string, calls *bus.Router, group bus.Group) *Registry {
	return &Registry{main: main, ctx: ctx, key: key, calls: calls, group: group}
}

// Served gives the operations in the order in which they were told.
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

// ask asks the other main. Errors: operator.ErrForward, operator.ErrRefused when it runs another version, and what it ends with there.
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

// ofMain is the role of what a main asks for itself: it is no operator's.
const ofMain operator.Role = "main"

// hear has do answer what the other main asks, if it proves who asked, and that one may. once: it is never done again for the same call.
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

// passing answers where the active is, and passes on to it elsewhere; nothing is passed on to a host that is not heard. What was
// passed on is never passed back: two standbys have no active.
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

// askInPart is ask that leaves half of the time, for one that was frozen after it was heard.
func askInPart[Q, A any](ctx context.Context, r *Registry, name string, caller operator.Caller, q Q) (A, error) {
	if deadline, ok := ctx.Deadline(); ok {
		part, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		return ask[Q, A](part, r, name, caller, q)
	}
	return ask[Q, A](ctx, r, name, caller, q)
}

// AnswerPart has own answer a part when the other host asks, whatever this host's role.
func AnswerPart[Q, A any](r *Registry, p operator.Part[Q, A], own func(context.Context, operator.Caller, Q) (A, error)) {
	hear(r, p.Name, ofMain, false, own)
}

// AnswerOrder is AnswerPart for what changes something: who heard it on the line and says it again changes nothing.
func AnswerOrder[Q, A any](r *Registry, p operator.Part[Q, A], own func(context.Context, operator.Caller, Q) (A, error)) {
	hear(r, p.Name, ofMain, true, own)
}

// Other asks the other host for its part. Errors: operator.ErrForward, and what it ends with there.
func Other[Q, A any](ctx context.Context, r *Registry, p operator.Part[Q, A], caller operator.Caller, q Q) (A, error) {
	return ask[Q, A](ctx, r, p.Name, caller, q)
}

// Share is what a host says to a part, or why it says nothing.
type Share[A any] struct {
	Answer A
	Err    error
}

// Shares asks this host and the other one at the same time.
func Shares[Q, A any](ctx context.Context, r *Registry, p operator.Part[Q, A], caller operator.Caller, q Q, do func(context.Context, operator.Caller, Q) (A, error)) (own, other Share[A]) {
	got := make(chan Share[A], 1)
	go func() {
		a, err := Other(ctx, r, p, caller, q)
		got <- Share[A]{a, err}
	}()
	own.Answer, own.Err = do(ctx, caller, q)
	return own, <-got
}

// Answer has do answer the operation. It is told before the host's link and its HTTP server start.
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

// Plain makes what Answer takes of a method that needs neither caller nor request.
func Plain[A any](do func(context.Context) (A, error)) func(context.Context, operator.Caller, operator.None) (A, error) {
	return func(ctx context.Context, _ operator.Caller, _ operator.None) (A, error) { return do(ctx) }
}

// endpoint is where the other main takes an operation or a part of one.
func endpoint[A any](name string) bus.Endpoint[passed, A] {
	return bus.Call[passed, A]("link.bulk.operation." + strings.ReplaceAll(name, " ", "-"))
}
