package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// alice may do everything.
var alice = operator.Person{Name: "alice", Role: operator.Administer, Credential: operator.ByToken}

// twin is a main of a pair whose hosts call each other over a real bus.
type twin struct {
	host     string
	levels   level.Range
	peer     bus.Asker
	standby  bool
	alone    bool // nobody else is heard to be active
	calls    *bus.Router
	registry *registry.Registry
	unproved []string
}

func (m *twin) Sender() bus.LinkSender     { return bus.LinkSender{Levels: m.levels, Host: m.host} }
func (m *twin) Peer() (bus.Asker, string)  { return m.peer, "10.0.0.2:7704" }
func (m *twin) Runs() (uint64, uint64)     { return 7, 7 }
func (m *twin) Unproved(call, host string) { m.unproved = append(m.unproved, call+" by "+host) }
func (m *twin) Standby() (bool, bool)      { return m.standby, m.standby && !m.alone }
func (m *twin) Missing() string            { return "b is standby and does not hear a" }

// nobody is a link that is down.
type nobody struct{}

func (nobody) Request(context.Context, string, []byte) (*nats.Msg, error) {
	return nil, bus.ErrDisconnected
}

// twins makes a standby, b, and an active, a, that it reaches.
func twins(t *testing.T) (a, b *twin) {
	t.Helper()
	users := broker.NewUsers()
	users.Allow("peer", broker.Grant{Password: "x"})
	server, err := broker.NewServer(broker.ServerConfig{Name: "a", Listen: "127.0.0.1:0", Users: users, MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	a = &twin{host: "a", levels: level.Own(), peer: nobody{}, calls: bus.NewRouter("")}
	b = &twin{host: "b", levels: level.Own(), standby: true, calls: bus.NewRouter("")}
	for _, m := range []*twin{a, b} {
		group := &sync.WaitGroup{}
		t.Cleanup(group.Wait)
		m.registry = registry.New(t.Context(), m, "key of the pair", m.calls, group)
	}
	b.peer = connect(t, server)
	return a, b
}

func connect(t *testing.T, server *broker.Server) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: t.Name(), InProcess: server, User: "peer", Password: "x", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// listens lets a main take what comes over the link.
func (m *twin) listens(t *testing.T, conn bus.Asker) {
	t.Helper()
	if _, err := m.calls.Listen(conn.(*bus.Conn), bus.SubjectBulk); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*bus.Conn).FlushTimeout(2 * time.Second); err != nil {
		t.Fatal(err)
	}
}

// call asks a host as its HTTP server does.
func (m *twin) call(t *testing.T, name string, caller operator.Caller) (any, error) {
	t.Helper()
	served := m.registry.Served()
	i := slices.IndexFunc(served, func(s registry.Served) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("%s does not answer %s", m.host, name)
	}
	prepared, err := served[i].Prepare(func(any) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return prepared.Do(ctx, caller)
}

// TestRegistry_PassesOnWhatOnlyTheActiveCanDo: answer, part of an answer and error are the same at the standby that was
// asked.
func TestRegistry_PassesOnWhatOnlyTheActiveCanDo(t *testing.T) {
	a, b := twins(t)
	var failure error
	var callers []operator.Caller
	switchover := func(host string) func(context.Context, operator.Caller, operator.None) (operator.Switchover, error) {
		return func(_ context.Context, c operator.Caller, _ operator.None) (operator.Switchover, error) {
			callers = append(callers, c)
			return operator.Switchover{ID: c.ID, From: host, Steps: operatortest.Switched().Steps[:2]}, failure
		}
	}
	registry.Answer(a.registry, operator.CallSwitchover, switchover("a"))
	registry.Answer(b.registry, operator.CallSwitchover, switchover("b"))
	a.listens(t, b.peer)
	for _, sentinel := range []error{nil, operator.ErrUsage, operator.ErrRefused, operator.ErrUnavailable, operator.ErrForward, operator.ErrUnfinished, context.DeadlineExceeded} {
		failure = nil
		if sentinel != nil {
			failure = fmt.Errorf("%w: there is no in-sync standby", sentinel)
		}
		answer, err := b.call(t, "switchover", operator.Caller{Person: alice, ID: "1", From: "10.0.0.9:1"})
		if done, ok := answer.(operator.Switchover); !ok || done.ID != "1" || done.From != "a" || len(done.Steps) != 2 {
			t.Errorf("answered %+v", answer)
		}
		if !errors.Is(err, sentinel) || sentinel != nil && err.Error() != "there is no in-sync standby" {
			t.Errorf("%v became %v", failure, err)
		}
		for _, other := range []error{operator.ErrUsage, operator.ErrRefused, operator.ErrUnavailable, operator.ErrForward, operator.ErrUnfinished} {
			if other != sentinel && errors.Is(err, other) {
				t.Errorf("%v is also %v", err, other)
			}
		}
	}
	if want := (operator.Caller{Person: alice, ID: "1", From: "10.0.0.9:1", Via: "b"}); callers[0] != want {
		t.Errorf("called by %+v", callers[0])
	}
	a.standby = true
	if _, err := b.call(t, "switchover", operator.Caller{Person: alice}); !errors.Is(err, operator.ErrRefused) || err.Error() != "a is standby too" {
		t.Errorf("two standbys: %v", err)
	}
	b.levels = level.Range{Oldest: 98, Newest: 99}
	if _, err := b.call(t, "switchover", operator.Caller{Person: alice}); !errors.Is(err, operator.ErrForward) || !strings.Contains(err.Error(), "10.0.0.2:7704") {
		t.Errorf("another version of the link: %v", err)
	}
	b.peer = nobody{}
	if _, err := b.call(t, "switchover", operator.Caller{Person: alice}); !errors.Is(err, operator.ErrForward) {
		t.Errorf("without a link: %v", err)
	}
	b.standby = false
	if answer, _ := b.call(t, "switchover", operator.Caller{Person: alice}); answer.(operator.Switchover).From != "b" {
		t.Errorf("the active passed it on: %+v", answer)
	}
}

// TestRegistry_OtherVersion_IsRefused: an active that does not know an operation says so, and nothing is done.
func TestRegistry_OtherVersion_IsRefused(t *testing.T) {
	a, b := twins(t)
	registry.Answer(b.registry, operator.CallResume, func(context.Context, operator.Caller, operator.None) (operator.PauseResult, error) {
		return operator.PauseResult{}, nil
	})
	a.listens(t, b.peer)
	if _, err := b.call(t, "resume", operator.Caller{Person: alice}); !errors.Is(err, operator.ErrRefused) || !strings.Contains(err.Error(), "another version") {
		t.Errorf("unknown there: %v", err)
	}
}

// TestRegistry_Known_AnswersItselfWithoutTheActive: what both hosts know the standby says when the active is out of reach.
func TestRegistry_Known_AnswersItselfWithoutTheActive(t *testing.T) {
	a, b := twins(t)
	state := func(host string) func(context.Context, operator.Caller, operator.None) (bus.VerifyState, error) {
		return func(context.Context, operator.Caller, operator.None) (bus.VerifyState, error) {
			return bus.VerifyState{Host: host}, nil
		}
	}
	registry.Answer(a.registry, operator.CallVerifyState, state("a"))
	registry.Answer(b.registry, operator.CallVerifyState, state("b"))
	a.listens(t, b.peer)
	for _, want := range []string{"a", "b"} {
		if answer, err := b.call(t, operator.CallVerifyState.Name, operator.Caller{Person: alice}); err != nil || answer.(bus.VerifyState).Host != want {
			t.Errorf("answered %+v, %v, want %s", answer, err, want)
		}
		b.peer = nobody{}
	}
}

// frozen is a link whose other end takes what is asked and says nothing.
type frozen struct{}

func (frozen) Request(ctx context.Context, _ string, _ []byte) (*nats.Msg, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestFault_E2_WhoIsAskedDoesWhatItCan: a pause was to be ended after the active had died, and the order to end it was passed on to the
// dead host, although it needs the record and nobody else.
func TestFault_E2_WhoIsAskedDoesWhatItCan(t *testing.T) {
	a, b := twins(t)
	failure := error(nil)
	resume := func(host string) func(context.Context, operator.Caller, operator.None) (operator.PauseResult, error) {
		return func(ctx context.Context, _ operator.Caller, _ operator.None) (operator.PauseResult, error) {
			return operator.PauseResult{Host: host}, errors.Join(ctx.Err(), failure)
		}
	}
	registry.Answer(a.registry, operator.CallResume, resume("a"))
	registry.Answer(b.registry, operator.CallResume, resume("b"))
	registry.Answer(b.registry, operator.CallSwitchover, func(context.Context, operator.Caller, operator.None) (operator.Switchover, error) {
		t.Error("a standby does what only the active can")
		return operator.Switchover{}, nil
	})
	a.listens(t, b.peer)
	done := func(when, want string) {
		t.Helper()
		if answer, err := b.call(t, operator.CallResume.Name, operator.Caller{Person: alice}); err != nil || answer.(operator.PauseResult).Host != want {
			t.Errorf("%s: answered %+v, %v, want %s", when, answer, err, want)
		}
	}
	done("the active is heard", "a")
	failure = fmt.Errorf("%w: not now", operator.ErrRefused)
	if _, err := b.call(t, operator.CallResume.Name, operator.Caller{Person: alice}); err == nil || err.Error() != "not now" {
		t.Errorf("what the active refuses: %v", err)
	}
	failure = nil
	b.peer = frozen{}
	done("the active was frozen this moment", "b")
	b.peer = nobody{}
	done("the link was cut this moment", "b")
	b.alone, b.peer = true, nil // nothing is passed on
	done("the active is not heard", "b")
	if _, err := b.call(t, operator.CallSwitchover.Name, operator.Caller{Person: alice}); !errors.Is(err, operator.ErrRefused) || !strings.Contains(err.Error(), "only the host that serves can do this, and b is standby and does not hear a") {
		t.Errorf("what only the active can do: %v", err)
	}
}

// TestPart_AsksBothHosts: each says its own share, or why it says nothing, whatever its role.
func TestPart_AsksBothHosts(t *testing.T) {
	a, b := twins(t)
	view := func(host string, err error) func(context.Context, operator.Caller, operator.None) (operator.OwnView, error) {
		return func(context.Context, operator.Caller, operator.None) (operator.OwnView, error) {
			return operator.OwnView{Host: host}, err
		}
	}
	registry.AnswerPart(a.registry, operator.PartExplain, view("a", nil))
	registry.AnswerPart(a.registry, operator.PartExamine, func(context.Context, operator.Caller, operator.None) (operator.Examination, error) {
		return operator.Examination{}, fmt.Errorf("%w: the role machine of a makes no steps", operator.ErrUnavailable)
	})
	a.listens(t, b.peer)
	own, other := registry.Shares(t.Context(), b.registry, operator.PartExplain, operator.Caller{}, operator.None{}, view("b", nil))
	if own.Answer.Host != "b" || other.Answer.Host != "a" || own.Err != nil || other.Err != nil {
		t.Errorf("own %+v, other %+v", own, other)
	}
	if _, err := registry.Other(t.Context(), b.registry, operator.PartExamine, operator.Caller{}, operator.None{}); !errors.Is(err, operator.ErrUnavailable) || err.Error() != "the role machine of a makes no steps" {
		t.Errorf("its part: %v", err)
	}
}

// TestRegistry_AsksForTheRoleAtBothEnds has each operation passed on for everybody, by a standby that checks and, as one would that was
// broken into, by one that does not: the host that does it looks at the role itself.
func TestRegistry_AsksForTheRoleAtBothEnds(t *testing.T) {
	a, b := twins(t)
	done := 0
	registry.Answer(a.registry, operator.CallResume, func(context.Context, operator.Caller, operator.None) (operator.PauseResult, error) {
		done++
		return operator.PauseResult{}, nil
	})
	registry.Answer(a.registry, operator.CallRise, func(context.Context, operator.Caller, operator.None) (bus.Levels, error) {
		done++
		return bus.Levels{}, nil
	})
	registry.Answer(a.registry, operator.CallVerifyState, func(context.Context, operator.Caller, operator.None) (bus.VerifyState, error) {
		done++
		return bus.VerifyState{}, nil
	})
	for _, unchecked := range []bool{false, true} {
		resume, rise, verify := operator.CallResume, operator.CallRise, operator.CallVerifyState
		if unchecked {
			resume.Role, rise.Role, verify.Role = operator.Anyone, operator.Anyone, operator.Anyone
		}
		registry.Answer(b.registry, resume, func(context.Context, operator.Caller, operator.None) (operator.PauseResult, error) {
			return operator.PauseResult{}, operator.ErrUnfinished
		})
		registry.Answer(b.registry, rise, func(context.Context, operator.Caller, operator.None) (bus.Levels, error) {
			return bus.Levels{}, operator.ErrUnfinished
		})
		registry.Answer(b.registry, verify, func(context.Context, operator.Caller, operator.None) (bus.VerifyState, error) {
			return bus.VerifyState{}, operator.ErrUnfinished
		})
		if !unchecked {
			a.listens(t, b.peer)
		}
		for _, role := range append([]operator.Role{"", "root", operator.Anyone}, operator.Roles()...) {
			by := operator.ByToken
			if role == "" || role == operator.Anyone {
				by = ""
			}
			for _, o := range []operator.Info{operator.CallResume.Info(), operator.CallRise.Info(), operator.CallVerifyState.Info()} {
				done = 0
				_, err := b.call(t, o.Name, operator.Caller{Person: operator.Person{Name: "bob", Role: role, Credential: by}})
				switch {
				case role.May(o.Role) && err == nil && done == 1:
				case !role.May(o.Role) && done == 0 && (errors.Is(err, operator.ErrRole) || errors.Is(err, operator.ErrToken)):
				case unchecked && !role.May(o.Role) && done == 0: // what it answers by itself is its own affair
				default:
					t.Errorf("%s as %q, unchecked %v: done %d times, %v", o.Name, role, unchecked, done, err)
				}
			}
		}
	}
}

// TestRegistry_NobodysOperation: one that is declared without a role is done for nobody, however it is asked for.
func TestRegistry_NobodysOperation(t *testing.T) {
	a, b := twins(t)
	o := operator.CallResume
	o.Role = ""
	for _, m := range []*twin{a, b} {
		registry.Answer(m.registry, o, func(context.Context, operator.Caller, operator.None) (operator.PauseResult, error) {
			t.Error("done")
			return operator.PauseResult{}, nil
		})
	}
	a.listens(t, b.peer)
	for _, m := range []*twin{a, b} {
		if _, err := m.call(t, o.Name, operator.Caller{Person: alice}); !errors.Is(err, operator.ErrRole) {
			t.Error(err)
		}
	}
}
