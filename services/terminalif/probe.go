package terminalif

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/probing"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

const (
	// probePage and probePageMost bound the terminals of one order, probesAtOnce those dialled at the same time: a page of
	// terminals that are all dead takes three times probing.Within.
	probePage     = 100
	probePageMost = 200
	probesAtOnce  = 64
)

// probe answers bus.ProbeTerminals: it dials each terminal on a connection of its own and greets it as a session would,
// which changes nothing there, whatever session this host has with it.
func (i *Interface) probe(ctx context.Context, order bus.ProbeTerminals) bus.ProbedTerminals {
	targets, result := i.targets(order)
	prober := probing.Prober{Host: i.config.Host, Dialer: i.dialer, Network: i.config.Network, Greeting: i.greeting}
	found := make([]bus.TerminalProbe, len(targets))
	var probing sync.WaitGroup
	slots := make(chan struct{}, probesAtOnce)
	for n, t := range targets {
		probing.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[n] = prober.Probe(ctx, t, order.Epoch)
		})
	}
	probing.Wait()
	result.Terminals = found
	return result
}

// targets picks whom an order means.
func (i *Interface) targets(order bus.ProbeTerminals) (targets []probing.Terminal, result bus.ProbedTerminals) {
	limit := order.Limit
	if limit <= 0 {
		limit = probePage
	}
	limit = min(limit, probePageMost)
	add := func(s *session) { targets = append(targets, probing.Terminal{ID: s.id, URL: s.url, Key: s.key}) }
	switch {
	case len(order.Rows) > 0:
		for _, row := range order.Rows[:min(len(order.Rows), limit)] {
			if i.config.KeyOf != nil {
				targets = append(targets, probing.Terminal{ID: row.ID, URL: row.Address, Key: i.config.KeyOf(row.ID)})
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
	slices.SortFunc(targets, func(a, b probing.Terminal) int { return cmp.Compare(a.ID, b.ID) })
	return targets, result
}
