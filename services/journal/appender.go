package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
)

// Appender appends to a stream over one connection, and finds out whether the stream lives while an acknowledgement is late.
//
// The server does not answer a message whose write has failed. But it takes messages of one connection in order and answers
// in order, and refuses a wrong sequence before it writes. So a message that must be refused, sent behind, tells a
// dead stream from a slow disk: when the refusal comes and the acknowledgement has not, it never will.
//
// That holds for what is sent in order and read in order, so one goroutine sends both, the question only after the message, and
// reads both from one place. A question that overtook its message, or an acknowledgement that waited for a goroutine, would condemn a
// healthy journal on a machine that is busy enough.
type Appender struct {
	subject string
	inbox   string
	wire    wire
	answers <-chan *nats.Msg
	stop    func() error
	one     *semaphore.Weighted // message at a time
	number  uint64
}

// wire is what an appender needs of its connection.
type wire interface {
	PublishMsg(m *nats.Msg) error
	Up() context.Context
}

// NewAppender makes an appender to a subject that a stream takes. Close ends it, or the end of the connection does.
func NewAppender(conn *bus.Conn, subject string) (*Appender, error) {
	answers := make(chan *nats.Msg, answersWait)
	inbox := conn.NewInbox()
	sub, err := conn.ChanSubscribe(inbox+".*", answers)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	return newAppender(conn, subject, inbox, answers, sub.Unsubscribe), nil
}

func newAppender(wire wire, subject, inbox string, answers <-chan *nats.Msg, stop func() error) *Appender {
	return &Appender{subject: subject, inbox: inbox, wire: wire, answers: answers, stop: stop, one: semaphore.NewWeighted(1)}
}

// Close ends the appender. Its connection stays open.
func (a *Appender) Close() { _ = a.stop() }

// Append appends one message after the stream sequence last and returns its own when it is durable. It is never tried a
// second time here. The error is ErrWrongLast, ErrStoreFailed, errSwallowed, or that of the connection or of ctx.
func (a *Appender) Append(ctx context.Context, last uint64, raw []byte) (uint64, error) {
	if err := Acquire(ctx, a.one); err != nil {
		return 0, err
	}
	defer a.one.Release(1)
	up := a.wire.Up()
	a.number++
	number := strconv.FormatUint(a.number, 10)
	ofMessage, ofQuestion := a.inbox+".m"+number, a.inbox+".q"+number
	if err := a.send(last, raw, ofMessage); err != nil {
		return 0, err
	}
	// The message has left: the time that it takes begins now.
	ask := time.NewTimer(askAfter)
	defer ask.Stop()
	for {
		select {
		case m := <-a.answers:
			switch {
			case m.Subject != ofMessage && m.Subject != ofQuestion: // of one that was given up
			case m.Header.Get("Status") == "503":
				return 0, fmt.Errorf("%s: %w", a.subject, bus.ErrNobody)
			case m.Subject == ofMessage:
				return acknowledged(m.Data)
			default:
				// Anything but the refusal that was meant says nothing of the message; it is asked again.
				if _, err := acknowledged(m.Data); errors.Is(err, ErrWrongLast) {
					return 0, errSwallowed
				}
			}
		case <-ask.C:
			if err := a.send(math.MaxUint64, nil, ofQuestion); err != nil {
				return 0, err
			}
			ask.Reset(askAgain)
		case <-up.Done():
			return 0, fmt.Errorf("%s: %w", a.subject, context.Cause(up))
		case <-ctx.Done():
			return 0, fmt.Errorf("%s: %w", a.subject, ctx.Err())
		}
	}
}

// send sends what is taken only behind the stream sequence last.
func (a *Appender) send(last uint64, raw []byte, reply string) error {
	m := &nats.Msg{Subject: a.subject, Reply: reply, Data: raw, Header: nats.Header{}}
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(last, 10))
	if err := a.wire.PublishMsg(m); err != nil {
		return fmt.Errorf("%s: %w: %w", a.subject, bus.ErrDisconnected, err)
	}
	return nil
}
