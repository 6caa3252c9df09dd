package business

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/bus"
)

// ErrService says that a Service is invalid; the text says why.
var ErrService = errors.New("not a service")

// Service is one kind of business process.
type Service struct {
	// Name is one token of a subject, and the name of the key space.
	Name string
	// Version is a semantic version, shown by discovery.
	Version string
	// Description is a sentence for discovery.
	Description string
	// Operations by name. A name is one token of a subject.
	Operations map[string]Operation
}

// Operation is one operation of a service.
type Operation struct {
	Handler Handler
	// ReadOnly says that the operation never writes. Its transaction refuses writes, it needs no request id, and its
	// answer is not recorded.
	ReadOnly bool
	// Revision adds a field "revision" to a successful answer, which must be a JSON object: the sequence of the
	// request's update. The handler can't know it, because it runs before.
	Revision bool
}

// Handler executes one request. Answer becomes the JSON body of the reply; nil is {}. An error that is an
// *Error is sent to the terminal; any other is logged and answered with "500 internal fault".
//
// A handler may be run several times for one request and concurrently with others, so it must have no effects but
// those of tx. ctx ends at the request's deadline. When a method of tx returns an error, the handler must return it;
// its result is then ignored.
type Handler func(ctx context.Context, tx *Tx, body json.RawMessage) (answer any, err error)

// Handle makes a Handler of a function that takes the body as a struct. Unknown fields and invalid values are refused
// with 400 and their names.
func Handle[Q any](handler func(ctx context.Context, tx *Tx, in Q) (any, error)) Handler {
	return func(ctx context.Context, tx *Tx, body json.RawMessage) (any, error) {
		var in Q
		if err := DecodeBody(body, &in); err != nil {
			return nil, err
		}
		return handler(ctx, tx, in)
	}
}

// names lists the operations in order.
func (s Service) names() []string {
	names := make([]string, 0, len(s.Operations))
	for name := range s.Operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// check is ErrService unless the service can be registered.
func (s Service) check() error {
	if !bus.ValidName(s.Name) {
		return fmt.Errorf("%w: invalid name %q; use letters, digits, - and _", ErrService, s.Name)
	}
	if len(s.Operations) == 0 {
		return fmt.Errorf("%w: %s has no operations", ErrService, s.Name)
	}
	for _, name := range s.names() {
		if !bus.ValidName(name) {
			return fmt.Errorf("%w: invalid operation %q of %s; use letters, digits, - and _", ErrService, name, s.Name)
		}
		op := s.Operations[name]
		if op.Handler == nil {
			return fmt.Errorf("%w: operation %s of %s has no handler", ErrService, name, s.Name)
		}
		if op.ReadOnly && op.Revision {
			return fmt.Errorf("%w: operation %s of %s only reads, so its answer can't have a revision", ErrService, name, s.Name)
		}
	}
	return nil
}

// unknown answers a request for an operation that the service does not have.
func (s Service) unknown(operation string) *Error {
	return NotFound("%s has no operation %q, only %s", s.Name, operation, strings.Join(s.names(), ", "))
}
