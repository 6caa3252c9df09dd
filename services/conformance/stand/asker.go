package stand

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/terminalif/description"
	"github.com/hotpair/hotpair/services/traffic"
)

// How a request ends without an answer.
var (
	// ErrNobody says that the program does not listen on the operation's subject.
	ErrNobody = errors.New("the program does not listen on the subject")
	// ErrNoAnswer says that no answer arrived in time.
	ErrNoAnswer = errors.New("no answer")
	// ErrGone says that the program or its connection ended.
	ErrGone = errors.New("the program has ended")
)

// afterwards is how long after an answer a second one is awaited.
const afterwards = 30 * time.Millisecond

// Answer is the result of a request.
type Answer struct {
	bus.Reply
	// Wrong says how the message violates the protocol; "" if it does not.
	Wrong string
}

// asker is terminal-if's server.
type asker struct {
	stand  *Stand
	server *traffic.Server

	mu      sync.Mutex
	number  uint64
	waiting map[uint64]chan Answer
	late    map[uint64]bool // answered already
	twice   int
}

// prefix of the subjects at which single messages are answered.
const prefix = "inbox." + bus.ProcessTerminalInterface + ".check."

// numbered is a batch of one.
type numbered[T any] struct {
	Items []item[T] `cbor:"1,keyasint"`
}

type item[T any] struct {
	Number uint64 `cbor:"1,keyasint"`
	Value  T      `cbor:"2,keyasint"`
}

func openAsker(ctx context.Context, s *Stand) (*asker, error) {
	server, err := traffic.ServeRequests(ctx, s.plan.Requests(), traffic.Environment{Log: s.refused.logger()})
	if err != nil {
		return nil, err
	}
	a := &asker{stand: s, server: server, waiting: map[uint64]chan Answer{}, late: map[uint64]bool{}}
	_, err = server.Conn.Subscribe(prefix+"*", a.single)
	if err == nil {
		_, err = server.Conn.Subscribe(bus.AnswersPrefix(s.options.Service)+".>", a.batched)
	}
	if err == nil {
		err = server.Conn.Flush()
	}
	if err != nil {
		server.Close()
		return nil, err
	}
	return a, nil
}

func (a *asker) close() {
	a.server.Stop()
	a.server.Conn.Close()
}

// single handles the answer to a single request.
func (a *asker) single(m *nats.Msg) {
	n, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, prefix), 10, 64)
	if err != nil {
		return
	}
	if nobody(m) {
		a.answered(n, Answer{Wrong: ErrNobody.Error()})
		return
	}
	a.answered(n, readSingle(m))
}

// nobody reports whether the server says that a message had no listener.
func nobody(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

// readSingle reads an answer as terminal-if does.
func readSingle(m *nats.Msg) (a Answer) {
	a.Body, a.Message, a.Proof = m.Data, m.Header.Get(bus.HeaderError), m.Header.Get(bus.HeaderProof)
	if text := m.Header.Get(bus.HeaderErrorCode); text != "" {
		code, err := strconv.Atoi(text)
		if err != nil || code < 400 || code > 599 {
			a.Wrong = fmt.Sprintf("the header %s is %.20q, which is not a code from 400 to 599", bus.HeaderErrorCode, text)
		}
		a.Code = code
	}
	if text := m.Header.Get(bus.HeaderPosition); text != "" {
		a.Wrong = fmt.Sprintf("a service must not set the header %s; copy the updater's proof to %s", bus.HeaderPosition, bus.HeaderProof)
	}
	return a
}

// batched takes a batch of answers.
func (a *asker) batched(m *nats.Msg) {
	if nobody(m) {
		n, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 10, 64)
		if err == nil {
			a.answered(n, Answer{Wrong: ErrNobody.Error()})
		}
		return
	}
	var answers numbered[bus.Reply]
	if err := bus.Decode(m.Data, &answers); err != nil {
		a.stand.refused.add(fmt.Sprintf("a message on %s is not a batch of answers: %v", m.Subject, err))
		return
	}
	for _, one := range answers.Items {
		answer := Answer{Reply: one.Value}
		if code := answer.Code; code != 0 && (code < 400 || code > 599) {
			answer.Wrong = fmt.Sprintf("the code %d is not from 400 to 599", code)
		}
		a.answered(one.Number, answer)
	}
}

func (a *asker) answered(n uint64, answer Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	to, waits := a.waiting[n]
	switch {
	case waits:
		delete(a.waiting, n)
		a.late[n] = true
		to <- answer
	case a.late[n]:
		a.twice++
	}
}

// Request is a request in terminal-if's form, from the first terminal.
type Request struct {
	Operation string
	Body      []byte
	Counter   uint64 // the number of the agent's, or
	App       string // the application's own id
	Attempt   int
	Crashes   int
	Within    time.Duration
	Timer     *outbox.Due // not nil: the run of a timer
}

// Ticket is its ticket.
func (s *Stand) Ticket(r Request) string {
	if r.Timer != nil {
		return ""
	}
	return s.tickets.Issue(ticket.Ticket{
		Epoch: epoch, Service: s.options.Service, ID: s.id(r), Digest: ticket.DigestOf(s.options.Service, r.Operation, r.Body),
	})
}

func (s *Stand) id(r Request) bus.RequestID {
	if r.Timer != nil {
		return bus.RequestID{}
	}
	return bus.RequestID{Terminal: s.options.Terminals[0], Counter: r.Counter, App: r.App}
}

// Proven reports whether a proof is the updater's proof for a request.
func (s *Stand) Proven(r Request, proof string) error {
	asked, err := s.tickets.Read(s.options.Service, s.Ticket(r))
	if err == nil {
		_, err = s.tickets.Position(asked, proof)
	}
	return err
}

// Describe asks the program for its description.
func (s *Stand) Describe(ctx context.Context) (description.Description, error) {
	a := s.asker()
	if a == nil {
		return description.Description{}, ErrGone
	}
	return description.Ask(ctx, a.server.Conn, s.options.Service)
}

func (s *Stand) asker() *asker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Call sends a request, in the form that the program accepts, and waits for the answer, at most patience from the
// start of the request. Errors: ErrNobody, ErrNoAnswer, ErrGone, the context's.
func (s *Stand) Call(ctx context.Context, r Request, batches bool, patience time.Duration) (Answer, error) {
	a, p := s.asker(), s.Program()
	if a == nil || p == nil {
		return Answer{}, ErrGone
	}
	n, to, err := a.send(r, batches)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case answer := <-to:
		if answer.Wrong == ErrNobody.Error() {
			return Answer{}, fmt.Errorf("%s: %w", r.Operation, ErrNobody)
		}
		return answer, nil
	case <-p.Ended():
		select {
		case answer := <-to: // it was said before
			return answer, nil
		case <-time.After(afterwards):
		}
		err = fmt.Errorf("%w: %s", ErrGone, p.Exit())
	case <-timer.C:
		err = fmt.Errorf("%w within %s", ErrNoAnswer, patience)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	a.mu.Lock()
	delete(a.waiting, n)
	a.mu.Unlock()
	return Answer{}, err
}

// send sends a request.
func (a *asker) send(r Request, batches bool) (n uint64, to chan Answer, err error) {
	s := a.stand
	to = make(chan Answer, 1)
	a.mu.Lock()
	a.number++
	n = a.number
	a.waiting[n] = to
	a.mu.Unlock()
	q := bus.Request{
		ID: s.id(r), Attempt: max(1, r.Attempt), Crashes: r.Crashes, Epoch: epoch, Service: s.options.Service, Operation: r.Operation, Body: r.Body,
		Remaining: int64(r.Within), Ticket: s.Ticket(r), Timer: r.Timer,
	}
	var m *nats.Msg
	if batches {
		m = nats.NewMsg(bus.BatchSubject(q.Service))
		m.Reply = bus.AnswersPrefix(q.Service) + ".check." + strconv.FormatUint(n, 10)
		m.Data, err = bus.Encode(numbered[bus.Request]{Items: []item[bus.Request]{{n, q}}})
	} else {
		m = nats.NewMsg(bus.BusinessSubject(q.Service, q.Operation))
		m.Reply, m.Data = prefix+strconv.FormatUint(n, 10), q.Body
		headers(m.Header, q)
	}
	if err == nil {
		err = a.server.Conn.PublishMsg(m)
	}
	return n, to, err
}

// headers are those of a request that is a message of its own.
func headers(h nats.Header, q bus.Request) {
	switch {
	case q.Timer != nil:
		h.Set(outbox.HeaderTimer, q.Timer.String())
	case q.ID.App != "":
		h.Set(bus.HeaderRequestID, q.ID.App)
	default:
		h.Set(bus.HeaderCounter, strconv.FormatUint(q.ID.Counter, 10))
	}
	if q.Timer == nil {
		h.Set(bus.HeaderTerminal, q.ID.Terminal)
		h.Set(bus.HeaderTicket, q.Ticket)
	}
	h.Set(bus.HeaderAttempt, strconv.Itoa(q.Attempt))
	h.Set(bus.HeaderEpoch, strconv.FormatUint(q.Epoch, 10))
	h.Set(bus.HeaderDeadline, strconv.FormatInt(max(1, time.Duration(q.Remaining).Milliseconds()), 10)+"ms")
}

// Twice counts second answers to requests, after waiting for those in flight.
func (s *Stand) Twice(ctx context.Context) int {
	a := s.asker()
	if a == nil {
		return 0
	}
	timer := time.NewTimer(afterwards)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.twice
}
