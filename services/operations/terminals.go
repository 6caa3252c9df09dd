package operations

import (
	"cmp"
	"context"
	"errors"
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
	// tablePage is how many terminals of the table are requested at once.
	tablePage = 5000
	// probeDeadline bounds probing a page in which every terminal may be silent.
	probeDeadline = 20 * time.Second
)

// tables follows the table of terminals: the updater reports that the pair's own key space has changed, main reads the
// table, and passes a changed one to terminal-if. Both hosts have the same table, each at its own pace.
type tables struct {
	readings sync.Mutex // one at a time
	mu       sync.Mutex
	reading  bool
	again    bool // the table changed while it was read
	known    bool
	revision uint64
	rows     []bus.TableRow // in the order of ids
}

// rows returns the list of terminals as last known; revision 0 is that of the environment.
func (o *Operations) rows() (revision uint64, rows []bus.TableRow) {
	t := &o.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.known {
		return t.revision, o.environment()
	}
	return t.revision, t.rows
}

// environment is the list of HOTPAIR_TERMINALS in the order of ids.
func (o *Operations) environment() []bus.TableRow {
	rows := make([]bus.TableRow, 0, len(o.Host.Terminals))
	for _, t := range o.Host.Terminals {
		rows = append(rows, bus.TableRow{ID: t.ID, Address: t.URL, By: "environment"})
	}
	slices.SortFunc(rows, func(a, b bus.TableRow) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// SystemChanged reads what main needs of the system's key space, one reading at a time.
func (o *Operations) SystemChanged() {
	t := &o.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reading {
		t.again = true
		return
	}
	t.reading = true
	o.Group.Go(func() {
		for {
			o.readOperators()
			o.readTable()
			o.readMembers()
			o.recallVerify()
			o.readBackups()
			o.tellSystemChanged()
			t.mu.Lock()
			more := t.again && o.ctx.Err() == nil
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

// tellSystemChanged makes terminal-if read what it needs of the pair's own key space. It also reads it when it starts.
func (o *Operations) tellSystemChanged() {
	if !o.Processes.IsUp(bus.ProcessTerminalInterface) {
		return
	}
	bus.CallSystemChanged.Post(o.Calls, bus.Done{}, tableDeadline, func(_ bus.Done, err error) {
		if err == nil {
			return
		}
		o.Log.Warn("terminal-if could not be told that the pair's own data have changed", "error", err)
		if o.ctx.Err() == nil && !fault.Remote(err) {
			o.Group.Go(o.tellSystemChanged)
		}
	})
}

// readTable reads the whole table. When that fails the updater is down, receiving a snapshot, or reporting change after
// change; the end of each is reported, and the table is read again then.
func (o *Operations) readTable() {
	o.tables.readings.Lock() // or an older one could come last
	defer o.tables.readings.Unlock()
	revision, rows, err := wholeTable(func(after string) (bus.TablePage, error) {
		return bus.CallTable.PostWait(o.ctx, o.Calls, bus.TableRequest{After: after, Limit: tablePage}, tableDeadline)
	})
	if err != nil {
		o.Log.Debug("the table of terminals can't be read", "error", err)
		return
	}
	if revision == 0 {
		rows = o.environment()
	}
	t := &o.tables
	t.mu.Lock()
	changed := !t.known && revision != 0 || t.known && t.revision != revision
	t.known, t.revision, t.rows = true, revision, rows
	t.mu.Unlock()
	if changed {
		o.Log.Info("the table of terminals has changed", "terminals", len(rows), "revision", revision)
		t.tell(o)
	}
}

// tableReadings bounds how often the reading of a table that changes between two pages is restarted.
const tableReadings = 16

// errTableMoves says that the table changed during each of tableReadings readings.
var errTableMoves = errors.New("the table changes faster than it can be read")

// wholeTable reads all pages of one revision, and restarts when the table changes between two of them. Errors: those
// of page, errTableMoves.
func wholeTable(page func(after string) (bus.TablePage, error)) (revision uint64, rows []bus.TableRow, err error) {
	for range tableReadings {
		rows = nil
		for after := ""; ; after = rows[len(rows)-1].ID {
			p, err := page(after)
			if err != nil {
				return 0, nil, err
			}
			if after == "" {
				revision = p.Revision
			} else if p.Revision != revision {
				break
			}
			rows = append(rows, p.Rows...)
			if !p.More || len(p.Rows) == 0 {
				return revision, rows, nil
			}
		}
	}
	return 0, nil, errTableMoves
}

// TellTerminals orders terminal-if, which is up, to have the terminals of the table.
func (o *Operations) TellTerminals() { o.tables.tell(o) }

// tell orders terminal-if to have the terminals of the table. Until the table was read it has those of the environment.
func (t *tables) tell(o *Operations) {
	t.mu.Lock() // so that orders keep the order of what they say
	defer t.mu.Unlock()
	if !t.known || !o.Processes.IsUp(bus.ProcessTerminalInterface) {
		return // it is ordered when it is up
	}
	order := bus.SetTerminals{Revision: t.revision, Terminals: t.rows}
	bus.CallTerminals.Post(o.Calls, order, tableDeadline, func(_ bus.Done, err error) {
		if err == nil {
			return
		}
		o.Log.Warn("terminal-if did not accept the table of terminals", "error", err)
		if o.ctx.Err() == nil && !fault.Remote(err) && o.Processes.IsUp(bus.ProcessTerminalInterface) {
			t.tell(o)
		}
	})
}

// answerTerminals answers about the table of terminals.
func (o *Operations) answerTerminals(r *registry.Registry) {
	registry.Answer(r, operator.CallTerminals, o.terminals)
	registry.Answer(r, operator.CallAddTerminals, o.addTerminals)
	registry.Answer(r, operator.CallRemoveTerminals, o.removeTerminals)
	registry.Answer(r, operator.CallProbeTerminals, o.probeTerminals)
	registry.Answer(r, operator.CallRotateReceipts, o.rotateReceipts)
	o.answerTimers(r)
	o.answerNotices(r)
	o.answerEmissions(r)
	registry.AnswerPart(r, operator.PartTerminals, o.listOwn)
	registry.AnswerPart(r, operator.PartProbe, o.probeOwn)
}

// addTerminals adds terminals to the table. Only the active can.
func (o *Operations) addTerminals(ctx context.Context, caller operator.Caller, q operator.AddTerminals) (operator.TerminalsChanged, error) {
	change := bus.TableChange{}
	for _, a := range q.Terminals {
		change.Add = append(change.Add, bus.TableRow{ID: a.ID, Address: a.Address, Added: time.Now().UTC().Truncate(time.Second), By: caller.By()})
	}
	return o.changeTable(ctx, caller, change, fmt.Sprintf("%d terminals added", len(q.Terminals)))
}

// removeTerminals removes terminals from the table. Only the active can.
func (o *Operations) removeTerminals(ctx context.Context, caller operator.Caller, q operator.RemoveTerminals) (operator.TerminalsChanged, error) {
	return o.changeTable(ctx, caller, bus.TableChange{Remove: q.IDs}, fmt.Sprintf("%d terminals removed", len(q.IDs)))
}

func (o *Operations) changeTable(ctx context.Context, caller operator.Caller, change bus.TableChange, what string) (operator.TerminalsChanged, error) {
	change.Initial = o.environment()
	done, err := bus.CallTableChange.PostWait(ctx, o.Calls, change, tableDeadline)
	result := operator.TerminalsChanged{ID: caller.ID, Revision: done.Revision, Position: done.Position, Began: done.Began, Total: done.Total}
	if err := updaterSaid(err); err != nil {
		return result, err
	}
	o.readTable() // the caller may ask for tokens of the added terminals next
	o.noteOutcome(caller, "terminals", fmt.Sprintf("%s by %s; the table has %d now", what, caller.By(), done.Total))
	return result, nil
}

// terminals returns a page of the list with the state of each terminal on both hosts.
func (o *Operations) terminals(ctx context.Context, caller operator.Caller, q operator.TerminalsRequest) (operator.TerminalsPage, error) {
	revision, rows := o.rows()
	page := operator.TerminalsPage{Source: operator.SourceTable, Revision: revision, Terminals: []operator.TerminalRow{}}
	if revision == 0 {
		page.Source = operator.SourceEnvironment
	}
	rows, page.Total, page.More = pageOfRows(rows, q.After, q.Limit)
	for _, r := range rows {
		page.Terminals = append(page.Terminals, operator.TerminalRow{
			ID: r.ID, Address: r.Address, Added: r.Added, By: r.By, Hosts: map[string]operator.TerminalSeen{}, Certificate: o.members.of(r.ID),
		})
	}
	order := bus.ListTerminals{After: q.After, Limit: q.Limit}
	both(ctx, o, caller, operator.PartTerminals, order, o.listOwn, func(host string, list bus.ListedTerminals, problem string) {
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
func (o *Operations) probeTerminals(ctx context.Context, caller operator.Caller, q operator.ProbeRequest) (operator.ProbePage, error) {
	_, rows := o.rows()
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
				return page, fmt.Errorf("%w: there is no terminal %q; hotpair terminals list shows all", operator.ErrUsage, id)
			}
			rows = append(rows, r)
		}
		page.Total = len(rows)
	} else {
		rows, page.Total, page.More = pageOfRows(rows, q.After, q.Limit)
	}
	// By row, not by id: a host whose table lags behind can dial them nonetheless.
	order := bus.ProbeTerminals{Rows: rows, Epoch: o.Machine.View().Known, Limit: len(rows)}
	for _, r := range rows {
		page.Terminals = append(page.Terminals, operator.ProbedTerminal{ID: r.ID, Address: r.Address, Hosts: map[string]operator.ProbeOutcome{}})
	}
	if len(rows) == 0 {
		return page, nil
	}
	both(ctx, o, caller, operator.PartProbe, order, o.probeOwn, func(host string, probed bus.ProbedTerminals, problem string) {
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

func (o *Operations) listOwn(ctx context.Context, _ operator.Caller, q bus.ListTerminals) (bus.ListedTerminals, error) {
	list, err := bus.CallTerminalsList.PostWait(ctx, o.Calls, q, callWithin)
	if err != nil {
		return list, fmt.Errorf("%w: terminal-if: %w", operator.ErrUnavailable, err)
	}
	return list, nil
}

func (o *Operations) probeOwn(ctx context.Context, _ operator.Caller, q bus.ProbeTerminals) (bus.ProbedTerminals, error) {
	probed, err := bus.CallTerminalsProbe.PostWait(ctx, o.Calls, q, probeDeadline)
	if err != nil {
		return probed, fmt.Errorf("%w: terminal-if: %w", operator.ErrUnavailable, err)
	}
	return probed, nil
}

// both asks this host and the other one concurrently and returns both answers, this one's first; problem is why one is
// missing.
func both[Q, A any](ctx context.Context, o *Operations, caller operator.Caller, part operator.Part[Q, A], q Q, own func(context.Context, operator.Caller, Q) (A, error), take func(host string, answer A, problem string)) {
	mine, other := registry.Shares(ctx, o.registry, part, caller, q, own)
	give := func(host string, s registry.Share[A]) {
		if s.Err != nil {
			var none A
			take(host, none, s.Err.Error())
			return
		}
		take(host, s.Answer, "")
	}
	give(o.Host.Host, mine)
	name := "the other host"
	if v := o.Machine.View(); v.HasPeer && v.Peer.Host != "" {
		name = v.Peer.Host
	}
	give(name, other)
}

// pageOfRows returns the rows after an id.
func pageOfRows(rows []bus.TableRow, after string, limit int) (page []bus.TableRow, total int, more bool) {
	from, found := slices.BinarySearchFunc(rows, after, func(r bus.TableRow, id string) int { return cmp.Compare(r.ID, id) })
	if found {
		from++
	}
	page = rows[from:min(from+limit, len(rows))]
	return page, len(rows), from+len(page) < len(rows)
}
