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

// The hosts that answer an operation.
const (
	Own    Where = "own"    // the asked host, for itself
	Active Where = "active" // the active: a standby passes it on over the link
	Known  Where = "known"  // the active; while it can't be reached, the asked host, as far as it knows
	Either Where = "either" // the active; while it can't be reached, the asked host, which can do it as well
	Both   Where = "both"   // both hosts: the asked one joins its own part with the other one's
)

// None is the request of an operation without parameters.
type None struct{}

// File is the answer of an operation that answers with a file; [Client] and package web transfer it.
type File struct{}

// Operation is a call of the operator interface, declared once: the HTTP route with its decoding, the client, the
// forwarding from a standby to the active, and the OpenAPI document follow from it. The request comes as query
// parameters of a GET, by the JSON names of its fields, or as the body of a POST; unknown fields are refused.
type Operation[Q, A any] struct {
	Name   string        // in log, events and audit; unique
	Method string        // of HTTP
	Path   string        // of HTTP
	Where  Where         // the host that answers
	Role   Role          // the role that a caller needs; calls beyond View make events
	Within time.Duration // deadline of a call
	Says   string        // one sentence for the documents
	Costly bool          // it reads much, or writes: one call at a time
	Unless Q             // defaults of the request
	// Check refuses an invalid request; the error is ErrUsage. nil refuses none.
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

// Info returns the declaration without the types.
func (o Operation[Q, A]) Info() Info {
	return Info{Name: o.Name, Method: o.Method, Path: o.Path, Where: o.Where, Role: o.Role, Within: o.Within, Says: o.Says, Costly: o.Costly,
		Request: reflect.TypeFor[Q](), Answer: reflect.TypeFor[A]()}
}

// Changes reports whether a call may change something.
func (i Info) Changes() bool { return i.Method != http.MethodGet }

// Ask calls a host, once. Errors: ErrUnreachable, and the sentinels of this package with which the call ended there; a
// *Problem among them has the partial result.
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

// Part is a host's own share of an operation of both hosts, which the other host asks for, whatever its role.
type Part[Q, A any] struct{ Name string }
