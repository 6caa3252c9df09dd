package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// request is one call of an application.
type request struct {
	service, operation string
	body               any
	id                 string // the application's own; "" for none: sent once
	reads              bool
}

// answer is a definite outcome, or says that there is none.
type answer struct {
	code     int // 0: done
	message  string
	body     []byte
	position position.Position // zero when nothing was written
	outcome  outcome
}

// outcome says what is known of a call.
type outcome int

const (
	definite outcome = iota
	never            // it was not executed and never will be
	unknown          // it may have been executed, or may be later
)

// client is one application at a terminal: a plain NATS client of its agent.
type client struct {
	name     string // unique in the pair; the start of its ids
	conn     *nats.Conn
	deadline time.Duration // of one attempt
	last     uint64
	calls    *atomic.Int64
}

func (c *client) close() { c.conn.Close() }

// newID makes the id of a request that may be repeated.
func (c *client) newID() string {
	c.last++
	return fmt.Sprintf("%s/%s-%d", time.Now().UTC().Format(time.RFC3339), c.name, c.last)
}

// again is the pause before a call is repeated, and that of an application which has lost its agent.
const again = 20 * time.Millisecond

// Dial connects an application to the agent at an address. The connection is kept and renewed, as an application's would be.
func Dial(name, address string, dialer nats.CustomDialer) (*nats.Conn, error) {
	conn, err := nats.Connect("nats://"+address, nats.Name(name), nats.SetCustomDialer(dialer),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(again))
	if err != nil {
		return nil, fmt.Errorf("connect to terminal at %s: %w", address, err)
	}
	return conn, nil
}

// do makes a call. A call with an id, and a read, is repeated until its outcome is definite or ctx ends. Any other is
// sent once, and again only while it was certainly not executed.
func (c *client) do(ctx context.Context, r request) answer {
	repeatable := r.id != "" || r.reads
	faults := 0
	last := answer{outcome: never}
	for {
		a := c.send(ctx, r)
		c.calls.Add(1)
		switch {
		case a.outcome == definite && a.code == bus.CodeFault:
			// The answer may have come after a crash within the call. It is recorded only after the third.
			faults++
			a.outcome = unknown
			if !repeatable || faults > 3 {
				return a
			}
		case a.outcome == definite:
			return a
		case a.outcome == unknown && !repeatable:
			return a
		}
		if a.outcome == unknown {
			last = a
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(again):
		}
	}
}

// send makes one attempt.
func (c *client) send(ctx context.Context, r request) answer {
	// The agent's own answer comes first when it is alive.
	ctx, cancel := context.WithTimeout(ctx, c.deadline+time.Second)
	defer cancel()
	m := nats.NewMsg("request." + r.service + "." + r.operation)
	var err error
	if m.Data, err = json.Marshal(r.body); err != nil {
		return answer{outcome: never, message: err.Error()}
	}
	m.Header.Set(bus.HeaderDeadline, c.deadline.String())
	if r.id != "" {
		m.Header.Set(bus.HeaderRequestID, r.id)
	}
	if !c.conn.IsConnected() {
		return answer{outcome: never, message: "no agent"}
	}
	reply, err := c.conn.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return answer{outcome: never, message: err.Error()}
	case err != nil:
		return answer{outcome: unknown, message: err.Error()}
	}
	return read(reply)
}

// read parses an answer.
func read(m *nats.Msg) answer {
	a := answer{body: m.Data, message: m.Header.Get(bus.HeaderError)}
	var err error
	if code := m.Header.Get(bus.HeaderErrorCode); code != "" {
		if a.code, err = strconv.Atoi(code); err != nil {
			return answer{outcome: unknown, message: "error code " + code}
		}
	}
	if at := m.Header.Get(bus.HeaderPosition); at != "" {
		if a.position, err = position.Parse(at); err != nil {
			return answer{outcome: unknown, message: err.Error()}
		}
	}
	switch a.code {
	case bus.CodeNobody, bus.CodeOverloaded:
		a.outcome = never
	case bus.CodeUnknown:
		a.outcome = unknown
	}
	return a
}
