package world

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
	"github.com/hotpair/hotpair/storage/position"
)

// errDropped: updates that only a returning host has are kept as divergent (R10).
var errDropped = errors.New("dropped an update: a journal had it, but it is neither in the history nor among the divergent updates")

// ends are the furthest positions at which the hosts' journals were seen to end, by host and epoch.
type ends map[string]map[uint64]position.Position

// sawEnd records where the journal of a host ends.
func (e *eye) sawEnd(s operator.Status) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	byEpoch := e.shared.ends[s.Host]
	if byEpoch == nil {
		byEpoch = map[uint64]position.Position{}
		e.shared.ends[s.Host] = byEpoch
	}
	if byEpoch[s.Position.Epoch].Before(s.Position) {
		byEpoch[s.Position.Epoch] = s.Position
	}
}

// seenEnds returns them as a list for each host.
func (e *eye) seenEnds() map[string][]position.Position {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	list := map[string][]position.Position{}
	for host, byEpoch := range e.shared.ends {
		for _, at := range byEpoch {
			list[host] = append(list[host], at)
		}
	}
	return list
}

// kept looks for every position at which a journal was seen to end: in the pair's history, or in its host's divergent
// updates. Errors: errDropped.
func (w *World) kept(ctx context.Context, eye *eye) error {
	var failed []error
	for host, list := range eye.seenEnds() {
		for _, at := range list {
			there, err := w.inHistory(ctx, at)
			if err == nil && !there {
				there, err = w.isDivergent(ctx, host, at)
			}
			if err == nil && !there {
				err = fmt.Errorf("%w: %s of host %s", errDropped, at, host)
			}
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// inHistory reports whether the pair's history contains the update of a position, or contained it before it was
// truncated.
func (w *World) inHistory(ctx context.Context, at position.Position) (bool, error) {
	for _, host := range pair.Hosts() {
		page, err := operator.CallHistory.Ask(ctx, w.clients[host], bus.HistoryRequest{From: at.Sequence, Limit: 1})
		if err != nil {
			return false, fmt.Errorf("history of host %s: %w", host, err)
		}
		if at.Sequence < page.First || len(page.Updates) == 1 && page.Updates[0].Position == at {
			return true, nil
		}
	}
	return false, nil
}

// isDivergent reports whether a host has kept an update as divergent.
func (w *World) isDivergent(ctx context.Context, host string, at position.Position) (bool, error) {
	page, err := operator.CallDiverged.Ask(ctx, w.clients[host], bus.DivergentRequest{})
	if err != nil {
		return false, fmt.Errorf("what host %s has kept as divergent: %w", host, err)
	}
	for _, f := range page.Files {
		first, errFirst := position.Parse(f.First)
		last, errLast := position.Parse(f.Last)
		if errFirst == nil && errLast == nil && !at.Before(first) && !last.Before(at) {
			return true, nil
		}
	}
	return false, nil
}
