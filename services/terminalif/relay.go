package terminalif

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/terminalif/admission"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/services/terminalif/screening"
)

const (
	// overtime is how long a request that is with nobody is kept past its deadline: the agent has given it up by then.
	overtime = time.Second
	// poisoned is the number of crashes of its business process after which a request is not given to it again (T2). That of timers is the
	// same: their agenda counts on over the runs that are given up before.
	poisoned = agenda.Poisoned
)

// relay takes requests from sessions, passes them to business processes, and passes answers back while the right to
// answer holds. All its decisions are made under one lock; it sends after releasing it.
type relay struct {
	clock    lease.Clock // for the right to answer alone: it counts sleep, for which each reading asks the kernel
	began    time.Time   // what requests take is measured from here, on a clock that asks nobody
	log      *slog.Logger
	services *directory
	right    atomic.Pointer[lease.Right]

	mu       sync.Mutex
	signer   *receipt.Signer
	term     *term
	desk     *ticket.Desk  // of the term
	draining chan struct{} // not nil while draining; closed when nothing is out or parked
	flights  map[bus.RequestID]*flight
	books    *admission.Books
	open     int // out or parked
	parked   []*flight
	deferred []*flight
	joined   uint64 // requests that came again while they were in flight

	requests histogram.Histogram // from taking a request until its answer leaves
	refused  refusals.Counter    // requests answered at once
}

func newRelay(b admission.Bounds, clock lease.Clock, log *slog.Logger) *relay {
	r := &relay{clock: clock, began: time.Now(), log: log, signer: receipt.New(receipt.Keys{}), flights: map[bus.RequestID]*flight{}, books: admission.NewBooks(b)}
	r.right.Store(&lease.Right{})
	r.services = newDirectory(r, log)
	return r
}

// signWith signs receipts with other keys from now on.
func (r *relay) signWith(s *receipt.Signer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signer = s
}

// begin makes t the term. Flights of another epoch are dropped: their agents send them again at the attach.
func (r *relay) begin(t *term) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.term == nil || r.term.Epoch != t.Epoch {
		r.drop()
	}
	r.term, r.desk = t, ticket.NewDesk(t.TicketKey)
	r.endDrain()
}

// end leaves the term. Nothing is answered after it.
func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.term, r.desk = nil, nil
	r.drop()
	r.endDrain()
}

// drop forgets every flight. Their answers, when they come, belong to none.
func (r *relay) drop() {
	clear(r.flights)
	r.books.Clear()
	r.open, r.parked, r.deferred = 0, nil, nil
	r.services.forgetWaiting()
}

func (r *relay) endDrain() {
	r.settle()
	r.draining = nil
}

// startDrain takes nothing new from now on.
func (r *relay) startDrain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.term != nil && r.draining == nil {
		r.draining = make(chan struct{})
		if r.open == 0 {
			r.settle()
		}
	}
}

// drained reports whether terminals were told to keep their requests for the next attach.
func (r *relay) drained() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.term == nil || r.draining != nil
}

// awaitDrain returns when everything that was out has been answered, or ctx ends, with the number that was not.
func (r *relay) awaitDrain(ctx context.Context) int {
	r.mu.Lock()
	drained := r.draining
	r.mu.Unlock()
	if drained == nil {
		return 0
	}
	select {
	case <-drained:
		return 0
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// asked counts the requests of terminals in flight: those of timers are of none.
func (r *relay) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.books.Beside("")
}

// inFlight counts requests that were taken and not answered.
func (r *relay) inFlight() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.flights)
}

// take accepts a request of a terminal in a term, or answers it at once. terminal is who was dialled, whatever the
// request says.
func (r *relay) take(terminal string, t *term, q bus.Request, answer func(bus.Reply)) {
	if fault := screening.Check(&q); fault != "" {
		r.refused.Count(refusals.RequestMalformed)
		answer(bus.Reply{Code: bus.CodeMalformed, Message: fault})
		return
	}
	q.ID.Terminal, q.Timer, q.Crashes = screening.Series(terminal, &q), nil, 0 // whatever it says: only the pair itself runs timers
	r.enter(t, q, answer)
}

// enter lets in a request that was looked at: a terminal's, or the pair's own.
func (r *relay) enter(t *term, q bus.Request, answer func(bus.Reply)) {
	q.Epoch = t.Epoch
	now := time.Now()
	f := &flight{request: q, taken: now, deadline: now.Add(time.Duration(q.Remaining)), answer: answer}
	send, refusal := r.admit(f, t)
	if refusal != nil {
		r.refused.Count(kindOf(refusal.Code))
		answer(*refusal)
	}
	r.services.send(send)
}

// kindOf says what a refusal is counted as.
func kindOf(code int) refusals.Kind {
	switch code {
	case bus.CodeConflict:
		return refusals.RequestConflict
	case bus.CodeNobody:
		return refusals.RequestNobody
	}
	return refusals.RequestOverloaded
}

func (r *relay) admit(f *flight, t *term) (*sending, *bus.Reply) {
	id, size := f.request.ID, len(f.request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.term != t || r.draining != nil {
		return nil, &bus.Reply{Code: bus.CodeNobody, Message: "held, not executed: this host does not serve now"}
	}
	if there, ok := r.flights[id]; ok {
		if !there.asks(&f.request) {
			return nil, &bus.Reply{Code: bus.CodeConflict, Message: "another request with the same id is under way; this one was not executed. Give each request an id of its own"}
		}
		r.joined++
		there.answer = f.answer
		there.deadline = f.deadline
		return nil, nil
	}
	if r.books.Full(id.Terminal, size) {
		return nil, &bus.Reply{Code: bus.CodeOverloaded, Message: "too many requests in flight; not executed"}
	}
	f.service = r.services.find(f.request.Service)
	if f.service == nil {
		return nil, &bus.Reply{Code: bus.CodeOverloaded, Message: "too many unknown services were asked for; not executed"}
	}
	if f.request.Timer != nil && !f.service.up() { // it comes again, and keeps nobody's place meanwhile
		return nil, &bus.Reply{Code: bus.CodeNobody, Message: "service " + f.service.name + " does not run"}
	}
	if f.service.up() && !f.service.admission.Admits(f.service.out) {
		return nil, &bus.Reply{Code: bus.CodeOverloaded, Message: "service " + f.service.name + " has all it can do in time; not executed"}
	}
	r.books.Enter(id.Terminal, size)
	r.flights[id] = f
	return r.launch(f), nil
}

// launch sends f to its service if that takes it now, and lets it wait otherwise. The lock is held.
func (r *relay) launch(f *flight) *sending {
	if s := f.service; !s.open() || f.suspect() {
		r.move(f, waiting)
		s.waiting = append(s.waiting, f)
		r.services.turnSoon(s)
		return nil
	}
	return r.dispatch(f)
}

// dispatch sends f to its service. The lock is held.
func (r *relay) dispatch(f *flight) *sending {
	r.move(f, out)
	f.sending++
	f.sent = time.Now()
	f.request.Remaining = max(int64(f.deadline.Sub(f.sent)), 1)
	return &sending{flight: f, service: f.service, number: f.sending, request: f.request, route: f.service.route, desk: r.desk}
}

// move notes where f is. The lock is held.
func (r *relay) move(f *flight, to place) {
	was := f.place == out || f.place == parked
	is := to == out || to == parked
	if s := f.service; s != nil && (f.place == out) != (to == out) {
		if to == out {
			s.out++
		} else {
			s.out--
			s.finished()
		}
	}
	f.place = to
	if s := f.service; s != nil && s.alone == f && to != out {
		s.alone = nil
		r.services.turnSoon(s)
	}
	switch {
	case is && !was:
		r.open++
	case was && !is:
		r.open--
		if r.open == 0 {
			r.settle()
		}
	}
}

// settle ends a drain that waits for the last answer. The channel stays, because nothing new is taken until the term
// ends or begins again. The lock is held.
func (r *relay) settle() {
	if r.draining == nil {
		return
	}
	select {
	case <-r.draining:
	default:
		close(r.draining)
	}
}

// forget removes f from all books. The lock is held.
func (r *relay) forget(f *flight) {
	delete(r.flights, f.request.ID)
	r.books.Leave(f.request.ID.Terminal, len(f.request.Body))
	r.move(f, waiting)
}

// current reports whether s is the last sending of a flight that still waits for it. The lock is held.
func (r *relay) current(s *sending) bool {
	f := s.flight
	return r.flights[f.request.ID] == f && f.place == out && f.sending == s.number
}

// deliver gives the terminal the answer to a flight. This is the one place where an answer leaves, and the right to
// answer is compared in the step before: after everything the answer rests on was read (R6).
func (r *relay) deliver(f *flight, reply bus.Reply) {
	if !r.right.Load().Holds(f.request.Epoch, r.clock()) {
		if f.place != parked {
			r.move(f, parked)
			r.parked = append(r.parked, f)
		}
		f.reply = &reply
		return
	}
	// Signed here and nowhere else: what has a receipt was acknowledged.
	reply.Receipt, reply.Crashes = nil, f.request.Crashes
	if reply.Position.Sequence != 0 {
		reply.Receipt = r.signer.Code(r.term.PairID, f.request.ID, reply.Position)
	}
	f.answer(reply)
	r.requests.Observe(time.Since(f.taken))
	r.forget(f)
}

// setRight takes main's word. Answers that waited for it leave; requests that found the database closed try again.
func (r *relay) setRight(right lease.Right) {
	r.mu.Lock()
	r.right.Store(&right)
	waited := r.parked
	r.parked = nil
	for _, f := range waited {
		if r.flights[f.request.ID] != f {
			continue
		}
		if right.Holds(f.request.Epoch, r.clock()) {
			r.deliver(f, *f.reply)
		} else {
			r.parked = append(r.parked, f)
		}
	}
	r.mu.Unlock()
	r.retryDeferred()
}

// retryDeferred sends again what the database refused as not of its epoch.
func (r *relay) retryDeferred() {
	r.mu.Lock()
	again := r.deferred
	r.deferred = nil
	var sends []*sending
	for _, f := range again {
		if r.flights[f.request.ID] == f && f.place == deferred {
			sends = append(sends, r.launch(f))
		}
	}
	r.mu.Unlock()
	for _, s := range sends {
		r.services.send(s)
	}
}

// sweep drops flights that are with nobody and past their deadline, without a word: the agents have given them up. What
// is out stays counted until it comes back, so that a business process that hangs is not given more than the bounds.
func (r *relay) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	late := now.Add(-overtime)
	gone := false
	for _, f := range r.flights {
		if f.place != out && f.deadline.Before(late) {
			if f.request.Timer != nil { // which has nobody to give it up
				f.answer(bus.Reply{Code: bus.CodeNobody, Message: "service " + f.request.Service + " does not run", Crashes: f.request.Crashes})
			}
			r.forget(f)
			gone = true
		}
	}
	if !gone {
		return
	}
	dropped := func(f *flight) bool { return r.flights[f.request.ID] != f }
	r.parked = slices.DeleteFunc(r.parked, dropped)
	r.deferred = slices.DeleteFunc(r.deferred, dropped)
	r.services.sweepWaiting(dropped)
}

// unknownService is the answer for a service that nobody announced and that does not answer.
func unknownService(name string, known []string) bus.Reply {
	return bus.Reply{Code: bus.CodeAbsent, Message: fmt.Sprintf("no service %s; known are %v", name, known)}
}
