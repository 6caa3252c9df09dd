package bus

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/fault"
)

// Endpoint is one call between processes or hosts: where it is asked, what is asked and what is answered. Both sides use
// the same Endpoint, so they can't differ.
//
// An answer may come with an error: a code and a sentence in the headers of the NATS service convention, which come out as
// the same sentinel (package fault). The answer beside it says what is known all the same, like the position at which an
// order was given up.
type Endpoint[Q, A any] struct {
	subject string
	process string // that answers; empty when it is another host's
	binary  bool
}

// Call makes an endpoint that speaks JSON, which people read when they look for a fault.
func Call[Q, A any](subject string) Endpoint[Q, A] { return Endpoint[Q, A]{subject: subject} }

// BinaryCall makes an endpoint that speaks CBOR behind a version byte, for what is much.
func BinaryCall[Q, A any](subject string) Endpoint[Q, A] {
	return Endpoint[Q, A]{subject: subject, binary: true}
}

// Order makes the endpoint of an order of main to a process of its host.
func Order[Q, A any](process, name string) Endpoint[Q, A] {
	return Endpoint[Q, A]{subject: "control." + process + "." + name, process: process}
}

// Question makes the endpoint of a question of main to a process of its host: nobody's role depends on the answer, and it may
// be much, so it goes another way than orders.
func Question[Q, A any](process, name string) Endpoint[Q, A] {
	return Endpoint[Q, A]{subject: "question." + process + "." + name, process: process}
}

// Subject is where the call is asked.
func (e Endpoint[Q, A]) Subject() string { return e.subject }

// Asker sends a message and waits for one reply, as Conn does.
type Asker interface {
	Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error)
}

// Ask asks and waits. Errors: those of Conn.Request, ErrMalformed and ErrVersion for an answer that can't be read, and whatever
// the other side answered with, beside which there may be an answer.
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

// read gives what a reply says.
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

// reply makes what an answer and an error say.
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
