package terminalif

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

const (
	// probePage and probePageMost bound the terminals of one order, probesAtOnce those dialled at the same time: a page of
	// terminals that are all dead takes three times callWithin.
	probePage     = 100
	probePageMost = 200
	probesAtOnce  = 64
)

// probe answers bus.ProbeTerminals: it dials each terminal on a connection of its own and greets it as a session would,
// which changes nothing there, whatever session this host has with it.
func (i *Interface) probe(ctx context.Context, order bus.ProbeTerminals) bus.ProbedTerminals {
	targets, result := i.targets(order)
	found := make([]bus.TerminalProbe, len(targets))
	var probing sync.WaitGroup
	slots := make(chan struct{}, probesAtOnce)
	for n, t := range targets {
		probing.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[n] = i.probeOne(ctx, t, order.Epoch)
		})
	}
	probing.Wait()
	result.Terminals = found
	return result
}

// targets picks whom an order means.
func (i *Interface) targets(order bus.ProbeTerminals) (targets []Terminal, result bus.ProbedTerminals) {
	limit := order.Limit
	if limit <= 0 {
		limit = probePage
	}
	limit = min(limit, probePageMost)
	add := func(s *session) { targets = append(targets, Terminal{ID: s.id, URL: s.url, Key: s.key}) }
	switch {
	case len(order.Rows) > 0:
		for _, row := range order.Rows[:min(len(order.Rows), limit)] {
			if i.config.KeyOf != nil {
				targets = append(targets, Terminal{ID: row.ID, URL: row.Address, Key: i.config.KeyOf(row.ID)})
			}
		}
		result.Total = len(targets)
	case len(order.IDs) > 0:
		known := map[string]*session{}
		for _, s := range i.roster.all() {
			known[s.id] = s
		}
		for _, id := range order.IDs[:min(len(order.IDs), limit)] {
			if s := known[id]; s != nil {
				add(s)
			} else {
				result.Unknown = append(result.Unknown, wire.Clip(id))
			}
		}
		result.Total = len(targets)
	default:
		var page []*session
		page, result.Total, result.More = i.page(order.After, limit)
		for _, s := range page {
			add(s)
		}
	}
	slices.SortFunc(targets, func(a, b Terminal) int { return cmp.Compare(a.ID, b.ID) })
	return targets, result
}

// probeOne dials one terminal and says what is there.
func (i *Interface) probeOne(ctx context.Context, t Terminal, epoch uint64) bus.TerminalProbe {
	p := bus.TerminalProbe{ID: t.ID, Address: t.URL}
	ctx, cancel := context.WithTimeout(ctx, 2*callWithin)
	defer cancel()
	dial := i.dialer.Attempt(ctx)
	conn, err := dial.Connect(wire.Config{Name: i.config.Host + " probe", URL: t.URL, Password: t.Key, Network: i.config.Network(t.ID), Complaint: func(error) {}})
	if err != nil {
		p.Outcome, p.Detail = dial.Judge(err)
		return p
	}
	defer conn.Close()
	var welcome bus.AgentWelcome
	began := time.Now()
	ctx, answered := context.WithTimeout(ctx, callWithin)
	defer answered()
	err = call(ctx, conn, bus.SubjectAgentHello, i.greeting(), &welcome)
	p.RTT = time.Since(began)
	if err != nil {
		p.Outcome, p.Detail = outcomeOfCall(cmp.Or(dial.Reason(), err))
		return p
	}
	p.Epoch, p.Active, p.Fresh = welcome.Epoch, wire.Clip(welcome.Active), welcome.Fresh
	apart := agentApart(welcome)
	switch {
	case apart != nil:
		p.Outcome, p.Detail = bus.ProbeVersion, apart.Error()
	case welcome.Terminal != t.ID:
		p.Outcome, p.Detail = bus.ProbeOtherAgent, fmt.Sprintf("it says it is %q", wire.Clip(welcome.Terminal))
	case welcome.Error != "":
		p.Outcome, p.Detail = bus.ProbeOtherPair, wire.Clip(welcome.Error)
	case epoch > 0 && welcome.Epoch > epoch:
		p.Outcome, p.Detail = bus.ProbeHigherEpoch, fmt.Sprintf("it has accepted epoch %d, this host knows %d", welcome.Epoch, epoch)
	default:
		p.Outcome = bus.ProbeOK
	}
	return p
}

// outcomeOfCall judges a greeting that got no welcome.
func outcomeOfCall(err error) (outcome, detail string) {
	switch {
	case errors.Is(err, wire.ErrHostile):
		return bus.ProbeNoAgent, wire.Clip(err.Error())
	case errors.Is(err, bus.ErrNobody):
		return bus.ProbeNoAgent, "a NATS server without an agent"
	case errors.Is(err, context.DeadlineExceeded):
		return bus.ProbeTimeout, fmt.Sprintf("connected, but no answer within %s", callWithin)
	}
	return bus.ProbeTimeout, wire.Clip(err.Error())
}
