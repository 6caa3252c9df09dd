package terminal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/requestid"
	"github.com/hotpair/hotpair/services/strictjson"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/services/terminal/web"
)

const (
	maxBody = web.MaxBody
	// maxMessage bounds a message of an application at the server, with its headers, in bytes: it ends the connection before
	// it is read.
	maxMessage = maxBody + 64<<10
	// maxCode bounds the code of a receipt that is kept, in bytes.
	maxCode = 256
	// overloadedPause is about how long a request that must not be dropped waits when the host is overloaded.
	overloadedPause = 20 * time.Millisecond
)

// question is a request of an application, as received.
type question struct {
	app                string // the application
	service, operation string
	header             nats.Header
	body               []byte
}

// asker is an application that waits for an answer: at an inbox, or over HTTP, where take gets the answer. take must
// not block.
type asker struct {
	inbox string
	take  func(bus.Reply)
}

// request takes a request of an application. It runs on one goroutine.
func (a *Agent) request(m *nats.Msg) {
	a.flood.read(m)
	if !strings.HasPrefix(m.Reply, inboxPrefix) {
		a.log.Warn("a request without a reply subject was dropped, not executed: applications must use request, not publish",
			"subject", cut(m.Subject), "so_far", a.dropped.Add(1))
		return
	}
	by := asker{inbox: m.Reply}
	a.ask(questionOf(m), by)
}

// questionOf is the question in a message; one of another subject names no service.
func questionOf(m *nats.Msg) question {
	q := question{app: application(m.Reply), header: m.Header, body: m.Data}
	if parts := strings.Split(m.Subject, "."); len(parts) == 3 {
		q.service, q.operation = parts[1], parts[2]
	}
	return q
}

// ask takes a request, over NATS or HTTP: it is answered, or sent.
func (a *Agent) ask(q question, by asker) {
	if isQueued(q) {
		a.enqueue(q, by)
		return
	}
	now := time.Now()
	e, code, fault := a.read(q, now)
	if fault != "" {
		a.refuse([]asker{by}, code, fault)
		return
	}
	e.replies = []asker{by}
	a.wait(e)
	admission, out := a.admit(e)
	if admission != admitted {
		e.over()
	}
	switch admission {
	case refusedOverloaded:
		a.refuse(e.replies, bus.CodeOverloaded, tooManyWaiting)
	case refusedOther:
		a.refuse(e.replies, bus.CodeConflict, "another request with this "+bus.HeaderRequestID+" is waiting; this one was not executed. Give each request its own id")
	case refusedEnd:
		a.refuse(e.replies, bus.CodeNobody, "this terminal's agent is stopping; not executed")
	}
	a.send(out)
}

// admit gives a request its number, if it has no id of its own, and adds it: one at a time, so that numbers rise in
// the order of arrival.
func (a *Agent) admit(e *entry) (admission, []sending) {
	a.numbering.Lock()
	defer a.numbering.Unlock()
	for e.id.App == "" {
		counter, more := a.counters.take()
		if more == nil {
			e.id.Counter = counter
			break
		}
		// Only a disk slower than half a block of counters, or a failed one, leads here.
		select {
		case <-more:
		case <-a.hosts.Up().Done():
			return refusedEnd, nil
		}
	}
	a.pace.Note(e.arrived)
	return a.table.admit(e, func() { a.expire(e) })
}

// strangeSubject is the answer to a subject that names no operation of a service.
const strangeSubject = "the subject is not request.<service>.<operation>"

// tooManyWaiting is the answer when no more requests may wait, in total or of one application.
const tooManyWaiting = "too many requests are waiting at this terminal; not executed"

// application names the application by the inbox of its answers: NATS clients make one for each connection.
func application(inbox string) string {
	rest := inbox[len(inboxPrefix):]
	if i := strings.IndexByte(rest, '.'); i >= 0 {
		return rest[:i]
	}
	return rest
}

// cut shortens foreign text for the log.
func cut(text string) string { return fmt.Sprintf("%.100s", text) }

// sound checks subject and body.
func sound(q question) (int, string) {
	if !bus.ValidName(q.service) || !bus.ValidName(q.operation) {
		return bus.CodeMalformed, strangeSubject
	}
	if len(q.body) > maxBody {
		return bus.CodeTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are allowed", len(q.body), maxBody)
	}
	if err := strictjson.Check(q.body); err != nil {
		return bus.CodeMalformed, "the body: " + err.Error()
	}
	return 0, ""
}

// read checks a request as services/terminalif/DESIGN.md has it: subject, id, deadline, body.
func (a *Agent) read(q question, now time.Time) (*entry, int, string) {
	if a.table.full(q.header.Get(bus.HeaderRequestID), q.app, len(q.body)) {
		return nil, bus.CodeOverloaded, tooManyWaiting
	}
	if code, fault := sound(q); fault != "" {
		return nil, code, fault
	}
	if _, given := q.header[bus.HeaderQueueKey]; given {
		return nil, bus.CodeMalformed, queue.KeyAlone
	}
	if stray := bus.StrayHeader(q.header, bus.HeaderRequestID, bus.HeaderDeadline, bus.HeaderQueue, bus.HeaderLane); stray != "" {
		return nil, bus.CodeMalformed, stray
	}
	lane, said := queue.Name(q.header, bus.HeaderLane)
	if said != "" {
		return nil, bus.CodeMalformed, said
	}
	id := q.header.Get(bus.HeaderRequestID)
	if _, given := q.header[bus.HeaderRequestID]; given {
		if _, err := requestid.Issued(id); err != nil {
			return nil, bus.CodeMalformed, bus.HeaderRequestID + ": " + err.Error()
		}
	}
	within := a.config.Deadline
	if text := q.header.Get(bus.HeaderDeadline); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > a.config.MaxDeadline {
			return nil, bus.CodeMalformed, fmt.Sprintf("%s: %.40q is not a duration up to %s; write 5s, or 1m30s", bus.HeaderDeadline, text, a.config.MaxDeadline)
		}
		within = d
	}
	return &entry{
		id: bus.RequestID{App: id}, app: q.app, service: q.service, operation: q.operation, body: q.body,
		lane: lane, arrived: now, deadline: now.Add(within),
	}, 0, ""
}

// send hands requests to their sessions. Never called under the table's lock: an answer may come before it returns.
func (a *Agent) send(out []sending) {
	for _, s := range out {
		s.session.caller.Go(s.request, func(reply bus.Reply, err error) { a.settled(s, reply, err) })
	}
}

// settled handles a session's answer.
func (a *Agent) settled(s sending, reply bus.Reply, err error) {
	outcome, replies := a.table.settle(s, reply, err)
	switch outcome {
	case later:
		pause := overloadedPause/2 + rand.N(overloadedPause)
		time.AfterFunc(pause, func() { a.send(a.table.repeat(s.entry)) })
	case kept:
		if err != nil && !errors.Is(err, bus.ErrNobody) && !errors.Is(err, bus.ErrDisconnected) {
			a.log.Warn("a host's answer is unreadable; its requests wait until a host attaches", "active", s.session.host, "error", err)
		}
	case answered:
		s.entry.over()
		if !reply.Position.IsZero() {
			receipt := bus.Receipt{Counter: s.request.ID.Counter, App: s.request.ID.App, Position: reply.Position}
			if len(reply.Receipt) <= maxCode {
				receipt.Code = reply.Receipt
			}
			a.receipts.Add(receipt)
		}
		a.answer(replies, reply)
	}
}

// expire ends a request whose deadline has passed.
func (a *Agent) expire(e *entry) {
	given, relayed, replies := a.table.expire(e)
	switch {
	case !given:
		return
	case relayed:
		a.refuse(replies, bus.CodeUnknown, "no answer before the deadline, the outcome is unknown; send it again with the same "+bus.HeaderRequestID)
	default:
		a.refuse(replies, bus.CodeNobody, "no host served this terminal before the deadline; not executed")
	}
	e.over()
}

func (a *Agent) refuse(replies []asker, code int, sentence string) {
	a.answer(replies, bus.Reply{Code: code, Message: sentence})
}

// answer gives applications the answer; over NATS in the form of NATS services.
func (a *Agent) answer(replies []asker, reply bus.Reply) {
	for _, to := range replies {
		a.answers.Count(reply.Code)
		if to.take != nil {
			to.take(reply)
			continue
		}
		m := &nats.Msg{Subject: to.inbox, Data: reply.Body}
		if !reply.Position.IsZero() || reply.Code != bus.CodeOK {
			m.Header = nats.Header{}
		}
		if !reply.Position.IsZero() {
			m.Header.Set(bus.HeaderPosition, reply.Position.String())
		}
		if reply.Code != bus.CodeOK && reply.Code != bus.CodeQueued {
			m.Header.Set(bus.HeaderErrorCode, strconv.Itoa(reply.Code))
			m.Header.Set(bus.HeaderError, oneLine(reply.Message))
		}
		// An error says that the agent ends, or that its own connection was lost and is being made again, which is
		// logged there: the application sends the request again.
		_ = a.apps.PublishMsg(m)
		a.unread.answered(len(reply.Body))
	}
}

// oneLine makes a sentence fit for a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
}
