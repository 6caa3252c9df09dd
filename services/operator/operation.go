package operator

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator/query"
)

// Where says which host answers an operation.
type Where string

// Who answers.
const (
	Own    Where = "own"    // the host that is asked, for itself
	Active Where = "active" // the active: a standby passes it on over the link
	Known  Where = "known"  // the active; while it can't be reached, the host that is asked, as far as it knows
	Either Where = "either" // the active; while it can't be reached, the host that is asked, which can do it as well
	Both   Where = "both"   // both hosts: the one that is asked joins its own part with the other one's
)

// None is the request of an operation that takes nothing.
type None struct{}

// File is the answer of an operation that answers with a file, of which [Client] and package web know how it comes.
type File struct{}

// Operation is what an operator can ask a host for, declared once: the HTTP route with its decoding, the client, the
// passing on from a standby to the active, and the OpenAPI document follow from it. The request comes as query
// parameters of a GET, by the JSON names of its fields, and as the body of a POST; what is not known is refused.
type Operation[Q, A any] struct {
	Name   string        // as log, events and audit have it; unique
	Method string        // of HTTP
	Path   string        // likewise
	Where  Where         // who answers
	Role   Role          // who may call; of whatever more than a viewer may, there are events
	Within time.Duration // deadline of a call
	Says   string        // what it does, for the documents
	Costly bool          // it reads much, or writes: one is done at a time
	Unless Q             // what counts where a caller says nothing
	// Check refuses a request that can't be carried out by anybody; the error is ErrUsage. nil refuses none.
	Check func(*Q) error
	// Detail follows the name in log and events. nil is nothing.
	Detail func(Q) string
}

// Info is an Operation without its types, for tables and documents.
type Info struct {
	Name   string        `json:"name"`
	Method string        `json:"method"`
	Path   string        `json:"path"`
	Where  Where         `json:"where"`
	Role   Role          `json:"role"`
	Within time.Duration `json:"within_ns"`
	Says   string        `json:"says"`
	Costly bool          `json:"costly,omitempty"`

	Request reflect.Type `json:"-"`
	Answer  reflect.Type `json:"-"`
}

// Info gives what is declared.
func (o Operation[Q, A]) Info() Info {
	return Info{Name: o.Name, Method: o.Method, Path: o.Path, Where: o.Where, Role: o.Role, Within: o.Within, Says: o.Says, Costly: o.Costly,
		Request: reflect.TypeFor[Q](), Answer: reflect.TypeFor[A]()}
}

// Changes reports whether a call may change something.
func (i Info) Changes() bool { return i.Method != http.MethodGet }

// Ask asks a host. A call is sent once. Errors: ErrUnreachable, and the sentinels of this package with which it ended
// there; a *Problem among them has what was done all the same.
func (o Operation[Q, A]) Ask(ctx context.Context, c *Client, q Q) (A, error) {
	var answer A
	if o.Method == http.MethodGet {
		path := o.Path
		if parameters := query.Encode(q); parameters != "" {
			path += "?" + parameters
		}
		return answer, c.call(ctx, o.Info(), path, nil, &answer)
	}
	return answer, c.call(ctx, o.Info(), o.Path, bus.EncodeJSON(q), &answer)
}

// Part is what each host answers for itself when the other one asks, whatever its role: its share of an operation of
// both hosts.
type Part[Q, A any] struct{ Name string }
