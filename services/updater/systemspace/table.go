package systemspace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// tablePage is how many terminals a page of the table has that is asked for without a limit, MaxTablePage how many any has.
	tablePage    = 1000
	MaxTablePage = 5000
	// MaxTableChange is how many terminals a change adds and removes at most, and how many one update carries.
	MaxTableChange = 2000
	// tableTries is how often a change is worked out again because another one came first.
	tableTries = 8
)

// errTable says that a change does not fit what the table holds.
var errTable = errors.New("the terminal table was not changed")

// tableHead is the value under bus.SystemTerminals: its presence says that there is a table, its revision which one.
type tableHead struct {
	Total int `json:"total"`
}

// tableEntry is the value of one terminal.
type tableEntry struct {
	Address string    `json:"address"`
	Added   time.Time `json:"added,omitzero"`
	By      string    `json:"by,omitempty"`
}

func tableKey(id string) []byte { return []byte(bus.SystemTerminals + "/" + id) }

// tableOf answers bus.TableRequest from what is committed, in either role.
func tableOf(s Viewer, q bus.TableRequest) (bus.TablePage, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = tablePage
	}
	page := bus.TablePage{Rows: []bus.TableRow{}}
	err := s.View(func(r *storage.Reader) (err error) {
		page.Position = r.Position()
		_, page.Revision, _ = r.Get(bus.SystemSpace, []byte(bus.SystemTerminals))
		if page.Revision == 0 {
			return nil
		}
		var after []byte
		if q.After != "" {
			after = tableKey(q.After)
		}
		page.Rows, page.More, err = tableRows(r, after, min(limit, MaxTablePage))
		return err
	})
	if err != nil {
		return bus.TablePage{Rows: []bus.TableRow{}}, err
	}
	return page, nil
}

// tableRows reads rows behind a key, in the order of ids.
func tableRows(r *storage.Reader, after []byte, limit int) (rows []bus.TableRow, more bool, err error) {
	rows = []bus.TableRow{}
	for more = true; more && len(rows) < limit; {
		var items []storage.Item
		items, more = r.Scan(bus.SystemSpace, tableKey(""), after, min(limit-len(rows), 1000), 0)
		for _, it := range items {
			var e tableEntry
			if err := json.Unmarshal(it.Value, &e); err != nil {
				return rows, false, fmt.Errorf("terminal %q in the table: %w", it.Key, err)
			}
			rows = append(rows, bus.TableRow{
				ID: strings.TrimPrefix(string(it.Key), string(tableKey(""))), Address: e.Address, Added: e.Added, By: e.By,
			})
			after = it.Key
		}
		if len(items) == 0 {
			break
		}
	}
	return rows, more, nil
}

// table is all of it at one position.
type table struct {
	revision uint64
	at       position.Position
	rows     []bus.TableRow // what is stored, in order; left over from a beginning that was cut off when revision is 0
}

func readTable(s Viewer) (t table, err error) {
	err = s.View(func(r *storage.Reader) (err error) {
		t.at = r.Position()
		_, t.revision, _ = r.Get(bus.SystemSpace, []byte(bus.SystemTerminals))
		t.rows, _, err = tableRows(r, nil, 2*bus.MaxTerminals)
		return err
	})
	return t, err
}

// changeTable answers bus.TableChange. A change that comes between is seen by the revision of the table's head, and
// this one is worked out again.
func (s *Space) changeTable(ctx context.Context, q bus.TableChange) (bus.TableChanged, error) {
	ctx, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	if err := journal.Acquire(ctx, s.tables); err != nil {
		return bus.TableChanged{}, err
	}
	defer s.tables.Release(1)
	for range tableTries {
		now, err := readTable(s.store)
		if err != nil {
			return bus.TableChanged{}, err
		}
		plan, err := planTable(now, q)
		if err != nil {
			return bus.TableChanged{Revision: now.revision, Position: now.at, Total: len(now.rows)}, fmt.Errorf("%w: %w", bus.ErrRefused, err)
		}
		at, again, err := s.carryOutTable(ctx, now, plan)
		switch {
		case again:
			continue
		case errors.Is(err, ErrNotServed):
			return bus.TableChanged{}, fmt.Errorf("%w: %w", bus.ErrRefused, err)
		case err != nil:
			return bus.TableChanged{}, err
		}
		s.committer.Beat()
		return bus.TableChanged{Revision: at.Sequence, Position: at, Began: now.revision == 0, Total: plan.total}, nil
	}
	return bus.TableChanged{}, errors.New("the table is being changed by others; try again")
}

// tablePlan is a change as operations; the head is written with the last of them.
type tablePlan struct {
	operations []bus.Operation
	total      int
}

// planTable works out what a change does to a table. The error is errTable with what stands against it.
func planTable(now table, q bus.TableChange) (plan tablePlan, err error) {
	if len(q.Add)+len(q.Remove) == 0 {
		return plan, fmt.Errorf("%w: it changes nothing", errTable)
	}
	if len(q.Add)+len(q.Remove) > MaxTableChange {
		return plan, fmt.Errorf("%w: %d terminals at once, at most %d", errTable, len(q.Add)+len(q.Remove), MaxTableChange)
	}
	then, byAddress := map[string]bus.TableRow{}, map[string]string{}
	begin := now.rows
	if now.revision == 0 {
		begin = q.Initial
	}
	for _, row := range begin {
		then[row.ID], byAddress[row.Address] = row, row.ID
	}
	for _, id := range q.Remove {
		row, known := then[id]
		if !known {
			return plan, fmt.Errorf("%w: there is no terminal %q", errTable, id)
		}
		delete(then, id)
		if byAddress[row.Address] == id {
			delete(byAddress, row.Address)
		}
		plan.operations = append(plan.operations, bus.Operation{Key: tableKey(id), Delete: true})
	}
	for _, row := range q.Add {
		if err := config.CheckTerminal(row.ID, row.Address); err != nil {
			return plan, fmt.Errorf("%w: terminal %q at %q: %w", errTable, row.ID, row.Address, err)
		}
		if had, known := then[row.ID]; known {
			return plan, fmt.Errorf("%w: there is a terminal %s already, at %s; remove it first to move it", errTable, row.ID, had.Address)
		}
		if other, known := byAddress[row.Address]; known {
			return plan, fmt.Errorf("%w: %s is the address of terminal %s already", errTable, row.Address, other)
		}
		then[row.ID], byAddress[row.Address] = row, row.ID
	}
	if len(then) > bus.MaxTerminals {
		return plan, fmt.Errorf("%w: it would have %d terminals, at most %d", errTable, len(then), bus.MaxTerminals)
	}
	if now.revision == 0 {
		return beginTable(now.rows, then)
	}
	for _, row := range q.Add {
		if plan.operations, err = putRow(plan.operations, row); err != nil {
			return plan, err
		}
	}
	plan.total = len(then)
	return plan, nil
}

// beginTable writes all rows, and deletes what is left of a beginning that was cut off.
func beginTable(left []bus.TableRow, then map[string]bus.TableRow) (plan tablePlan, err error) {
	for _, row := range left {
		if _, wanted := then[row.ID]; !wanted {
			plan.operations = append(plan.operations, bus.Operation{Key: tableKey(row.ID), Delete: true})
		}
	}
	rows := make([]bus.TableRow, 0, len(then))
	for _, row := range then {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b bus.TableRow) int { return cmp.Compare(a.ID, b.ID) })
	for _, row := range rows {
		if plan.operations, err = putRow(plan.operations, row); err != nil {
			return plan, err
		}
	}
	plan.total = len(rows)
	return plan, nil
}

func putRow(operations []bus.Operation, row bus.TableRow) ([]bus.Operation, error) {
	value, err := json.Marshal(tableEntry{Address: row.Address, Added: row.Added, By: row.By})
	if err != nil {
		return nil, fmt.Errorf("terminal %s: %w", row.ID, err)
	}
	return append(operations, bus.Operation{Key: tableKey(row.ID), Value: value}), nil
}

// carryOutTable commits a plan, the head last: what a beginning wrote before it counts for nothing until then. again:
// the table was changed meanwhile.
func (s *Space) carryOutTable(ctx context.Context, now table, plan tablePlan) (at position.Position, again bool, err error) {
	head, err := json.Marshal(tableHead{Total: plan.total})
	if err != nil {
		return at, false, err
	}
	conditions := []bus.Condition{{Key: []byte(bus.SystemTerminals), Revision: now.revision}}
	for operations := plan.operations; ; operations = operations[MaxTableChange:] {
		last := len(operations) <= MaxTableChange
		part := operations[:min(len(operations), MaxTableChange)]
		if last {
			part = append(slices.Clip(part), bus.Operation{Key: []byte(bus.SystemTerminals), Value: head})
		}
		reply, err := s.Submit(ctx, conditions, part)
		switch {
		case err != nil:
			return at, false, err
		case reply.Code == bus.CodeConflict:
			return at, true, nil
		case reply.Code != bus.CodeOK:
			return at, false, refusedBy(reply)
		case last:
			return reply.Position, false, nil
		}
	}
}

// EmptyTable gives the effects that leave a table without terminals, which counts all the same; each piece is one update, the head
// in the last. terminals is how many there were.
func EmptyTable(s Viewer) (pieces [][]history.Effect, terminals int, err error) {
	now, err := readTable(s)
	if err != nil {
		return nil, 0, err
	}
	head, err := json.Marshal(tableHead{})
	if err != nil {
		return nil, 0, err
	}
	for rows := range slices.Chunk(now.rows, MaxTableChange) {
		piece := make([]history.Effect, len(rows))
		for i, row := range rows {
			piece[i] = history.Effect{Key: tableKey(row.ID), Delete: true}
		}
		pieces = append(pieces, piece)
	}
	return append(pieces, []history.Effect{{Key: []byte(bus.SystemTerminals), Value: head}}), len(now.rows), nil
}
