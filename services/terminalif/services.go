package terminalif

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminalif/admission"
	"github.com/hotpair/hotpair/services/terminalif/description"
	"github.com/hotpair/hotpair/services/terminalif/route"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// maxUnknown bounds the services that are asked for at one time and that nobody announced.
	maxUnknown = 64
	// The pauses between questions to a service that was announced but does not answer yet grow from the first to the last.
	describeFirst = 2 * time.Millisecond
	describeLast  = 100 * time.Millisecond
)

// state of a service as this process sees it.
type state int

const (
	asked   state = iota // nobody announced it; entered by a request for it, left by its answer or none
	coming               // announced as up, has not described itself yet
	serving              // described itself: takes requests
	down                 // announced as down; left by an announcement
	leaving              // about to end deliberately: it keeps its requests and gets no new ones; left by the announcement of its end
)

// service is one business service. Protected by the relay's lock.
type service struct {
	name        string
	state       state
	incarnation uint64
	route       route.Route
	description description.Description
	waiting     []*flight
	alone       *flight       // a suspect whose turn it is
	asking      bool          // a goroutine asks it to describe itself
	out         int           // requests that it has
	left        chan struct{} // not nil while somebody waits until it has none, since it is leaving; closed then
	admission   admission.Bound
	misses      int // times in a row that it described itself and then did not listen
}

func (s *service) up() bool { return s.state == serving }

// open reports whether a request goes to the service at once: what waits while it is up waits for a suspect.
func (s *service) open() bool { return s.up() && s.alone == nil && len(s.waiting) == 0 }

// sending is one flight on its way to a service.
type sending struct {
	flight  *flight
	service *service
	number  int
	request bus.Request
	route   route.Route
	desk    *ticket.Desk // of the term
}

// ticket is what the updater is to know of the request.
func (s *sending) ticket() ticket.Ticket {
	q := &s.request
	return ticket.Ticket{
		Epoch: q.Epoch, Service: q.Service, ID: q.ID, Floor: q.Oldest, Digest: ticket.DigestOf(q.Service, q.Operation, q.Body),
	}
}

// directory knows the services of this host: from main's announcements, and by asking them.
type directory struct {
	relay    *relay
	log      *slog.Logger
	services map[string]*service    // protected by the relay's lock
	routes   map[string]route.Route // kept for the life of the process, so that restarts of services leave nothing behind

	conn *bus.Conn // set before the first request
	ctx  context.Context
	run  func(func()) // runs a goroutine that the owner waits for
}

func newDirectory(r *relay, log *slog.Logger) *directory {
	return &directory{relay: r, log: log, services: map[string]*service{}, routes: map[string]route.Route{}}
}

// find returns the service, asking for it if it was not announced; nil if too many such questions are open. The caller
// holds the lock.
func (d *directory) find(name string) *service {
	if s, ok := d.services[name]; ok {
		return s
	}
	unknown := 0
	for _, s := range d.services {
		if s.state == asked {
			unknown++
		}
	}
	if unknown >= maxUnknown {
		return nil
	}
	s := &service{name: name}
	d.services[name] = s
	d.describe(s)
	return s
}

// known lists the services for an answer to an application. The lock is held.
func (d *directory) known() []string {
	names := slices.Sorted(maps.Keys(d.services))
	return slices.DeleteFunc(names, func(n string) bool { return d.services[n].state == asked })
}

// announced handles main's announcement that a process came up or went down.
func (d *directory) announced(p bus.ProcessState) {
	if p.Process == bus.ProcessUpdater && p.Up {
		d.relay.retryDeferred()
		return
	}
	name, business := strings.CutPrefix(p.Process, bus.ProcessBusiness+".")
	if !business || !bus.ValidName(name) {
		return
	}
	r := d.relay
	r.mu.Lock()
	s := d.services[name]
	if s == nil {
		s = &service{name: name, state: down}
		d.services[name] = s
	}
	if p.Incarnation < s.incarnation {
		r.mu.Unlock()
		return
	}
	var failed route.Route
	if (s.state == serving || s.state == coming || s.state == leaving) && s.incarnation != 0 && (!p.Up || p.Incarnation != s.incarnation) {
		failed = d.crashed(s, p.Killed)
	} else if !p.Up && s.state == serving {
		failed = d.crashed(s, p.Killed)
	}
	s.incarnation = p.Incarnation
	switch {
	case !p.Up:
		s.state = down
	case s.state != serving && s.state != leaving: // a repeated announcement does not stop it from leaving
		s.state = coming
		d.describe(s)
	}
	r.mu.Unlock()
	if failed != nil {
		failed.Fail()
	}
}

// leave sends no new requests to a service, because it is about to end deliberately. The returned channel is closed
// when the service has answered those in flight.
func (d *directory) leave(name string) <-chan struct{} {
	d.relay.mu.Lock()
	defer d.relay.mu.Unlock()
	left := make(chan struct{})
	s := d.services[name]
	switch {
	case s == nil || s.state != serving && s.state != coming && s.state != leaving:
		close(left) // it has nothing
	case s.left != nil:
		return s.left
	default:
		s.state, s.left = leaving, left
		s.finished()
	}
	return left
}

// finished answers those who wait for a service to have no more requests. The caller holds the relay's lock.
func (s *service) finished() {
	if s.left != nil && s.out == 0 {
		close(s.left)
		s.left = nil
	}
}

// routeOf makes the way to a service. The relay's lock is held.
func (d *directory) routeOf(name string, batches bool) (there route.Route, err error) {
	key := fmt.Sprintf("%s/%t", name, batches)
	if there, ok := d.routes[key]; ok {
		return there, nil
	}
	if batches {
		there, err = route.Batches(d.conn, name)
	} else {
		there = route.Singles(d.ctx, d.conn, d.run)
	}
	if err == nil {
		d.routes[key] = there
	}
	return there, err
}

// describe asks the service for its description until it answers or is down, once if unannounced. Lock held.
func (d *directory) describe(s *service) {
	if s.asking {
		return
	}
	s.asking = true
	pause := time.Duration(0)
	if s.misses > 0 {
		pause = pace.Doubled(describeFirst, describeLast, s.misses)
	}
	d.run(func() {
		for {
			if pause > 0 {
				select {
				case <-time.After(pause):
				case <-d.ctx.Done():
					return
				}
			}
			about, err := description.Ask(d.ctx, d.conn, s.name)
			if d.described(s, about, err) {
				return
			}
			pause = min(max(2*pause, describeFirst), describeLast)
		}
	})
}

// described handles the result of one question and reports whether no further one is needed.
func (d *directory) described(s *service, about description.Description, err error) bool {
	r := d.relay
	r.mu.Lock()
	switch {
	case s.state == down || s.state == leaving || d.ctx.Err() != nil:
		s.asking = false
		r.mu.Unlock()
		return true
	case err != nil && s.state == asked:
		delete(d.services, s.name)
		s.asking = false
		gone := s.waiting
		s.waiting = nil
		reply := unknownService(s.name, d.known())
		if !errors.Is(err, bus.ErrNobody) {
			reply = bus.Reply{Code: bus.CodeNobody, Message: err.Error()}
		}
		for _, f := range gone {
			if r.flights[f.request.ID] == f && f.place == waiting {
				f.answer(reply)
				r.forget(f)
			}
		}
		r.mu.Unlock()
		return true
	case err != nil:
		r.mu.Unlock()
		return false
	}
	if s.route, err = d.routeOf(s.name, about.Batches); err != nil {
		r.mu.Unlock()
		d.log.Error("service can't be reached", "service", s.name, "error", err)
		return false
	}
	s.state, s.asking, s.description = serving, false, about
	waited, lacking := len(s.waiting), about.Lacking(s.name)
	for _, f := range s.waiting {
		if r.waits(f) && f.untaken && !about.Batches && !about.Offers(s.name, f.request.Operation) {
			f.answer(bus.Reply{Code: bus.CodeAbsent, Message: lacking(f.request.Operation)})
			r.forget(f)
		}
	}
	sends := d.ready(s)
	r.mu.Unlock()
	d.log.Info("service is up", "service", s.name, "batches", about.Batches, "waited", waited)
	for _, send := range sends {
		d.send(send)
	}
	return true
}

// send hands a flight to its service. nil is nothing to send. Never called with the lock held.
func (d *directory) send(s *sending) {
	if s != nil {
		if s.request.Timer == nil {
			s.request.Ticket = s.desk.Issue(s.ticket())
		} else {
			s.request.ID = bus.RequestID{}
		}
		s.route.Send(s.request, func(reply bus.Reply, err error) { d.outcome(s, reply, err) })
	}
}

// proven takes the position of a reply from its proof: the service's own statement does not count, because a receipt
// is signed for the position.
func (s *sending) proven(reply bus.Reply) (bus.Reply, error) {
	claimed, proof := reply.Position, reply.Proof
	reply.Position, reply.Proof = position.Position{}, ""
	if s.request.Timer != nil {
		return reply, nil // no receipt is issued
	}
	if proof == "" {
		if !claimed.IsZero() {
			return reply, fmt.Errorf("%w: position %v has none", ticket.ErrProof, claimed)
		}
		return reply, nil
	}
	var err error
	reply.Position, err = s.desk.Position(s.ticket(), proof)
	return reply, err
}

// outcome handles the result of a send.
func (d *directory) outcome(s *sending, reply bus.Reply, err error) {
	r := d.relay
	if err == nil {
		reply, err = s.proven(reply)
	}
	r.mu.Lock()
	again := d.decide(s, reply, err)
	r.mu.Unlock()
	d.send(again)
}

// decide is outcome with the lock held; it returns the requests to send again.
func (d *directory) decide(s *sending, reply bus.Reply, err error) *sending {
	r, f := d.relay, s.flight
	if !r.current(s) {
		return nil
	}
	switch {
	case errors.Is(err, bus.ErrNobody):
		d.untaken(f)
	case errors.Is(err, route.ErrGone), errors.Is(err, context.Canceled):
		// It left between the news of the crash and the end of what was under way then.
		f.request.Attempt++
		return r.launch(f)
	case errors.Is(err, bus.ErrDisconnected):
		// The bus is gone and with it this process; the agents send everything again.
	case errors.Is(err, context.DeadlineExceeded):
		r.deliver(f, bus.Reply{Code: bus.CodeUnknown, Message: "the service did not answer before the deadline, the outcome is unknown"})
	case err != nil:
		d.log.Error("answer of a service is unreadable", "service", s.service.name, "error", err)
		r.deliver(f, bus.Reply{Code: bus.CodeFault, Message: "the answer of service " + s.service.name + " is unreadable, the outcome is unknown"})
	case reply.Code == bus.CodeNobody:
		// The database is not of this epoch at the moment: its updater restarts, or the term is over. Nothing was done.
		r.move(f, deferred)
		r.deferred = append(r.deferred, f)
	default:
		s.service.misses = 0
		s.service.admission.Answered(time.Since(r.began), time.Since(f.sent), s.service.out)
		r.deliver(f, reply)
	}
	return nil
}

// untaken lets a flight wait that the service did not take although it is up. The lock is held.
func (d *directory) untaken(f *flight) {
	s := f.service
	f.untaken = true
	d.relay.move(f, waiting)
	s.waiting = append(s.waiting, f)
	if s.state == serving {
		s.state = coming
		s.misses++
		d.describe(s)
	}
}

// forgetWaiting drops the requests of services and their queues. The caller holds the lock.
func (d *directory) forgetWaiting() {
	for _, s := range d.services {
		s.waiting, s.alone, s.out = nil, nil, 0
		s.finished()
	}
}

// sweepWaiting removes flights from the queues. The caller holds the lock.
func (d *directory) sweepWaiting(gone func(*flight) bool) {
	for _, s := range d.services {
		s.waiting = slices.DeleteFunc(s.waiting, gone)
	}
}
