package stand

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/jsonform"
	"github.com/hotpair/hotpair/services/traffic"
)

// mostCalls bounds the calls that are kept of a stand; what comes after them is passed on and not kept.
const mostCalls = 1 << 16

// Call is one call of the program to the updater.
type Call struct {
	bus.DatabaseCall
	Name    string // read, scan or commit
	Batched bool
	// Malformed is why it could not be read; then it has been refused.
	Malformed error

	mu       sync.Mutex
	executed bool // it has come to the updater, which has answered
	reply    bus.DatabaseReply
}

// Reply is what the updater has answered; ok is false when the call has not come to it.
func (c *Call) Reply() (reply bus.DatabaseReply, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply, c.executed
}

// Done reports whether it is a commit that took effect by this call.
func (c *Call) Done() bool {
	reply, ok := c.Reply()
	return ok && c.Commit != nil && reply.Code == bus.CodeOK && reply.Recorded == nil
}

// Writes reports whether it is a commit that changes something, or leaves something to be done.
func (c *Call) Writes() bool {
	return c.Commit != nil && (len(c.Commit.Operations) > 0 || !c.Commit.Outbox.IsZero())
}

// Fault is what becomes of a call. forward has the updater execute it and gives its answer, false when there is none; answer answers the
// program, at most once. Neither has to be called. Faults of several calls run at the same time.
type Fault func(c *Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply))

// honest passes on.
func honest(_ *Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
	if reply, ok := forward(); ok {
		answer(reply)
	}
}

// SetFault decides what becomes of calls from now on; nil passes them on.
func (s *Stand) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Calls are those that have come since Forget, in the order of their coming.
func (s *Stand) Calls() []*Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Call(nil), s.calls...)
}

// Forget has Calls begin anew.
func (s *Stand) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// between is the server that the program takes for the updater's.
type between struct {
	stand  *Stand
	server *traffic.Server
	life   context.Context
	end    context.CancelFunc
}

func openBetween(ctx context.Context, s *Stand) (*between, error) {
	server, err := traffic.ServeDatabase(ctx, s.plan.Database(), traffic.Environment{Log: s.refused.logger()})
	if err != nil {
		return nil, err
	}
	b := &between{stand: s, server: server}
	b.life, b.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := b.subscribe(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *between) subscribe() error {
	_, err := batch.NewResponder(b.server.Conn, bus.DatabaseSubject("*", "pack"), "", func(r bus.DatabaseReply) int { return 64 + len(r.Message) },
		func(c bus.DatabaseCall, _ string, answer func(bus.DatabaseReply)) {
			b.take(&Call{DatabaseCall: c, Name: nameOf(c), Batched: true}, answer)
		},
		func(m *nats.Msg, err error) {
			b.stand.refused.add(fmt.Sprintf("a message on %s is no batch: %v", m.Subject, err))
		}, b.toAsker)
	if err != nil {
		return err
	}
	for _, name := range []string{"read", "scan", "commit"} {
		_, err := b.server.Conn.Subscribe(bus.DatabaseSubject("*", name), func(m *nats.Msg) {
			if err := b.toAsker(m); err != nil {
				b.stand.refused.add(err.Error())
				return
			}
			call, write, err := jsonform.Read(name, m.Data)
			b.take(&Call{DatabaseCall: call, Name: name, Malformed: err}, func(r bus.DatabaseReply) {
				if data, err := write(r); err == nil {
					_ = m.Respond(data) // fails only when the server is being closed
				}
			})
		})
		if err != nil {
			return err
		}
	}
	return b.server.Conn.Flush()
}

// toAsker refuses what the updater would drop: a call whose answer would go to somebody else.
func (b *between) toAsker(m *nats.Msg) error {
	inbox := bus.InboxPrefix(bus.ProcessBusiness+"."+b.stand.options.Service) + "."
	if !strings.HasPrefix(m.Reply, inbox) {
		return fmt.Errorf("a call on %s asks for its answer at %q, which is not below HOTPAIR_BUS_INBOX: nobody is answered there", m.Subject, m.Reply)
	}
	return nil
}

func nameOf(c bus.DatabaseCall) string {
	switch {
	case c.Read != nil:
		return "read"
	case c.Scan != nil:
		return "scan"
	}
	return "commit"
}

// take decides what becomes of a call, apart from those that follow.
func (b *between) take(c *Call, answer func(bus.DatabaseReply)) {
	s := b.stand
	s.mu.Lock()
	fault := s.fault
	if len(s.calls) < mostCalls {
		s.calls = append(s.calls, c)
	}
	s.mu.Unlock()
	if c.Malformed != nil {
		answer(jsonform.Refusal(c.Malformed))
		return
	}
	if fault == nil {
		fault = honest
	}
	go fault(c, func() (bus.DatabaseReply, bool) { return b.forward(c) }, answer) // it ends with its calls, which end with the server
}

// forward has the updater execute a call.
func (b *between) forward(c *Call) (bus.DatabaseReply, bool) {
	reply, err := b.stand.Ask(b.life, c.DatabaseCall)
	if err != nil {
		return reply, false
	}
	c.mu.Lock()
	c.reply, c.executed = reply, true
	c.mu.Unlock()
	return reply, true
}

// Ask makes a call of the service's own, which the program knows nothing of.
func (s *Stand) Ask(ctx context.Context, c bus.DatabaseCall) (reply bus.DatabaseReply, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var call any = c.Commit
	switch {
	case c.Read != nil:
		call = c.Read
	case c.Scan != nil:
		call = c.Scan
	}
	data, err := bus.Encode(call)
	if err != nil {
		return reply, err
	}
	s.mu.Lock()
	inside := s.inside
	s.mu.Unlock()
	m, err := inside.Request(ctx, bus.DatabaseSubject(s.options.Service, nameOf(c)), data)
	if err != nil {
		return reply, err
	}
	return reply, bus.Decode(m.Data, &reply)
}

// close ends the server at once: what waits for an answer gets none.
func (b *between) close() {
	b.server.Stop()
	b.server.Conn.Close()
	b.end()
}
