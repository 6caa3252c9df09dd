// Package refusals counts what is refused at the doors of a host, by door and reason. Who is refused decides how often that happens,
// and nothing else: the kinds are a fixed list, so that neither memory nor metrics grow with what strangers say.
package refusals

import "sync/atomic"

// Kind is one reason at one door.
type Kind int

// All kinds. A login is refused for its name or password.
const (
	HTTPToken      Kind = iota // a call that needs proof of who makes it came without, or with what proves nothing
	HTTPRole                   // whoever makes it may not
	HTTPOrigin                 // from a web page of somebody else, or under a name that is not this host's
	HTTPOverloaded             // no room for it now
	HTTPUnknown                // no such path, or another method
	HTTPMalformed              // what it says can't be understood
	HTTPConnection             // a connection too many, closed
	BusLogin                   // at the bus of the host's own processes
	LinkLogin                  // at the port of the other main
	LinkHello                  // it logged in, and is of another version, pair or witness
	LinkUnproved               // a call as from an operator at the other host that nobody vouches for
	ReplicationLogin
	ReplicationHello
	RequestMalformed  // of a terminal, answered without being executed
	RequestConflict   // another one with its id is under way
	RequestOverloaded // as many are under way as may be
	RequestNobody     // the host does not serve now
	kinds             = iota
)

// labels are door and reason of each kind.
var labels = [kinds][2]string{
	HTTPToken: {"http", "token"}, HTTPRole: {"http", "role"}, HTTPOrigin: {"http", "origin"}, HTTPOverloaded: {"http", "busy"}, HTTPUnknown: {"http", "unknown"},
	HTTPMalformed: {"http", "malformed"}, HTTPConnection: {"http", "connection"},
	BusLogin: {"bus", "login"}, LinkLogin: {"link", "login"}, LinkHello: {"link", "hello"}, LinkUnproved: {"link", "unproved"},
	ReplicationLogin: {"replication", "login"}, ReplicationHello: {"replication", "hello"},
	RequestMalformed: {"terminal", "malformed"}, RequestConflict: {"terminal", "conflict"}, RequestOverloaded: {"terminal", "busy"}, RequestNobody: {"terminal", "nobody"},
}

// Door and Reason name a kind.
func (k Kind) Door() string { return labels[k][0] }

// Reason is why it was refused there.
func (k Kind) Reason() string { return labels[k][1] }

// Kinds is the list.
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

// Counter counts. Its zero value is ready; nil counts nothing. Its methods may be called by any number of goroutines.
type Counter struct{ counts [kinds]atomic.Uint64 }

// Count counts one refusal.
func (c *Counter) Count(k Kind) {
	if c != nil {
		c.counts[k].Add(1)
	}
}

// Counts gives what was counted.
func (c *Counter) Counts() (now Counts) {
	if c != nil {
		for k := range now {
			now[k] = c.counts[k].Load()
		}
	}
	return now
}
