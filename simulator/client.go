package simulator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// errUnsettled says that the outcome of a call stayed unknown for too long.
var errUnsettled = errors.New("outcome unknown")

const (
	// again is the pause before a call is repeated: the agent has already waited long when it gives up.
	again = 20 * time.Millisecond
	// overtime is how much longer than the agent a client waits, so that the agent's own answer comes first.
	overtime = 2 * time.Second
	// faults is how often an internal fault is repeated before it is recorded as the answer.
	faults = 3
)

// client is one application at a terminal: a plain NATS client of its agent.
type client struct {
	conn     *nats.Conn
	terminal int // index
	deadline time.Duration
	recorder *recorder
	queued   *queued // nil: nothing is queued
}

// connectClient connects to an agent. Like an application, the client keeps the connection.
func connectClient(address string, terminal int, deadline time.Duration, r *recorder) (*client, error) {
	conn, err := nats.Connect(address, nats.Name("hotpair simulate"), nats.MaxReconnects(-1), nats.ReconnectWait(again))
	if err != nil {
		return nil, fmt.Errorf("connect to terminal at %s: %w", address, err)
	}
	return &client{conn: conn, terminal: terminal, deadline: deadline, recorder: r}, nil
}

func (c *client) close() { c.conn.Close() }

// do makes a call and repeats it, with the same id, until its outcome is definite. A write without an id is sent
// once. Error: errUnsettled, if ctx ended before.
func (c *client) do(ctx context.Context, request call, counted bool) (answer, error) {
	began := time.Now()
	if counted {
		c.recorder.begin(c.terminal, began)
	}
	a, err := c.settle(ctx, request)
	if counted {
		c.recorder.end(c.terminal, began, time.Now(), a, err)
	}
	return a, err
}

func (c *client) settle(ctx context.Context, request call) (answer, error) {
	repeatable := request.id != "" || request.reads()
	faulty := 0
	for {
		a, err := c.send(ctx, request)
		executed := true // perhaps
		switch {
		case errors.Is(err, errUnsettled): // a repeat returns the same
			return answer{}, err
		case errors.Is(err, nats.ErrNoResponders):
			c.recorder.problem("no agent")
			executed = false
		case err != nil:
			c.recorder.problem("no answer")
		case a.ok(), a.code == bus.CodeAbsent && request.reads():
			return a, nil
		default:
			c.recorder.problem(strconv.Itoa(a.code))
			if a.code == bus.CodeFault {
				faulty++
			}
			executed = a.code != bus.CodeNobody && a.code != bus.CodeOverloaded && a.code != bus.CodeFull
			if executed && a.code != bus.CodeUnknown && (a.code != bus.CodeFault || faulty > faults) {
				return a, nil
			}
		}
		if executed && !repeatable {
			return answer{}, fmt.Errorf("%w: %s", errUnsettled, request)
		}
		select {
		case <-ctx.Done():
			return answer{}, fmt.Errorf("%w: %s", errUnsettled, request)
		case <-time.After(again):
		}
	}
}

// send makes one attempt.
func (c *client) send(ctx context.Context, request call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.deadline+overtime)
	defer cancel()
	if c.queued != nil && request.id != "" {
		return c.enqueue(ctx, request)
	}
	m := nats.NewMsg(request.subject())
	m.Data = request.body
	m.Header.Set(bus.HeaderDeadline, c.deadline.String())
	if request.id != "" {
		m.Header.Set(bus.HeaderRequestID, request.id)
	}
	reply, err := c.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return answer{}, err
	}
	return read(reply)
}

// read parses an answer.
func read(m *nats.Msg) (answer, error) {
	a := answer{body: m.Data, message: m.Header.Get(bus.HeaderError)}
	if code := m.Header.Get(bus.HeaderErrorCode); code != "" {
		number, err := strconv.Atoi(code)
		if err != nil || number == 0 {
			return answer{}, fmt.Errorf("error code %q", code)
		}
		a.code = number
	}
	if at := m.Header.Get(bus.HeaderPosition); at != "" {
		p, err := position.Parse(at)
		if err != nil {
			return answer{}, fmt.Errorf("%s: %w", bus.HeaderPosition, err)
		}
		a.position = p
	}
	return a, nil
}

func (c call) reads() bool {
	switch c.operation {
	case "get", "list", "balance", "total", "look":
		return true
	}
	return false
}
