package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	statusWithin = time.Second
	statusMoment = 100 * time.Millisecond
	// healWithin is generous: a host may need a snapshot, on a busy machine.
	healWithin = 90 * time.Second
	askEvery   = 20 * time.Millisecond
)

// Status asks a host for its status, from within its namespace, whatever wires are cut.
func (l *Lab) Status(ctx context.Context, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	s, err := l.clients[host].Status(ctx)
	if err != nil {
		return s, fmt.Errorf("host %s: %w", host, err)
	}
	return s, nil
}

// history asks a host for a page of its history.
func (l *Lab) history(ctx context.Context, host string, from uint64, limit int) (bus.HistoryPage, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	page, err := operator.CallHistory.Ask(ctx, l.clients[host], bus.HistoryRequest{From: from, Limit: limit})
	if err != nil {
		return page, fmt.Errorf("history of host %s: %w", host, err)
	}
	return page, nil
}

// Switchover asks a host for a planned switchover.
func (l *Lab) Switchover(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	if _, err := operator.CallSwitchover.Ask(ctx, l.clients[host], operator.None{}); err != nil {
		return fmt.Errorf("switchover at host %s: %w", host, err)
	}
	return nil
}

// statuses asks both hosts concurrently. Hosts that don't answer are omitted; once a serving one has answered, the
// other gets a moment only, since it may be frozen.
func (l *Lab) statuses(ctx context.Context) []operator.Status {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan operator.Status, len(pair.Hosts()))
	for _, host := range pair.Hosts() {
		go func() {
			s, err := l.Status(ctx, host)
			if err != nil {
				s = operator.Status{}
			}
			answers <- s
		}()
	}
	var list []operator.Status
	for range pair.Hosts() {
		s := <-answers // within statusWithin
		if s.Host != "" {
			list = append(list, s)
		}
		if s.Serves() {
			hurry := time.AfterFunc(statusMoment, cancel)
			defer hurry.Stop()
		}
	}
	return list
}

// Active returns the host that may answer terminals now, "" if none says so. If two say so, as may be when this
// process was delayed between their answers, it is the one of the higher epoch.
func (l *Lab) Active(ctx context.Context) (string, operator.Status) {
	var best operator.Status
	for _, s := range l.statuses(ctx) {
		if s.Serves() && (best.Host == "" || s.Epoch > best.Epoch) {
			best = s
		}
	}
	return best.Host, best
}

// Await asks until a condition holds. The error says what did not happen in time, and the state of the hosts.
func (l *Lab) Await(ctx context.Context, within time.Duration, what string, condition func() bool) error {
	began := time.Now()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("await %s: %w", what, ctx.Err())
		case <-tick.C:
			if time.Since(began) > within {
				return fmt.Errorf("no %s within %s: %s", what, within, l.describe(ctx))
			}
		}
	}
	return nil
}

func (l *Lab) describe(ctx context.Context) string {
	return pair.Describe(func(host string) (operator.Status, error) { return l.Status(ctx, host) })
}

// Repair ends every fault: wires are joined, disks work, frozen processes continue, stopped ones are started.
func (l *Lab) Repair() error {
	var failed []error
	for _, d := range l.options.Disks {
		d.Repair()
	}
	for _, w := range l.network.wires {
		failed = append(failed, l.network.join(w))
	}
	for _, name := range l.names() {
		failed = append(failed, l.Thaw(name), l.Run(name))
	}
	return errors.Join(failed...)
}

// Heal repairs and waits until one host serves all terminals and both hold every acknowledged update, as both report.
// Errors: ErrNotHealed.
func (l *Lab) Heal(ctx context.Context) error {
	if err := l.Repair(); err != nil {
		return err
	}
	if err := l.Await(ctx, healWithin, "pair in sync that serves", func() bool { return l.paired(ctx) }); err != nil {
		return fmt.Errorf("%w: %w", pair.ErrNotHealed, err)
	}
	return nil
}

func (l *Lab) paired(ctx context.Context) bool {
	host, active := l.Active(ctx)
	if host == "" || len(active.InSync) != 2 || active.Terminals.Attached != l.options.Terminals {
		return false
	}
	standby, err := l.Status(ctx, pair.Other(host))
	return err == nil && standby.Role == "standby" && len(standby.InSync) == 2
}

// movedError says that the pair wrote on while its histories were compared.
type movedError struct{ from, to position.Position }

func (e movedError) Error() string {
	return fmt.Sprintf("the pair writes on: both hosts were at %s, a history ends at %s", e.from, e.to)
}

// CompareHosts waits until both hosts have applied the same position and compares the digests of their histories:
// each entry's digest covers everything before it. The load has ended, but the pair records its own events, such as
// the end of an alarm: then it compares again, from where a history was seen to end. Errors: ErrDiverged.
func (l *Lab) CompareHosts(ctx context.Context) (at position.Position, err error) {
	var least position.Position
	for range 10 {
		var moved movedError
		if at, err = l.compareHosts(ctx, least); !errors.As(err, &moved) {
			return at, err
		}
		least = moved.to // status reports are slightly older than the histories
	}
	return at, fmt.Errorf("%w: %w", pair.ErrDiverged, err)
}

func (l *Lab) compareHosts(ctx context.Context, least position.Position) (position.Position, error) {
	var at position.Position
	err := l.Await(ctx, healWithin, "common position of both hosts", func() bool {
		a, errA := l.Status(ctx, pair.HostA)
		b, errB := l.Status(ctx, pair.HostB)
		at = a.Position
		return errA == nil && errB == nil && !at.Before(least) && slices.Equal([]position.Position{at, at, at, at, at},
			[]position.Position{a.Committed, a.Applied, b.Position, b.Committed, b.Applied})
	})
	if err != nil {
		return at, fmt.Errorf("%w: %w", pair.ErrDiverged, err)
	}
	const last = 1000
	from := at.Sequence - min(last-1, at.Sequence-1)
	digests := map[position.Position]string{}
	compared, copied := 0, false
	for _, host := range pair.Hosts() {
		page, err := l.history(ctx, host, from, last) // the part that is still kept
		if err != nil {
			return at, err
		}
		if len(page.Updates) == 0 && page.First == at.Sequence+1 && page.Last == at.Sequence {
			// It got a snapshot whose history begins just after this position: there is nothing of it to compare yet,
			// and the next entry must chain onto the other host's.
			copied = true
			continue
		}
		if n := len(page.Updates); n > 0 && at.Before(page.Updates[n-1].Position) {
			return at, movedError{at, page.Updates[n-1].Position}
		} else if n == 0 || page.Updates[n-1].Position != at {
			return at, fmt.Errorf("%w: the history of host %s does not end at %s: asked for %d from %d, it gave %d (%s), of %d to %d", pair.ErrDiverged,
				host, at, last, from, n, ends(page.Updates), page.First, page.Last)
		}
		for _, u := range page.Updates {
			other, both := digests[u.Position]
			switch {
			case both && other != u.Digest:
				return at, fmt.Errorf("%w at %s: digests %s and %s", pair.ErrDiverged, u.Position, other, u.Digest)
			case both:
				compared++
			}
			digests[u.Position] = u.Digest
		}
	}
	// Equal sequences of different epochs would be different entries.
	if sequences := at.Sequence - min(at.Sequence, from) + 1; compared == 0 && !copied || uint64(len(digests)) > sequences {
		return at, fmt.Errorf("%w: between %d and %s the two histories have %d different entries, %d of them common", pair.ErrDiverged, from, at, len(digests), compared)
	}
	return at, nil
}

// ends names the first and the last of a page.
func ends(updates []bus.HistoryUpdate) string {
	if len(updates) == 0 {
		return "none"
	}
	return fmt.Sprintf("%s to %s", updates[0].Position, updates[len(updates)-1].Position)
}
