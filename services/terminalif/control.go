package terminalif

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/wires"
)

const (
	// askWithin is for an order that names no time.
	askWithin = 10 * time.Millisecond
	// startWithin bounds the first words with the bus.
	startWithin = 5 * time.Second
)

var (
	// errOrder says that an order can't be carried out: it is incomplete or late.
	errOrder = errors.New("invalid order")
	// errStillOut says that a drain ended before all requests were answered.
	errStillOut = errors.New("requests are still in progress")
)

// listen subscribes to main's word.
func (i *Interface) listen(run context.Context) error {
	orders, questions := i.routers(run)
	for _, s := range []struct {
		conn    *bus.Conn
		subject string
		handle  nats.MsgHandler
	}{
		{i.conns.Control, bus.SubjectRight, i.takeRight},
		{i.conns.Control, bus.SubjectProcesses + ".>", i.takeProcess},
		{i.conns.Control, bus.Control(bus.ProcessTerminalInterface), orders.Take},
		{i.conns.Traffic, bus.Questions(bus.ProcessTerminalInterface), questions.Take},
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
	if err := bus.DecodeJSON(m.Data, &right); err != nil {
		i.log.Error("message with the right to answer is unreadable", "error", err)
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

// routers take main's orders and its questions. What an order changes is changed before the next one is looked at; waiting
// for the terminals happens beside.
func (i *Interface) routers(run context.Context) (orders, questions *bus.Router) {
	orders, questions = bus.NewRouter(bus.InboxPrefix(bus.ProcessMain)), bus.NewRouter(bus.InboxPrefix(bus.ProcessMain))
	begun(i, orders, bus.CallAttach, func(q bus.Attach) func() (bus.Attached, error) { return i.attach(run, q) })
	begun(i, orders, bus.CallDetach, func(bus.Detach) func() (bus.Done, error) { return i.detach() })
	begun(i, orders, bus.CallDrainRequests, func(q bus.DrainRequests) func() (bus.Done, error) { return i.drain(run, q) })
	begun(i, orders, bus.CallDrainService, func(q bus.DrainService) func() (bus.Done, error) { return i.drainService(run, q) })
	begun(i, orders, bus.CallTerminals, func(q bus.SetTerminals) func() (bus.Done, error) {
		err := i.setTerminals(run, q)
		return func() (bus.Done, error) { return bus.Done{}, err }
	})
	bus.CallSystemChanged.Handle(orders, func(_ bus.Done, answer func(bus.Done, error)) {
		i.pairData.lookAgain()
		answer(bus.Done{}, nil)
	})
	bus.CallAskTerminals.HandleIn(run, orders, &i.goroutines, i.ask)
	bus.CallReceipts.HandleIn(run, questions, &i.goroutines, i.collect)
	bus.CallTerminalsList.HandleIn(run, questions, &i.goroutines, func(_ context.Context, q bus.ListTerminals) (bus.ListedTerminals, error) {
		return i.listTerminals(q), nil
	})
	bus.CallTerminalsProbe.HandleIn(run, questions, &i.goroutines, func(ctx context.Context, q bus.ProbeTerminals) (bus.ProbedTerminals, error) {
		return i.probe(ctx, q), nil
	})
	if i.config.Wires != nil {
		wires.CallTerminals.Handle(questions, func(t wires.Told, answer func(wires.Seen, error)) { answer(i.config.Wires.Answer(t), nil) })
	}
	return orders, questions
}

// begun starts an order at once, in its turn, and completes it beside later ones.
func begun[Q, A any](i *Interface, r *bus.Router, e bus.Endpoint[Q, A], begin func(Q) (finish func() (A, error))) {
	e.Handle(r, func(q Q, answer func(A, error)) {
		finish := begin(q)
		i.goroutines.Go(func() { answer(finish()) })
	})
}

// attach begins a term: every warm session sends its one message at once, on its existing connection.
func (i *Interface) attach(ctx context.Context, order bus.Attach) func() (bus.Attached, error) {
	begun := time.Now()
	var fault error
	i.mu.Lock()
	switch known := i.term; {
	case order.Epoch == 0, order.PairID == "", order.Identity == "", order.Counter == 0, order.Counter >= 1<<32, len(order.TicketKey) == 0:
		fault = fmt.Errorf("%w: epoch, counter, pair id, identity or key is missing", errOrder)
	case known != nil && (order.Epoch < known.Epoch || order.Epoch == known.Epoch && order.Counter <= i.ordered):
		fault = fmt.Errorf("%w: epoch %d, counter %d is older than epoch %d, counter %d", errOrder, order.Epoch, order.Counter, known.Epoch, i.ordered)
	}
	if fault != nil {
		i.mu.Unlock()
		return func() (bus.Attached, error) { return bus.Attached{}, fault }
	}
	if known := i.term; order.Resumed && known != nil && known.Epoch == order.Epoch && known.PairID == order.PairID && known.Identity == order.Identity && !i.relay.drained() {
		i.ordered = order.Counter
		i.mu.Unlock()
		return i.goOn(known)
	}
	t := &term{Attach: order, round: newRound(i.roster.all())}
	i.equip(t)
	i.term, i.pair, i.identity, i.ordered = t, order.PairID, order.Identity, order.Counter
	i.mu.Unlock()
	i.relay.begin(t)
	i.beginLeft(t)
	i.pairData.lookAgain()
	i.recorder.Note(fmt.Sprintf("epoch-%d", t.Epoch))
	for _, s := range busiest(i.roster.all()) {
		s.poke()
	}
	i.noteChange()
	return func() (bus.Attached, error) {
		patience := time.NewTimer(attachPatience)
		defer patience.Stop()
		select {
		case <-t.round.Done():
		case <-patience.C:
		case <-ctx.Done():
		}
		result := t.round.Outcome()
		result.Took = time.Since(begun)
		i.log.Info("terminals attached", "epoch", t.Epoch, "attached", result.Attached, "refused", result.Refused,
			"unreachable", result.Unreachable, "took", result.Took)
		i.noteChange()
		return result, nil
	}
}

// goOn keeps a term in which terminals were not told to keep their requests: its updater was restarted. Attached
// terminals stay attached, and lose no answer in flight; attaching all again would cost each a round trip and a flush
// of its disk.
func (i *Interface) goOn(t *term) func() (bus.Attached, error) {
	i.relay.retryDeferred()
	return func() (bus.Attached, error) {
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
		i.log.Info("the term continues", "epoch", t.Epoch, "attached", result.Attached, "refused", result.Refused, "unreachable", result.Unreachable)
		return result, nil
	}
}

// detach ends the term: nothing is answered from now on, the sessions stay warm. It does not wait for the terminals'
// confirmation, because the promise is kept here; they would keep their requests for the next attach anyway.
func (i *Interface) detach() func() (bus.Done, error) {
	i.relay.end()
	i.beginLeft(nil)
	i.mu.Lock()
	i.term = nil
	i.mu.Unlock()
	for _, s := range i.roster.all() {
		s.poke()
	}
	i.noteChange()
	return func() (bus.Done, error) { return bus.Done{}, nil }
}

// drain accepts nothing new and waits for the requests in flight.
func (i *Interface) drain(ctx context.Context, order bus.DrainRequests) func() (bus.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, order.Within)
	i.relay.startDrain()
	return func() (bus.Done, error) {
		defer cancel()
		if rest := i.relay.awaitDrain(ctx); rest > 0 {
			return bus.Done{}, fmt.Errorf("%w: %d", errStillOut, rest)
		}
		return bus.Done{}, nil
	}
}

// drainService sends no new requests to one service and waits for those in flight.
func (i *Interface) drainService(ctx context.Context, order bus.DrainService) func() (bus.Done, error) {
	left := i.relay.services.leave(order.Service)
	return func() (bus.Done, error) {
		patience := time.NewTimer(order.Within)
		defer patience.Stop()
		select {
		case <-left:
			return bus.Done{}, nil
		case <-patience.C:
		case <-ctx.Done():
		}
		return bus.Done{}, fmt.Errorf("%w: service %s", errStillOut, order.Service)
	}
}

// ask asks all warm terminals at once which host serves them, and returns how many did not answer in time.
func (i *Interface) ask(ctx context.Context, order bus.AskTerminals) (bus.TerminalsAsked, error) {
	within := order.Within
	if within <= 0 {
		within = askWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, identity := i.self()
	var result bus.TerminalsAsked
	sessions := i.roster.all()
	answered := make(chan string, len(sessions)) // the id of a terminal that is served by the other host, or ""
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
			reply, err := conn.Request(ctx, bus.SubjectAgentFresh, bus.EncodeJSON(bus.AgentFreshRequest{Identity: identity, Look: order.Look}))
			if err != nil {
				return
			}
			var answer bus.AgentFresh
			if bus.DecodeJSON(reply.Data, &answer) != nil {
				return
			}
			s.heard(answer.Epoch)
			if !answer.Fresh {
				answered <- ""
				return
			}
			answered <- s.id
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
	result.Silent = result.Asked
	for len(answered) > 0 {
		if id := <-answered; id != "" {
			result.Fresh = append(result.Fresh, id)
		}
		result.Silent--
	}
	return result, nil
}
