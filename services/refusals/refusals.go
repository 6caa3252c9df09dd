// Package refusals counts refusals at the listeners of a host, by listener and reason. The kinds are a fixed list, so
// that strangers can't make memory or metrics grow.
package refusals

import "sync/atomic"

// Kind is one reason at one listener.
type Kind int

// All kinds. A login is refused for its name or password.
const (
	HTTPToken      Kind = iota // a call without a valid proof of its caller
	HTTPRole                   // the role of the caller does not allow it
	HTTPOrigin                 // from a foreign web page, or under a name that is not this host's
	HTTPOverloaded             // too many calls under way
	HTTPUnknown                // no such path, or another method
	HTTPMalformed              // the request can't be decoded
	HTTPConnection             // too many connections: this one was closed
	BusLogin                   // at the bus of the host's own processes
	LinkLogin                  // at the port of the other main
	LinkHello                  // logged in, but of another version, pair or witness
	LinkUnproved               // a call in the name of an operator without a valid proof
	ReplicationLogin
	ReplicationHello
	RequestMalformed  // of a terminal, answered without being executed
	RequestConflict   // another one with its id is under way
	RequestOverloaded // too many are under way
	RequestNobody     // the host does not serve now
	kinds             = iota
)

// labels are the listener and reason of each kind.
var labels = [kinds][2]string{
	HTTPToken: {"http", "token"}, HTTPRole: {"http", "role"}, HTTPOrigin: {"http", "origin"}, HTTPOverloaded: {"http", "busy"}, HTTPUnknown: {"http", "unknown"},
	HTTPMalformed: {"http", "malformed"}, HTTPConnection: {"http", "connection"},
	BusLogin: {"bus", "login"}, LinkLogin: {"link", "login"}, LinkHello: {"link", "hello"}, LinkUnproved: {"link", "unproved"},
	ReplicationLogin: {"replication", "login"}, ReplicationHello: {"replication", "hello"},
	RequestMalformed: {"terminal", "malformed"}, RequestConflict: {"terminal", "conflict"}, RequestOverloaded: {"terminal", "busy"}, RequestNobody: {"terminal", "nobody"},
}

// Door returns the listener of a kind.
func (k Kind) Door() string { return labels[k][0] }

// Reason returns the reason of a kind.
func (k Kind) Reason() string { return labels[k][1] }

// Kinds returns all kinds.
func Kinds() []Kind {
	list := make([]Kind, kinds)
	for k := range list {
		list[k] = Kind(k)
	}
	return list
}

// Counts are how often each kind was refused, by Kind.
type Counts [kinds]uint64

// Add adds other counts.
func (c *Counts) Add(other Counts) {
	for k, n := range other {
		c[k] += n
	}
}

// Counter counts refusals. The zero value is ready; nil counts nothing. Its methods may be called concurrently.
type Counter struct{ counts [kinds]atomic.Uint64 }

// Count counts one refusal.
func (c *Counter) Count(k Kind) {
	if c != nil {
		c.counts[k].Add(1)
	}
}

// Counts returns the counts.
func (c *Counter) Counts() (now Counts) {
	if c != nil {
		for k := range now {
			now[k] = c.counts[k].Load()
		}
	}
	return now
}
