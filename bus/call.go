package bus

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/fault"
)

// Endpoint is one call between processes or hosts: its subject and the types of its request and its answer. Both sides
// use the same Endpoint, so they can't differ.
//
// An answer may come with an error: a code and a sentence in the headers of the NATS service convention, which come out
// as the same sentinel (package fault). The answer beside it still holds what is known, like the position at which an
// order failed.
type Endpoint[Q, A any] struct {
	subject string
	process string // that answers; empty when it is another host's
	binary  bool
}

// Call returns an endpoint that uses JSON, which people can read when they look for a fault.
func Call[Q, A any](subject string) Endpoint[Q, A] { return Endpoint[Q, A]{subject: subject} }

// BinaryCall returns an endpoint that uses CBOR after a version byte, for large messages.
func BinaryCall[Q, A any](subject string) Endpoint[Q, A] {
	return Endpoint[Q, A]{subject: subject, binary: true}
}

// Order returns the endpoint of an order of main to a process of its host.
func Order[Q, A any](process, name string) Endpoint[Q, A] {
	return Endpoint[Q, A]{subject: "control." + process + "." + name, process: process}
}

// Question returns the endpoint of a question of main to a process of its host: no role depends on the answer, and it
// may be large, so it uses another connection than orders.
func Question[Q, A any](process, name string) Endpoint[Q, A] {
	return Endpoint[Q, A]{subject: "question." + process + "." + name, process: process}
}

// Subject is the subject of the call.
func (e Endpoint[Q, A]) Subject() string { return e.subject }

// Asker sends a message and waits for one reply, as Conn does.
type Asker interface {
	Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error)
}

// Ask sends the request and waits for the answer. Errors: those of Conn.Request, ErrMalformed and ErrVersion for an
// unreadable answer, and the error that the other side answered with, beside which there may be an answer.
func (e Endpoint[Q, A]) Ask(ctx context.Context, conn Asker, q Q) (A, error) {
	var none A
	data, err := e.encode(q)
	if err != nil {
		return none, err
	}
	m, err := conn.Request(ctx, e.subject, data)
	if err != nil {
		return none, err
	}
	return e.read(m)
}

// read decodes a reply.
func (e Endpoint[Q, A]) read(m *nats.Msg) (answer A, err error) {
	if codes := m.Header.Get(HeaderErrorCode); codes != "" {
		err = fault.From(strings.Split(codes, ","), m.Header.Get(HeaderError))
		if len(m.Data) > 0 && e.decode(m.Data, &answer) != nil {
			var none A
			answer = none // the error says more than an answer that can't be read
		}
		return answer, err
	}
	if err := e.decode(m.Data, &answer); err != nil {
		var none A
		return none, fmt.Errorf("%s: answer: %w", e.subject, err)
	}
	return answer, nil
}

// reply encodes an answer and an error.
func (e Endpoint[Q, A]) reply(answer A, err error) *nats.Msg {
	data, encoding := e.encode(answer)
	if err == nil {
		err = encoding
	}
	m := &nats.Msg{Data: data}
	if err != nil {
		m.Header = nats.Header{
			HeaderErrorCode: []string{strings.Join(fault.Codes(err), ",")},
			HeaderError:     []string{fault.Text(err)},
		}
	}
	return m
}

func (e Endpoint[Q, A]) encode(v any) ([]byte, error) {
	if e.binary {
		return Encode(v)
	}
	return EncodeJSON(v), nil
}

func (e Endpoint[Q, A]) decode(data []byte, into any) error {
	if e.binary {
		return Decode(data, into)
	}
	return DecodeJSON(data, into)
}
