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
)

const (
	// maxBody bounds the body of a request, in bytes.
	maxBody = 1 << 20
	// maxMessage bounds a message of an application at the server, with its headers, in bytes: it ends the connection before
	// it is read.
	maxMessage = maxBody + 64<<10
	// maxCode bounds the code of a receipt that is kept, in bytes.
	maxCode = 256
	// busyPause is about how long a request that must not be given up waits when the host is busy.
	busyPause = 20 * time.Millisecond
)

// request takes a request of an application. It runs on one goroutine, so counters rise in the order of arrival.
func (a *Agent) request(m *nats.Msg) {
	a.flood.read(m)
	if !strings.HasPrefix(m.Reply, inboxPrefix) {
		a.log.Warn("a request that names no inbox for its answer was dropped, not executed: applications ask with request, not with publish",
			"subject", cut(m.Subject), "so_far", a.dropped.Add(1))
		return
	}
	now := time.Now()
	e, code, fault := a.read(m, now)
	if fault != "" {
		a.refuse([]string{m.Reply}, code, fault)
		return
	}
	if e.id.App == "" {
		for {
			counter, more := a.counters.take()
			if more == nil {
				e.id.Counter = counter
				break
			}
			// Only a disk slower than half a block of counters, or one that has failed, brings us here.
			select {
			case <-more:
			case <-a.hosts.Up().Done():
				return
			}
		}
	}
	a.pace.Note(now)
	admission, out := a.table.admit(e, func() { a.expire(e) })
	switch admission {
	case refusedBusy:
		a.refuse(e.replies, bus.CodeBusy, busySentence)
	case refusedOther:
		a.refuse(e.replies, bus.CodeConflict, "another request with this "+bus.HeaderRequestID+" is waiting; this one was not executed. Give each request an id of its own")
	case refusedEnd:
		a.refuse(e.replies, bus.CodeNobody, "this terminal's agent is stopping; not executed")
	}
	a.send(out)
}

// busySentence is said when no more requests may wait, in all or of one application.
const busySentence = "this terminal has too many requests waiting; not executed"

// application names who asked by the inbox in which it takes its answers: NATS clients make one up for each connection.
func application(inbox string) string {
	rest := inbox[len(inboxPrefix):]
	if i := strings.IndexByte(rest, '.'); i >= 0 {
		return rest[:i]
	}
	return rest
}

// cut shortens what somebody else said for the log.
func cut(text string) string { return fmt.Sprintf("%.100s", text) }

// read checks a request as services/terminalif/DESIGN.md has it: subject, id, deadline, body.
func (a *Agent) read(m *nats.Msg, now time.Time) (*entry, int, string) {
	parts := strings.Split(m.Subject, ".")
	if len(parts) != 3 || !bus.ValidName(parts[1]) || !bus.ValidName(parts[2]) {
		return nil, bus.CodeMalformed, "the subject is not request.<service>.<operation>"
	}
	app := application(m.Reply)
	if a.table.full(app, len(m.Data)) {
		return nil, bus.CodeBusy, busySentence
	}
	if len(m.Data) > maxBody {
		return nil, bus.CodeTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are taken", len(m.Data), maxBody)
	}
	if err := strictjson.Check(m.Data); err != nil {
		return nil, bus.CodeMalformed, "the body: " + err.Error()
	}
	if stray := bus.StrayHeader(m.Header, bus.HeaderRequestID, bus.HeaderDeadline); stray != "" {
		return nil, bus.CodeMalformed, stray
	}
	id := m.Header.Get(bus.HeaderRequestID)
	if _, given := m.Header[bus.HeaderRequestID]; given {
		if _, err := requestid.Issued(id); err != nil {
			return nil, bus.CodeMalformed, bus.HeaderRequestID + ": " + err.Error()
		}
	}
	within := a.config.Deadline
	if text := m.Header.Get(bus.HeaderDeadline); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > a.config.MaxDeadline {
			return nil, bus.CodeMalformed, fmt.Sprintf("%s is not a duration up to %s", bus.HeaderDeadline, a.config.MaxDeadline)
		}
		within = d
	}
	return &entry{
		id: bus.RequestID{App: id}, app: app, service: parts[1], operation: parts[2], body: m.Data,
		arrived: now, deadline: now.Add(within), replies: []string{m.Reply},
	}, 0, ""
}

// send hands requests to their sessions. Never called under the table's lock: an answer may come before it returns.
func (a *Agent) send(out []sending) {
	for _, s := range out {
		s.session.caller.Go(s.request, func(reply bus.Reply, err error) { a.settled(s, reply, err) })
	}
}

// settled takes what a session answered.
func (a *Agent) settled(s sending, reply bus.Reply, err error) {
	outcome, replies := a.table.settle(s, reply, err)
	switch outcome {
	case later:
		pause := busyPause/2 + rand.N(busyPause)
		time.AfterFunc(pause, func() { a.send(a.table.repeat(s.entry)) })
	case kept:
		if err != nil && !errors.Is(err, bus.ErrNobody) && !errors.Is(err, bus.ErrDisconnected) {
			a.log.Warn("a host's answer is unreadable; its requests wait for the next attach", "active", s.session.host, "error", err)
		}
	case answered:
		if !reply.Position.IsZero() {
			receipt := bus.Receipt{Counter: s.request.ID.Counter, App: s.request.ID.App, Position: reply.Position}
			if len(reply.Receipt) <= maxCode {
				receipt.Code = reply.Receipt
			}
			a.receipts.add(receipt)
		}
		a.answer(replies, reply)
	}
}

// expire ends a request whose deadline has passed.
func (a *Agent) expire(e *entry) {
	given, relayed, replies := a.table.expire(e)
	switch {
	case !given:
	case relayed:
		a.refuse(replies, bus.CodeUnknown, "no answer before the deadline, the outcome is unknown; repeat with the same "+bus.HeaderRequestID)
	default:
		a.refuse(replies, bus.CodeNobody, "no host served this terminal before the deadline; not executed")
	}
}

func (a *Agent) refuse(replies []string, code int, sentence string) {
	a.answer(replies, bus.Reply{Code: code, Message: sentence})
}

// answer gives applications the answer, in the form of NATS services.
func (a *Agent) answer(replies []string, reply bus.Reply) {
	for _, subject := range replies {
		m := &nats.Msg{Subject: subject, Data: reply.Body}
		if !reply.Position.IsZero() || reply.Code != bus.CodeOK {
			m.Header = nats.Header{}
		}
		if !reply.Position.IsZero() {
			m.Header.Set(bus.HeaderPosition, reply.Position.String())
		}
		if reply.Code != bus.CodeOK {
			m.Header.Set(bus.HeaderErrorCode, strconv.Itoa(reply.Code))
			m.Header.Set(bus.HeaderError, oneLine(reply.Message))
		}
		// An error says that the agent ends, or that its own connection was lost and is made anew, as it has told: the
		// application repeats.
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
