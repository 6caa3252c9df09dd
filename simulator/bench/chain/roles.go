package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/bench/limit"
)

const (
	roleCopy     = "copy"
	roleBus      = "bus"
	roleKeeper   = "keeper"
	roleBusiness = "business"
	roleAgents   = "agents"
	roleRelay    = "relay"
)

const (
	readyWord = "ready"
	// inFlight is as many requests as anybody measures with.
	inFlight = 4096

	// ownBus in place of an address: the process has the bus inside.
	ownBus = "own"

	subjectRelay    = "relay"
	subjectBusiness = "business"
	subjectKeeper   = "keeper"
)

var errUsage = errors.New("wrong usage")

// message is a request, or the answer to one.
type message struct {
	Body []byte `cbor:"1,keyasint"`
}

func size(m message) int { return len(m.Body) }

// stage is one process at work.
type stage struct {
	ctx  context.Context
	args []string
	end  []func() // in the order in which it was begun
}

// Run is one process of a chain: args are its role and what that needs. It says on out that it is ready, and where. It
// ends with ctx.
func Run(ctx context.Context, args []string, out io.Writer) error {
	roles := map[string]func(*stage) (string, error){
		roleCopy: (*stage).copy, roleBus: (*stage).bus, roleKeeper: (*stage).keeper,
		roleBusiness: (*stage).business, roleAgents: (*stage).agents, roleRelay: (*stage).relay,
	}
	if len(args) == 0 || roles[args[0]] == nil {
		return fmt.Errorf("%w: no process of a chain: %q", errUsage, args)
	}
	s := &stage{ctx: ctx, args: args[1:]}
	defer func() {
		for i := len(s.end) - 1; i >= 0; i-- {
			s.end[i]()
		}
	}()
	said, err := roles[args[0]](s)
	if err != nil {
		return fmt.Errorf("%s of a chain: %w", args[0], err)
	}
	if _, err := fmt.Fprintln(out, readyWord, said); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (s *stage) arg(i int) string {
	if i < len(s.args) {
		return s.args[i]
	}
	return ""
}

func (s *stage) onEnd(f func()) { s.end = append(s.end, f) }

func (s *stage) serve(name string) (*broker.Server, error) {
	server, err := broker.NewServer(broker.ServerConfig{Name: name, Listen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	s.onEnd(server.Stop)
	return server, server.Start(s.ctx)
}

func (s *stage) connect(c bus.ConnConfig) (*bus.Conn, error) {
	conn, err := bus.Connect(s.ctx, c)
	if err == nil {
		s.onEnd(conn.Close)
	}
	return conn, err
}

// pass takes batches at one subject and sends what they hold in batches to another, perhaps on another connection.
func (s *stage) pass(from *bus.Conn, subject string, to *batch.Caller[message, message]) error {
	served, err := batch.NewResponder(from, subject, "q", size, func(m message, _ string, answer func(message)) {
		to.Go(m, func(a message, err error) {
			if err == nil {
				answer(a)
			}
		})
	}, nil)
	if err != nil {
		return err
	}
	s.onEnd(served.Close)
	return from.FlushTimeout(readyWithin)
}

func (s *stage) caller(conn *bus.Conn, subject string) (*batch.Caller[message, message], error) {
	caller, err := batch.NewCaller[message, message](batch.CallerConfig[message]{Conn: conn, Subject: subject, Bound: inFlight, Size: size})
	if err == nil {
		s.onEnd(caller.Close)
	}
	return caller, err
}

func (s *stage) bus() (string, error) {
	server, err := s.serve("bus")
	if err != nil {
		return "", err
	}
	return server.URL(), nil
}

func (s *stage) copy() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.onEnd(func() { _ = listener.Close() })
	go func() { _ = limit.KeepCopy(listener, filepath.Join(s.arg(0), "copy")) }() // what is wrong with it the keeper notices
	return listener.Addr().String(), nil
}

// attach connects to the bus at a place, or to one of its own when there is none: then it says where that is.
func (s *stage) attach(name, url string) (conn *bus.Conn, at string, err error) {
	if url != ownBus {
		conn, err = s.connect(bus.ConnConfig{Name: name, URL: url})
		return conn, url, err
	}
	server, err := s.serve(name)
	if err != nil {
		return nil, "", err
	}
	conn, err = s.connect(bus.ConnConfig{Name: name, InProcess: server})
	return conn, server.URL(), err
}

func (s *stage) keeper() (string, error) {
	record, err := strconv.Atoi(s.arg(3))
	if err != nil {
		return "", fmt.Errorf("%w: size of a record: %w", errUsage, err)
	}
	conn, at, err := s.attach(roleKeeper, s.arg(0))
	if err != nil {
		return "", err
	}
	committer, err := limit.NewCommitter(filepath.Join(s.arg(2), "own"), s.arg(1), record, inFlight)
	if err != nil {
		return "", err
	}
	go func() { _ = committer.Run() }() // each record is told how it went; the process ends while it waits
	served, err := batch.NewResponder(conn, subjectKeeper, "q", size, func(m message, _ string, answer func(message)) {
		committer.Keep(func(kept bool) {
			if kept {
				answer(m)
			}
		})
	}, nil)
	if err != nil {
		return "", err
	}
	s.onEnd(served.Close)
	return at, conn.FlushTimeout(readyWithin)
}

func (s *stage) business() (string, error) {
	process.FewProcessors(1)
	conn, err := s.connect(bus.ConnConfig{Name: roleBusiness, URL: s.arg(0)})
	if err != nil {
		return "", err
	}
	asked := conn
	if s.arg(1) != s.arg(0) {
		if asked, err = s.connect(bus.ConnConfig{Name: roleBusiness, URL: s.arg(1)}); err != nil {
			return "", err
		}
	}
	to, err := s.caller(conn, subjectKeeper)
	if err != nil {
		return "", err
	}
	return "", s.pass(asked, subjectBusiness, to)
}

func (s *stage) relay() (string, error) {
	conn, at, err := s.attach(roleRelay, s.arg(0))
	if err != nil {
		return "", err
	}
	to, err := s.caller(conn, subjectBusiness)
	if err != nil {
		return "", err
	}
	for _, address := range s.args[1:] {
		session, err := s.connect(bus.ConnConfig{Name: roleRelay, URL: address})
		if err != nil {
			return "", err
		}
		if err := s.pass(session, subjectRelay, to); err != nil {
			return "", err
		}
	}
	return at, nil
}

func (s *stage) agents() (string, error) {
	n, err := strconv.Atoi(s.arg(0))
	if err != nil {
		return "", fmt.Errorf("%w: number of agents: %w", errUsage, err)
	}
	var addresses []string
	for i := range n {
		server, err := s.serve("agent-" + strconv.Itoa(i))
		if err != nil {
			return "", err
		}
		conn, err := s.connect(bus.ConnConfig{Name: roleAgents, InProcess: server})
		if err != nil {
			return "", err
		}
		to, err := s.caller(conn, subjectRelay)
		if err != nil {
			return "", err
		}
		_, err = conn.Subscribe("request.>", func(m *nats.Msg) {
			to.Go(message{m.Data}, func(a message, err error) {
				if err == nil {
					_ = m.Respond(a.Body) // who asked may be gone
				}
			})
		})
		if err != nil {
			return "", err
		}
		if err := conn.FlushTimeout(readyWithin); err != nil {
			return "", err
		}
		addresses = append(addresses, server.URL())
	}
	return strings.Join(addresses, " "), nil
}
