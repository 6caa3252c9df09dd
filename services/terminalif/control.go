package terminalif

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

const (
	// attachPatience is how long an order waits for terminals that do not answer; the others serve meanwhile, and those
	// are attached when they answer.
	attachPatience = 500 * time.Millisecond
	// askWithin is for an order that names no time.
	askWithin = 10 * time.Millisecond
	// startWithin bounds the first words with the bus.
	startWithin = 5 * time.Second
)

// listen subscribes to main's word.
func (i *Interface) listen(run context.Context) error {
	order := func(m *nats.Msg) { i.order(run, m) }
	for _, s := range []struct {
		conn    *bus.Conn
		subject string
		handle  nats.MsgHandler
	}{
		{i.conns.Control, bus.SubjectRight, i.takeRight},
		{i.conns.Control, bus.SubjectProcesses + ".>", i.takeProcess},
		{i.conns.Control, bus.Control(bus.ProcessTerminalInterface), order},
		{i.conns.Traffic, bus.Questions(bus.ProcessTerminalInterface), order},
	} {
		if _, err := s.conn.Subscribe(s.subject, s.handle); err != nil {
			return fmt.Errorf("hear %s: %w", s.subject, err)
		}
	}
	ctx, cancel := context.WithTimeout(run, startWithin)
	defer cancel()
	if err := i.conns.Flush(ctx); err != nil {
		return fmt.Errorf("hear main: %w", err)
	}
	return nil
}

// announce beats, and returns when main can have heard it.
func (i *Interface) announce(run context.Context) error {
	ctx, cancel := context.WithTimeout(run, startWithin)
	defer cancel()
	if err := errors.Join(i.heart.Beat(), i.conns.Control.FlushWithContext(ctx)); err != nil {
		return fmt.Errorf("tell main: %w", err)
	}
	return nil
}

func (i *Interface) takeRight(m *nats.Msg) {
	var right lease.Right
	if err := json.Unmarshal(m.Data, &right); err != nil {
		i.log.Error("right to answer is unreadable", "error", err)
		right = lease.Right{}
	}
	i.relay.setRight(right)
}

func (i *Interface) takeProcess(m *nats.Msg) {
	var p bus.ProcessState
	if err := bus.DecodeJSON(m.Data, &p); err != nil {
		i.log.Error("announcement of a process is unreadable", "error", err)
		return
	}
	i.relay.services.announced(p)
}

// order carries out an order of main. What it changes is changed before the next order is looked at; waiting for the
// terminals happens beside.
func (i *Interface) order(ctx context.Context, m *nats.Msg) {
	var finish func() any
	switch m.Subject {
	case bus.SubjectAttach:
		var order bus.Attach
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			i.respond(m, bus.Attached{Error: err.Error()})
			return
		}
		finish = i.attach(ctx, order)
	case bus.SubjectDetach:
		finish = i.detach()
	case bus.SubjectDrainRequests:
		var order bus.DrainRequests
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			i.respond(m, bus.Done{Error: err.Error()})
			return
		}
		finish = i.drain(ctx, order)
	case bus.SubjectAskTerminals:
		var order bus.AskTerminals
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			i.respond(m, bus.TerminalsAsked{})
			return
		}
		finish = func() any { return i.ask(ctx, order) }
	case bus.SubjectReceipts:
		var order bus.CollectReceipts
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			i.respond(m, bus.CollectedReceipts{Error: err.Error()})
			return
		}
		finish = func() any { return i.collect(ctx, order) }
	case bus.SubjectTerminals:
		var order bus.SetTerminals
		done := bus.Done{}
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			done.Error = err.Error()
		} else {
			done = i.setTerminals(ctx, order)
		}
		finish = func() any { return done }
	case bus.SubjectTerminalsList:
		var order bus.ListTerminals
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			i.respond(m, bus.ListedTerminals{Error: err.Error()})
			return
		}
		finish = func() any { return i.listTerminals(order) }
	case bus.SubjectTerminalProbe:
		var order bus.ProbeTerminals
		if err := bus.DecodeJSON(m.Data, &order); err != nil {
			i.respond(m, bus.ProbedTerminals{Error: err.Error()})
			return
		}
		finish = func() any { return i.probe(ctx, order) }
	default:
		i.log.Error("unknown order", "subject", m.Subject)
		return
	}
	i.goroutines.Go(func() { i.respond(m, finish()) })
}

func (i *Interface) respond(m *nats.Msg, v any) {
	if strings.HasPrefix(m.Reply, bus.InboxPrefix(bus.ProcessMain)+".") {
		// An error says that the bus is lost, which ends this process.
		_ = m.Respond(bus.EncodeJSON(v))
	}
}

// round collects the outcome of one order to attach from the sessions that were warm when it came.
type round struct {
	mu     sync.Mutex
	open   map[*session]bool
	result bus.Attached
	done   chan struct{} // closed when all have reported
}

func newRound(sessions []*session) *round {
	r := &round{open: map[*session]bool{}, done: make(chan struct{})}
	for _, s := range sessions {
		if s.warm() != nil {
			r.open[s] = true
		}
	}
	r.result.Unreachable = len(sessions) - len(r.open)
	if len(r.open) == 0 {
		close(r.done)
	}
	return r
}

// report takes the first word of each session.
func (r *round) report(s *session, state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open[s] {
		return
	}
	delete(r.open, s)
	switch state {
	case stateAttached:
		r.result.Attached++
	case stateRefused:
		r.result.Refused++
	default:
		r.result.Unreachable++
	}
	if len(r.open) == 0 {
		close(r.done)
	}
}

// outcome counts whoever has not reported as unreachable.
func (r *round) outcome() bus.Attached {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.result
	result.Unreachable += len(r.open)
	return result
}

// attach begins a term: every warm session sends its one message at once, on the connection it has.
func (i *Interface) attach(ctx context.Context, order bus.Attach) func() any {
	begun := time.Now()
	fault := ""
	i.mu.Lock()
	switch known := i.term; {
	case order.Epoch == 0, order.PairID == "", order.Identity == "", order.Counter == 0, order.Counter >= 1<<32:
		fault = "the order lacks epoch, counter, pair id or identity"
	case known != nil && (order.Epoch < known.Epoch || order.Epoch == known.Epoch && order.Counter <= i.ordered):
		fault = fmt.Sprintf("epoch %d, counter %d comes before epoch %d, counter %d", order.Epoch, order.Counter, known.Epoch, i.ordered)
	}
	if fault != "" {
		i.mu.Unlock()
		return func() any { return bus.Attached{Error: fault} }
	}
	if known := i.term; order.Resumed && known != nil && known.Epoch == order.Epoch && known.PairID == order.PairID && known.Identity == order.Identity && !i.relay.drained() {
		i.ordered = order.Counter
		i.mu.Unlock()
		return i.goOn(known)
	}
	t := &term{Attach: order, round: newRound(i.roster.all())}
	i.term, i.pair, i.identity, i.ordered = t, order.PairID, order.Identity, order.Counter
	i.mu.Unlock()
	i.relay.begin(t)
	i.blackbox.Note(fmt.Sprintf("epoch-%d", t.Epoch))
	for _, s := range busiest(i.roster.all()) {
		s.poke()
	}
	i.noteChange()
	return func() any {
		patience := time.NewTimer(attachPatience)
		defer patience.Stop()
		select {
		case <-t.round.done:
		case <-patience.C:
		case <-ctx.Done():
		}
		result := t.round.outcome()
		result.Took = time.Since(begun)
		i.log.Info("terminals attached", "epoch", t.Epoch, "attached", result.Attached, "refused", result.Refused,
			"unreachable", result.Unreachable, "took", result.Took)
		i.noteChange()
		return result
	}
}

// goOn keeps a term in which nobody was told to keep requests: its updater was restarted. Who is attached stays so, and loses
// no answer that is on its way; attaching all again would cost each a trip and a flush of its disk.
func (i *Interface) goOn(t *term) func() any {
	i.relay.retryHeld()
	return func() any {
		var result bus.Attached
		for _, s := range i.roster.all() {
			switch s.detail().State {
			case stateAttached:
				result.Attached++
			case stateRefused:
				result.Refused++
			default:
				result.Unreachable++
			}
		}
		i.log.Info("the term goes on", "epoch", t.Epoch, "attached", result.Attached, "refused", result.Refused, "unreachable", result.Unreachable)
		return result
	}
}

// detach ends the term: nothing is answered from now on, the sessions stay warm. It does not wait for the terminals to
// hear of it, because what it promises is kept here; they would keep their requests for the next attach anyway.
func (i *Interface) detach() func() any {
	i.relay.end()
	i.mu.Lock()
	i.term = nil
	i.mu.Unlock()
	for _, s := range i.roster.all() {
		s.poke()
	}
	i.noteChange()
	return func() any { return bus.Done{} }
}

// drain takes nothing new and waits for what is out.
func (i *Interface) drain(ctx context.Context, order bus.DrainRequests) func() any {
	ctx, cancel := context.WithTimeout(ctx, order.Within)
	i.relay.startDrain()
	return func() any {
		defer cancel()
		if rest := i.relay.awaitDrain(ctx); rest > 0 {
			return bus.Done{Error: fmt.Sprintf("%d requests are still out", rest)}
		}
		return bus.Done{}
	}
}

// ask asks all warm terminals at once who serves them. No answer in time is no veto.
func (i *Interface) ask(ctx context.Context, order bus.AskTerminals) bus.TerminalsAsked {
	within := order.Within
	if within <= 0 {
		within = askWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, identity := i.self()
	var result bus.TerminalsAsked
	sessions := i.roster.all()
	fresh := make(chan string, len(sessions))
	var asking sync.WaitGroup
	for _, s := range sessions {
		conn := s.warm()
		if conn == nil {
			continue
		}
		result.Asked++
		asking.Add(1)
		i.goroutines.Go(func() {
			defer asking.Done()
			reply, err := conn.Request(ctx, bus.SubjectAgentFresh, bus.EncodeJSON(bus.AgentFreshRequest{Identity: identity}))
			if err != nil {
				return
			}
			var answer bus.AgentFresh
			if bus.DecodeJSON(reply.Data, &answer) != nil {
				return
			}
			s.heard(answer.Epoch)
			if answer.Fresh {
				fresh <- s.id
			}
		})
	}
	// One that can't even be written to takes longer to find that out than may be waited for here.
	all := make(chan struct{})
	i.goroutines.Go(func() {
		asking.Wait()
		close(all)
	})
	select {
	case <-all:
	case <-ctx.Done():
	}
	for len(fresh) > 0 {
		result.Fresh = append(result.Fresh, <-fresh)
	}
	return result
}
