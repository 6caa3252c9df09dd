package mainprocess

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

const (
	// tablePage is how many terminals of the table are asked for at once.
	tablePage = 5000
	// tableDeadline bounds an order about the table: a change may wait for the other host's patience.
	tableDeadline = 10 * time.Second
	// probeDeadline bounds the probing of a page, in which every terminal may be silent.
	probeDeadline = 20 * time.Second
)

// tables follows the table of terminals: the updater tells that the pair's own key space has changed, main reads the table, and
// tells terminal-if when it is another one. It is the same on both hosts, each at its own pace.
type tables struct {
	mu       sync.Mutex
	reading  bool
	again    bool // it changed while it was read
	known    bool
	revision uint64
	rows     []bus.TableRow // in the order of ids
}

// now gives the list as it is known; revision 0 is that of the environment.
func (t *tables) now() (revision uint64, rows []bus.TableRow, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.revision, t.rows, t.known
}

// environment is the list of HOTPAIR_TERMINALS in the order of ids.
func (h *host) environment() []bus.TableRow {
	rows := make([]bus.TableRow, 0, len(h.config.Terminals))
	for _, t := range h.config.Terminals {
		rows = append(rows, bus.TableRow{ID: t.ID, Address: t.URL, By: "environment"})
	}
	slices.SortFunc(rows, func(a, b bus.TableRow) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// systemChanged has what main needs of the system's key space read, once at a time.
func (h *host) systemChanged() {
	t := &h.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reading {
		t.again = true
		return
	}
	t.reading = true
	h.driver.work.Go(func() {
		for {
			h.readTable()
			h.recallVerify()
			t.mu.Lock()
			more := t.again && h.ctx.Err() == nil
			t.again = false
			if !more {
				t.reading = false
				t.mu.Unlock()
				return
			}
			t.mu.Unlock()
		}
	})
}

// readTable reads the whole table. When that fails the updater is down, or in the middle of a copy, and tells when that
// is over.
func (h *host) readTable() {
	var rows []bus.TableRow
	var revision uint64
	for after, first := "", true; ; first = false {
		page, err := bus.CallTable.PostWait(h.ctx, h.orders, bus.TableRequest{After: after, Limit: tablePage}, tableDeadline)
		if err != nil {
			h.log.Debug("the table of terminals can't be read", "error", err)
			return
		}
		if !first && page.Revision != revision {
			rows, after, first = nil, "", true
			continue
		}
		revision = page.Revision
		rows = append(rows, page.Rows...)
		if !page.More || len(page.Rows) == 0 {
			break
		}
		after = page.Rows[len(page.Rows)-1].ID
	}
	if revision == 0 {
		rows = h.environment()
	}
	t := &h.tables
	t.mu.Lock()
	changed := !t.known && revision != 0 || t.known && t.revision != revision
	t.known, t.revision, t.rows = true, revision, rows
	t.mu.Unlock()
	if changed {
		h.log.Info("the table of terminals has changed", "terminals", len(rows), "revision", revision)
		t.tell(h)
	}
}

// tell orders terminal-if to have the terminals of the table. Until the table was read it has those of the environment.
func (t *tables) tell(h *host) {
	t.mu.Lock() // so that orders keep the order of what they say
	defer t.mu.Unlock()
	if !t.known || !h.processes.isUp(bus.ProcessTerminalInterface) {
		return // told when it is up
	}
	order := bus.SetTerminals{Revision: t.revision, Terminals: t.rows}
	bus.CallTerminals.Post(h.orders, order, tableDeadline, func(_ bus.Done, err error) {
		if err == nil {
			return
		}
		h.log.Warn("terminal-if did not take the table of terminals", "error", err)
		if h.ctx.Err() == nil && !fault.Remote(err) && h.processes.isUp(bus.ProcessTerminalInterface) {
			t.tell(h)
		}
	})
}

// addTerminals adds terminals to the table. Only the active can.
func (h *host) addTerminals(ctx context.Context, caller operator.Caller, q operator.AddTerminals) (operator.TerminalsChanged, error) {
	change := bus.TableChange{}
	for _, a := range q.Terminals {
		change.Add = append(change.Add, bus.TableRow{ID: a.ID, Address: a.Address, Added: time.Now().UTC().Truncate(time.Second), By: caller.From})
	}
	return h.changeTable(ctx, caller, change, fmt.Sprintf("%d terminals added", len(q.Terminals)))
}

// removeTerminals takes terminals out of the table. Only the active can.
func (h *host) removeTerminals(ctx context.Context, caller operator.Caller, q operator.RemoveTerminals) (operator.TerminalsChanged, error) {
	return h.changeTable(ctx, caller, bus.TableChange{Remove: q.IDs}, fmt.Sprintf("%d terminals removed", len(q.IDs)))
}

func (h *host) changeTable(ctx context.Context, caller operator.Caller, change bus.TableChange, what string) (operator.TerminalsChanged, error) {
	change.Initial = h.environment()
	done, err := bus.CallTableChange.PostWait(ctx, h.orders, change, tableDeadline)
	result := operator.TerminalsChanged{ID: caller.ID, Revision: done.Revision, Position: done.Position, Began: done.Began, Total: done.Total}
	if err := updaterSaid(err); err != nil {
		return result, err
	}
	h.noteOutcome(caller, "terminals", fmt.Sprintf("%s by %s; the table has %d now", what, caller.From, done.Total))
	return result, nil
}

// terminals gives a page of the list with what both hosts have with each.
func (h *host) terminals(ctx context.Context, caller operator.Caller, q operator.TerminalsRequest) (operator.TerminalsPage, error) {
	revision, rows, known := h.tables.now()
	page := operator.TerminalsPage{Source: operator.SourceTable, Revision: revision, Terminals: []operator.TerminalRow{}}
	if !known {
		rows = h.environment()
	}
	if revision == 0 {
		page.Source = operator.SourceEnvironment
	}
	rows, page.Total, page.More = pageOfRows(rows, q.After, q.Limit)
	for _, r := range rows {
		page.Terminals = append(page.Terminals, operator.TerminalRow{
			ID: r.ID, Address: r.Address, Added: r.Added, By: r.By, Hosts: map[string]operator.TerminalSeen{},
		})
	}
	order := bus.ListTerminals{After: q.After, Limit: q.Limit}
	both(ctx, h, caller, operator.PartTerminals, order, h.listOwn, func(host string, list bus.ListedTerminals, problem string) {
		page.Hosts = append(page.Hosts, operator.TerminalsHost{Host: host, Problem: problem})
		seen := map[string]bus.TerminalDetail{}
		for _, d := range list.Terminals {
			seen[d.ID] = d
		}
		for i := range page.Terminals {
			if d, ok := seen[page.Terminals[i].ID]; ok {
				page.Terminals[i].Hosts[host] = operator.SeenOf(d)
			}
		}
	})
	return page, nil
}

// probeTerminals dials terminals from both hosts.
func (h *host) probeTerminals(ctx context.Context, caller operator.Caller, q operator.ProbeRequest) (operator.ProbePage, error) {
	_, rows, known := h.tables.now()
	if !known {
		rows = h.environment()
	}
	page := operator.ProbePage{Terminals: []operator.ProbedTerminal{}}
	if len(q.IDs) > 0 {
		addresses := map[string]bus.TableRow{}
		for _, r := range rows {
			addresses[r.ID] = r
		}
		rows = nil
		for _, id := range q.IDs {
			r, ok := addresses[id]
			if !ok {
				return page, fmt.Errorf("%w: there is no terminal %q; hotpair terminals list names those there are", operator.ErrUsage, id)
			}
			rows = append(rows, r)
		}
		page.Total = len(rows)
	} else {
		rows, page.Total, page.More = pageOfRows(rows, q.After, q.Limit)
	}
	// By row, not by id: a host that lags behind with the table can dial them all the same.
	order := bus.ProbeTerminals{Rows: rows, Epoch: h.driver.View().Known, Limit: len(rows)}
	for _, r := range rows {
		page.Terminals = append(page.Terminals, operator.ProbedTerminal{ID: r.ID, Address: r.Address, Hosts: map[string]operator.ProbeOutcome{}})
	}
	if len(rows) == 0 {
		return page, nil
	}
	both(ctx, h, caller, operator.PartProbe, order, h.probeOwn, func(host string, probed bus.ProbedTerminals, problem string) {
		page.Hosts = append(page.Hosts, operator.TerminalsHost{Host: host, Problem: problem})
		for _, p := range probed.Terminals {
			for i := range page.Terminals {
				if page.Terminals[i].ID == p.ID {
					page.Terminals[i].Hosts[host] = operator.OutcomeOf(p)
				}
			}
		}
	})
	return page, nil
}

func (h *host) listOwn(ctx context.Context, _ operator.Caller, q bus.ListTerminals) (bus.ListedTerminals, error) {
	list, err := bus.CallTerminalsList.PostWait(ctx, h.orders, q, orderDeadline)
	if err != nil {
		return list, fmt.Errorf("%w: terminal-if: %w", operator.ErrUnavailable, err)
	}
	return list, nil
}

func (h *host) probeOwn(ctx context.Context, _ operator.Caller, q bus.ProbeTerminals) (bus.ProbedTerminals, error) {
	probed, err := bus.CallTerminalsProbe.PostWait(ctx, h.orders, q, probeDeadline)
	if err != nil {
		return probed, fmt.Errorf("%w: terminal-if: %w", operator.ErrUnavailable, err)
	}
	return probed, nil
}

// both asks this host and the other one at the same time and gives what each says, this one's first; problem is why one
// says nothing.
func both[Q, A any](ctx context.Context, h *host, caller operator.Caller, part operator.Part[Q, A], q Q, own func(context.Context, operator.Caller, Q) (A, error), take func(host string, answer A, problem string)) {
	mine, other := registry.Shares(ctx, h.operations, part, caller, q, own)
	give := func(host string, s registry.Share[A]) {
		if s.Err != nil {
			var none A
			take(host, none, s.Err.Error())
			return
		}
		take(host, s.Answer, "")
	}
	give(h.config.Host, mine)
	name := "the other host"
	if v := h.driver.View(); v.HasPeer && v.Peer.Host != "" {
		name = v.Peer.Host
	}
	give(name, other)
}

// pageOfRows gives rows behind an id.
func pageOfRows(rows []bus.TableRow, after string, limit int) (page []bus.TableRow, total int, more bool) {
	from, found := slices.BinarySearchFunc(rows, after, func(r bus.TableRow, id string) int { return cmp.Compare(r.ID, id) })
	if found {
		from++
	}
	page = rows[from:min(from+limit, len(rows))]
	return page, len(rows), from+len(page) < len(rows)
}
