package terminal

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/standing"
)

// maxJoined bounds the applications that wait for one request under an id of their own.
const maxJoined = 16

// entry is one request that has no answer yet.
type entry struct {
	id                 bus.RequestID
	app                string // the application, by its inbox
	service, operation string
	body               []byte
	lane               string // in which it waits, "" for none
	leave              func() // its lane; may be nil
	deferred           bool   // it is not its turn in its lane
	own                bool   // it is the agent's own request
	order              uint64 // of arrival
	arrived, deadline  time.Time
	timer              *time.Timer
	replies            []asker // the applications that wait for the answer

	// attempt counts the sends that may have been executed. doubt says that one before the present send may have been.
	attempt int
	doubt   bool
	session *session // the session that it was sent to, or nil
}

// relayed reports whether the request may have taken effect.
func (e *entry) relayed() bool { return e.doubt || e.session != nil }

// table has the waiting requests, and the session they are sent to. It decides; its caller sends after the lock is
// released.
type table struct {
	bound, boundBytes int

	mu         sync.Mutex
	entries    map[bus.RequestID]*entry
	bytes      int
	shares     map[string]share // by application
	arrivals   uint64
	counters   []uint64 // unanswered ones in rising order; answered ones are dropped lazily
	session    *session // attached, or nil
	lastAnswer time.Time
	standing   standing.Standing
	stopped    bool
}

func newTable(bound, boundBytes int) *table {
	return &table{bound: bound, boundBytes: boundBytes, entries: map[bus.RequestID]*entry{}, shares: map[string]share{}}
}

func (t *table) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// share is what waits of one application.
type share struct{ requests, bytes int }

// quota is the share of the bounds that one application may use, as a divisor.
const quota = 2

// room reports whether a request of a size may be admitted. The caller holds the lock.
func (t *table) room(app string, bytes int) bool {
	own := t.shares[app]
	return len(t.entries) < t.bound && t.bytes+bytes <= t.boundBytes &&
		own.requests < t.bound/quota && own.bytes+bytes <= t.boundBytes/quota
}

// full reports whether a request would be refused whatever its contents, before it is read: there is no room, and no
// waiting request with its id to join.
func (t *table) full(id, app string, bytes int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.room(app, bytes) {
		return false
	}
	_, waits := t.entries[bus.RequestID{App: id}]
	return !waits
}

// admission is the result of admitting a request.
type admission int

const (
	admitted admission = iota
	joined             // the same id waits already; both get its answer
	refusedOverloaded
	refusedOther // the id is in use for another request
	refusedEnd   // the agent stops
)

// admit adds a request. e.timer is set under the lock, so that it can't fire before the entry exists.
func (t *table) admit(e *entry, expire func()) (admission, []sending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return refusedEnd, nil
	}
	if there, ok := t.entries[e.id]; ok {
		switch {
		case there.service != e.service || there.operation != e.operation || string(there.body) != string(e.body):
			return refusedOther, nil
		case len(there.replies) >= maxJoined:
			return refusedOverloaded, nil
		}
		there.replies = append(there.replies, e.replies...)
		if e.deadline.After(there.deadline) {
			there.deadline = e.deadline
			there.timer.Reset(time.Until(e.deadline))
		}
		return joined, nil
	}
	if !t.room(e.app, len(e.body)) {
		return refusedOverloaded, nil
	}
	own := t.shares[e.app]
	t.shares[e.app] = share{own.requests + 1, own.bytes + len(e.body)}
	t.arrivals++
	e.order = t.arrivals
	t.entries[e.id] = e
	t.bytes += len(e.body)
	if e.id.Counter != 0 {
		t.counters = append(t.counters, e.id.Counter)
		if len(t.counters) > 2*t.bound+1024 {
			t.counters = slices.DeleteFunc(t.counters, func(n uint64) bool {
				_, waits := t.entries[bus.RequestID{Counter: n}]
				return !waits
			})
		}
	}
	e.timer = time.AfterFunc(time.Until(e.deadline), expire)
	if t.session == nil || e.deferred {
		return admitted, nil
	}
	return admitted, []sending{t.send(e)}
}

// release sends a request whose turn has come in its lane.
func (t *table) release(e *entry) []sending {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.deferred = false
	// One without an order is not taken in yet, and its number is given meanwhile.
	if e.order == 0 || t.stopped || t.session == nil || t.entries[e.id] != e || e.session != nil {
		return nil
	}
	return []sending{t.send(e)}
}

// sending is a request on its way to a session.
type sending struct {
	entry   *entry
	session *session
	request bus.Request
}

// send records that e goes to the session and returns the send. The caller holds the lock.
func (t *table) send(e *entry) sending {
	if e.attempt == 0 || e.doubt {
		e.attempt++
	}
	e.session = t.session
	id, oldest := e.session.numbered(e.id), t.oldest()
	if oldest != 0 {
		oldest += e.session.base
	}
	return sending{e, t.session, bus.Request{
		ID: id, Oldest: oldest, Attempt: e.attempt,
		Service: e.service, Operation: e.operation, Body: e.body, Own: e.own,
		Remaining: max(int64(time.Until(e.deadline)), 1),
	}}
}

// numbered returns an id in the pair's form: the agent numbers requests from 1, whether or not the pair has sent their
// base already.
func (s *session) numbered(id bus.RequestID) bus.RequestID {
	if id.Counter != 0 {
		id.Counter += s.base
	}
	return id
}

// oldest is the lowest unanswered counter. The lock is held.
func (t *table) oldest() uint64 {
	for len(t.counters) > 0 {
		if _, ok := t.entries[bus.RequestID{Counter: t.counters[0]}]; ok {
			return t.counters[0]
		}
		t.counters = t.counters[1:]
	}
	return 0
}

// standing is the session as it is counted.
func (s *session) standing() standing.Session {
	return standing.Session{Host: s.host, Identity: s.identity}
}

// replace attaches the session s (nil: none) and returns the former one, the requests to send to s now, and how long
// waiting requests have been without any answer.
func (t *table) replace(s *session) (before *session, again []sending, gap time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.exchange(s)
}

// exchange is replace with the lock held.
func (t *table) exchange(s *session) (before *session, again []sending, gap time.Duration) {
	before, t.session = t.session, s
	waiting := make([]*entry, 0, len(t.entries))
	for _, e := range t.entries {
		if e.session != nil {
			e.session, e.doubt = nil, true
		}
		waiting = append(waiting, e)
	}
	now := time.Now()
	if s == nil {
		t.standing.Lost(before != nil, now)
		return before, nil, 0
	}
	if len(waiting) == 0 {
		t.standing.Came(s.standing(), before != nil, 0, now, now)
		return before, nil, 0
	}
	slices.SortFunc(waiting, func(a, b *entry) int { return cmp.Compare(a.order, b.order) })
	since := waiting[0].arrived
	if t.lastAnswer.After(since) {
		since = t.lastAnswer
	}
	t.standing.Came(s.standing(), before != nil, len(waiting), since, now)
	for _, e := range waiting {
		if !e.deferred {
			again = append(again, t.send(e))
		}
	}
	return before, again, now.Sub(since)
}

// lose is replace(nil) if s is still the attached session; it reports whether it was.
func (t *table) lose(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session != s {
		return false
	}
	t.exchange(nil)
	return true
}

// attached returns the attached session, or nil.
func (t *table) attached() *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.session
}

// outcome is what becomes of a request after a sending.
type outcome int

const (
	stale    outcome = iota // it was answered, given up, or is with another session: nothing to do
	kept                    // it waits for the next attach
	later                   // send it again after a pause
	answered                // the applications get the answer
)

// settle handles the answer to a send, or the reason for a missing one.
func (t *table) settle(s sending, reply bus.Reply, err error) (outcome, []asker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := s.entry
	if t.entries[e.id] != e || e.session != s.session {
		return stale, nil
	}
	switch {
	case errors.Is(err, bus.ErrNobody), err == nil && reply.Code == bus.CodeNobody:
		// Held, not executed.
		e.session = nil
		return kept, nil
	case err != nil:
		e.session, e.doubt = nil, true
		return kept, nil
	case reply.Code == bus.CodeOverloaded && e.doubt:
		// An earlier attempt may have taken effect, so "busy, not executed" would be a lie.
		e.session = nil
		return later, nil
	}
	t.remove(e)
	t.lastAnswer = time.Now()
	t.standing.Answered(t.lastAnswer)
	return answered, e.replies
}

// expire ends a request whose deadline has passed.
func (t *table) expire(e *entry) (given bool, relayed bool, replies []asker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries[e.id] != e {
		return false, false, nil
	}
	if left := time.Until(e.deadline); left > 0 { // a joined application has moved it
		e.timer.Reset(left)
		return false, false, nil
	}
	t.remove(e)
	if t.session == nil && !e.own {
		t.standing.GaveUp()
	}
	return true, e.relayed(), e.replies
}

func (t *table) remove(e *entry) {
	delete(t.entries, e.id)
	t.bytes -= len(e.body)
	if own := t.shares[e.app]; own.requests > 1 {
		t.shares[e.app] = share{own.requests - 1, own.bytes - len(e.body)}
	} else {
		delete(t.shares, e.app)
	}
	e.timer.Stop()
}

// repeat returns the send of a request that was put off, if it still waits and was not sent.
func (t *table) repeat(e *entry) []sending {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped || t.session == nil || t.entries[e.id] != e || e.session != nil {
		return nil
	}
	return []sending{t.send(e)}
}

// stop stops all timers; nothing is admitted afterwards.
func (t *table) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	for _, e := range t.entries {
		e.timer.Stop()
	}
}
