package business

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/level"
)

// register makes the process a NATS service: discovery, statistics, and one endpoint for each operation, for single
// requests. The metadata tells terminal-if that it may send batches instead, and which levels the runtime supports.
func register(ctx context.Context, conn *bus.Conn, r *requests) (micro.Service, error) {
	service, err := micro.AddService(conn.Conn, micro.Config{
		Name:        r.service.Name,
		Version:     r.service.Version,
		Description: r.service.Description,
		Metadata:    map[string]string{"packs": "1", "levels": level.Own().String()},
		StatsHandler: func(e *micro.Endpoint) any {
			return r.counts[e.Name].statistics()
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrService, r.service.Name, err)
	}
	for _, operation := range r.service.names() {
		handler := micro.HandlerFunc(func(m micro.Request) { takeSingle(ctx, conn, r, operation, m) })
		subject := bus.BusinessSubject(r.service.Name, operation)
		if err := service.AddEndpoint(operation, handler, micro.WithEndpointSubject(subject), micro.WithEndpointPendingLimits(-1, -1)); err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s: %w", subject, err), service.Stop())
		}
	}
	return service, nil
}

// takeSingle serves a request that came as one message. The reply is published by ourselves, not by m: micro looks at
// m when this function has returned, which is long before the reply.
func takeSingle(ctx context.Context, conn *bus.Conn, r *requests, operation string, m micro.Request) {
	to := m.Reply()
	q, err := singleRequest(r.service.Name, operation, nats.Header(m.Headers()), m.Data())
	if err != nil {
		respond(conn, r, to, failed(err).reply())
		return
	}
	r.take(ctx, q, func(reply bus.Reply) { respond(conn, r, to, reply) })
}

// singleRequest reads headers and body. What is not there is zero; what is there and can't be read is refused.
func singleRequest(service, operation string, h nats.Header, body []byte) (bus.Request, *Error) {
	q := bus.Request{Service: service, Operation: operation, Body: body}
	if stray := bus.StrayHeader(h, requestHeaders()...); stray != "" {
		return q, Malformed("%s", stray)
	}
	if text := h.Get(outbox.HeaderTimer); text != "" {
		due, err := outbox.ParseDue(text)
		if err != nil {
			return q, Malformed("%v", err)
		}
		q.Timer = &due
	}
	q.ID = bus.RequestID{Terminal: h.Get(bus.HeaderTerminal), App: h.Get(bus.HeaderRequestID)}
	q.Ticket = h.Get(bus.HeaderTicket)
	for _, number := range []struct {
		header string
		into   *uint64
	}{{bus.HeaderCounter, &q.ID.Counter}, {bus.HeaderEpoch, &q.Epoch}} {
		if err := parseNumber(h, number.header, number.into); err != nil {
			return q, err
		}
	}
	var attempt uint64
	if err := parseNumber(h, bus.HeaderAttempt, &attempt); err != nil {
		return q, err
	}
	q.Attempt = int(min(attempt, 1<<30))
	if text := h.Get(bus.HeaderDeadline); text != "" {
		limit, err := time.ParseDuration(text)
		if err != nil || limit <= 0 {
			return q, Malformed("header %s: %q is not a duration like 30s", bus.HeaderDeadline, text)
		}
		q.Remaining = int64(limit)
	}
	if q.ID != (bus.RequestID{}) && q.ID.Terminal == "" {
		return q, Malformed("header %s is missing: an id needs its terminal", bus.HeaderTerminal)
	}
	return q, nil
}

// requestHeaders are those of ours that a request may have.
func requestHeaders() []string {
	return []string{bus.HeaderTerminal, bus.HeaderCounter, bus.HeaderRequestID, bus.HeaderTicket, bus.HeaderAttempt, bus.HeaderEpoch, bus.HeaderDeadline, outbox.HeaderTimer}
}

func parseNumber(h nats.Header, header string, into *uint64) *Error {
	text := h.Get(header)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return Malformed("header %s: %q is not a number", header, text)
	}
	*into = n
	return nil
}

// respond sends a reply as one message: the body, and the other fields in headers.
func respond(conn *bus.Conn, r *requests, to string, reply bus.Reply) {
	if to == "" {
		r.log.Warn("A request without a reply subject was executed; its answer was dropped")
		return
	}
	m := nats.NewMsg(to)
	m.Data = reply.Body
	if reply.Code != bus.CodeOK {
		m.Header.Set(bus.HeaderErrorCode, strconv.Itoa(reply.Code))
		m.Header.Set(bus.HeaderError, reply.Message)
	}
	if reply.Proof != "" {
		m.Header.Set(bus.HeaderProof, reply.Proof)
	}
	if err := conn.PublishMsg(m); err != nil {
		r.log.Warn("Reply could not be sent", "error", err)
	}
}
