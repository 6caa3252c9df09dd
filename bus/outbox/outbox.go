// Package outbox holds what a service leaves to be done with an update (timers, notices, emissions): part of a
// [bus.Commit].
//
// It is part of the update that the service writes, so it is on both hosts before the request is answered.
package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/strictjson"
)

// Bounds.
const (
	// MaxTimers bounds the changes of timers in one update.
	MaxTimers = 256
	// MaxKey bounds the key of a timer, in bytes.
	MaxKey = 256
	// MaxBody bounds what a handler is given, in bytes, and MaxDepth how many lists and objects stand in one another in it: what is told
	// travels in other messages, and must be read with them.
	MaxBody  = 64 << 10
	MaxDepth = 1000
	// MaxNotices bounds the notices of one update, and MaxRecipients how many terminals they are for, counted for each notice.
	MaxNotices    = 256
	MaxRecipients = 1024
	// Longest bounds how far in the future a timer may be.
	Longest = 100 * 365 * 24 * time.Hour
)

// ErrMalformed says that a change of the outbox is invalid.
var ErrMalformed = fault.New("outbox", "invalid outbox change")

// Changes are an update's changes of the outbox: what it leaves to be done, and which earlier entries it settles. The
// zero Changes changes nothing.
type Changes struct {
	// Fired: the update is the run of a timer, which is taken away in it.
	Fired     *Fired     `cbor:"1,keyasint,omitempty"`
	Timers    []Timer    `cbor:"2,keyasint,omitempty"`
	Notices   []Notice   `cbor:"3,keyasint,omitempty"`
	Emissions []Emission `cbor:"4,keyasint,omitempty"`
}

// Fired names a timer at the revision at which its run began.
type Fired struct {
	Key      string `cbor:"1,keyasint"`
	Revision uint64 `cbor:"2,keyasint"`
}

// Timer sets, moves or cancels a timer of the service.
type Timer struct {
	Key string `cbor:"1,keyasint"`
	// Cancel takes it away; nothing else is said then. One that is not there is no error.
	Cancel    bool   `cbor:"2,keyasint,omitempty"`
	Operation string `cbor:"3,keyasint,omitempty"`
	Body      []byte `cbor:"4,keyasint,omitempty"` // JSON; empty is {}
	// After is how long after the update it is due, in time that passes.
	After time.Duration `cbor:"5,keyasint,omitempty"`
	// At, when not 0, is the hour at which it is due instead, in Unix nanoseconds.
	At int64 `cbor:"6,keyasint,omitempty"`
	// Skip drops it when it could not run within a minute of its time.
	Skip bool `cbor:"7,keyasint,omitempty"`
}

// Notice is a message to terminals.
type Notice struct {
	// To are ids of terminals; All: it is for every one, and To is empty.
	To    []string `cbor:"1,keyasint,omitempty"`
	All   bool     `cbor:"2,keyasint,omitempty"`
	Topic string   `cbor:"3,keyasint"`
	Body  []byte   `cbor:"4,keyasint,omitempty"` // JSON; empty is {}
	// Fenced: it is a command, which a terminal hands out at most once (package commands), and takes no later than Within after the update.
	Fenced bool          `cbor:"5,keyasint,omitempty"`
	Within time.Duration `cbor:"6,keyasint,omitempty"`
}

// HeaderTimer says in a request of one message that it is the run of a timer: a Due as JSON.
const HeaderTimer = "Hotpair-Timer"

// Due is a due timer, as its handler gets it.
type Due struct {
	Key      string `cbor:"1,keyasint" json:"key"`
	Revision uint64 `cbor:"2,keyasint" json:"revision,string"`
	// At is when it was due, in Unix nanoseconds; of a timer that was set to run after a while as well as the clocks can tell.
	At int64 `cbor:"3,keyasint" json:"at_ns,string"`
	// Late is by how much, in nanoseconds.
	Late time.Duration `cbor:"4,keyasint" json:"late_ns,string"`
}

// String gives the Due as JSON.
func (d Due) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		return err.Error() // there is nothing in it that JSON can't say
	}
	return string(text)
}

// ParseDue parses the output of String. The error is ErrMalformed.
func ParseDue(text string) (d Due, err error) {
	if err := strictjson.Decode([]byte(text), &d); err != nil {
		return Due{}, fmt.Errorf("%w: header %s: %w", ErrMalformed, HeaderTimer, err)
	}
	return d, validKey(d.Key)
}

// TimerState is the state of timers, as the process that runs them reports it.
type TimerState struct {
	Kept    int `json:"kept,omitempty"`
	Parked  int `json:"parked,omitempty"`
	Running int `json:"running,omitempty"`
	Failing int `json:"failing,omitempty"` // rest after a failure
	// Deferred says why timers that may be due are not run; "" when none is held.
	Deferred string `json:"held,omitempty"`
	// Late is by how much the timer was late that was started last.
	Late time.Duration `json:"late_ns,omitempty"`
	Runs uint64        `json:"runs,omitempty"`
}

// NoticeState is the state of notices in a term, as the process that sends them reports it.
type NoticeState struct {
	Terminals int `json:"terminals,omitempty"` // that are attached and take notices
	Behind    int `json:"behind,omitempty"`    // of those have not stored yet what there is for them
	Failing   int `json:"failing,omitempty"`   // did not take what they were sent last
	// Sent counts notices, Missed those that terminals miss for good, the last ones at MissedAt, and Diverged terminals that had what
	// the pair has not.
	Sent     uint64    `json:"sent,omitempty"`
	Missed   uint64    `json:"missed,omitempty"`
	Lost     uint64    `json:"lost,omitempty"` // taken away before a terminal had them, whether it was told or not yet
	MissedAt time.Time `json:"missed_at,omitzero"`
	Diverged uint64    `json:"diverged,omitempty"`
	// Unreadable says whose notices are not sent because they can't be read, and why; "" when all can.
	Unreadable string `json:"unreadable,omitempty"`
}

// IsZero reports whether there is nothing.
func (c Changes) IsZero() bool {
	return c.Fired == nil && len(c.Timers) == 0 && len(c.Notices) == 0 && len(c.Emissions) == 0
}

// Size is approximately the encoded size of c in an entry, in bytes.
func (c *Changes) Size() int {
	const each = 256 // of the entry, the order in which timers are due, and the count
	size := 0
	if c.Fired != nil {
		size += each + len(c.Fired.Key)
	}
	for i := range c.Timers {
		t := &c.Timers[i]
		size += each + 4*len(t.Key) + len(t.Operation) + len(t.Body)
	}
	for i := range c.Notices {
		n := &c.Notices[i]
		one := each + len(n.Topic) + len(n.Body)
		if n.Fenced {
			one += 4 * each // the command, where it stands in time, and how many there are
		}
		size += one * max(1, len(n.To))
	}
	for i := range c.Emissions {
		e := &c.Emissions[i]
		size += 2*each + 4*(len(e.Target)+len(e.Lane)) + len(e.Body)
	}
	return size
}

// Validate refuses what can't be done, whatever is there: ErrMalformed, with what is wrong. named reports whether a name can be that
// of an operation.
func (c *Changes) Validate(named func(string) bool) error {
	if len(c.Timers) > MaxTimers {
		return fmt.Errorf("%w: %d changes of timers in one update, at most %d", ErrMalformed, len(c.Timers), MaxTimers)
	}
	if c.Fired != nil {
		if err := validKey(c.Fired.Key); err != nil {
			return err
		}
	}
	for i := range c.Timers {
		if err := c.Timers[i].validate(named); err != nil {
			return err
		}
	}
	if err := c.validateNotices(named); err != nil {
		return err
	}
	return c.validateEmissions(named)
}

func (c *Changes) validateNotices(named func(string) bool) error {
	if len(c.Notices) > MaxNotices {
		return fmt.Errorf("%w: %d notices in one update, at most %d", ErrMalformed, len(c.Notices), MaxNotices)
	}
	recipients := 0
	for i := range c.Notices {
		if err := c.Notices[i].validate(named); err != nil {
			return err
		}
		recipients += len(c.Notices[i].To)
	}
	if recipients > MaxRecipients {
		return fmt.Errorf("%w: the notices of one update have %d recipients, at most %d; send one notice to all instead", ErrMalformed, recipients, MaxRecipients)
	}
	return nil
}

func (n *Notice) validate(named func(string) bool) error {
	switch {
	case !named(n.Topic):
		return fmt.Errorf("%w: a notice on the topic %.70q; a topic has 1 to 64 letters, digits, - and _", ErrMalformed, n.Topic)
	case n.All && len(n.To) > 0:
		return fmt.Errorf("%w: a notice on %s is both for all and for %d terminals", ErrMalformed, n.Topic, len(n.To))
	case !n.All && len(n.To) == 0:
		return fmt.Errorf("%w: a notice on %s has no recipient", ErrMalformed, n.Topic)
	case len(n.Body) > MaxBody:
		return fmt.Errorf("%w: a notice on %s has a body of %d bytes, at most %d", ErrMalformed, n.Topic, len(n.Body), MaxBody)
	}
	if len(n.To) > MaxRecipients {
		return fmt.Errorf("%w: a notice on %s has %d recipients, at most %d; send it to all instead", ErrMalformed, n.Topic, len(n.To), MaxRecipients)
	}
	seen := make(map[string]bool, len(n.To))
	for _, id := range n.To {
		if !named(id) {
			return fmt.Errorf("%w: a notice on %s is for %.70q, which is not a terminal id", ErrMalformed, n.Topic, id)
		}
		if seen[id] {
			return fmt.Errorf("%w: a notice on %s names terminal %s twice", ErrMalformed, n.Topic, id)
		}
		seen[id] = true
	}
	if err := checkBody(n.Body); err != nil {
		return fmt.Errorf("%w: the body of a notice on %s: %w", ErrMalformed, n.Topic, err)
	}
	return n.validateFence()
}

func (t *Timer) validate(named func(string) bool) error {
	if err := validKey(t.Key); err != nil || t.Cancel {
		return err
	}
	switch {
	case !named(t.Operation):
		return fmt.Errorf("%w: timer %q has the invalid operation name %.70q", ErrMalformed, t.Key, t.Operation)
	case len(t.Body) > MaxBody:
		return fmt.Errorf("%w: timer %q has a body of %d bytes, at most %d", ErrMalformed, t.Key, len(t.Body), MaxBody)
	case t.After < 0 || t.After > Longest:
		return fmt.Errorf("%w: timer %q is due in %v, at most %v is possible", ErrMalformed, t.Key, t.After, Longest)
	case t.At < 0 || t.At != 0 && t.After != 0:
		return fmt.Errorf("%w: timer %q has both a time (%d) and a delay (%v); give one of them", ErrMalformed, t.Key, t.At, t.After)
	}
	if err := checkBody(t.Body); err != nil {
		return fmt.Errorf("%w: the body of timer %q: %w", ErrMalformed, t.Key, err)
	}
	return nil
}

// errDeep says that the lists and objects of a body are nested too deep.
var errDeep = errors.New("too deep")

// checkBody refuses an invalid body. An empty body is valid.
func checkBody(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if depth := strictjson.Depth(body); depth > MaxDepth {
		return fmt.Errorf("%w: lists and objects are nested %d deep, at most %d", errDeep, depth, MaxDepth)
	}
	return strictjson.Check(body)
}

func validKey(key string) error {
	if key == "" || len(key) > MaxKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: a timer's key has 1 to %d bytes of UTF-8, not %.300q", ErrMalformed, MaxKey, key)
	}
	return nil
}
