package operations

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// table is one of four pages of two rows, which changes before some of the pages are read.
type table struct {
	revision uint64
	asked    int
	changes  func(asked int) bool
}

func (x *table) page(after string) (bus.TablePage, error) {
	if x.asked++; x.asked > 1000 {
		return bus.TablePage{}, errors.New("asked for ever")
	}
	if x.changes(x.asked) {
		x.revision++
	}
	var rows []bus.TableRow
	for n := range 8 {
		if id := fmt.Sprintf("t%d", n); id > after {
			rows = append(rows, bus.TableRow{ID: id, Address: fmt.Sprint(x.revision)})
		}
	}
	return bus.TablePage{Revision: x.revision, Rows: rows[:min(2, len(rows))], More: len(rows) > 2}, nil
}

// A table that changed between two pages was read for ever: the reading began anew, and went on comparing with the revision
// that was gone.
func TestFault_A7_ATableThatChangesBetweenPagesIsReadAnew(t *testing.T) {
	for change := range 6 {
		x := &table{revision: 7, changes: func(asked int) bool { return asked == change }}
		revision, rows, err := wholeTable(x.page)
		if err != nil || len(rows) != 8 || revision != x.revision {
			t.Errorf("change at page %d: revision %d, %d rows, %v", change, revision, len(rows), err)
		}
		if slices.ContainsFunc(rows, func(r bus.TableRow) bool { return r.Address != fmt.Sprint(revision) }) {
			t.Errorf("change at page %d: rows of two revisions: %v", change, rows)
		}
	}
	x := &table{changes: func(int) bool { return true }}
	if _, _, err := wholeTable(x.page); !errors.Is(err, errTableMoves) {
		t.Errorf("a table that changes at each page: %v", err)
	}
}

func TestFault_A7_TheRestOfATableCanGo(t *testing.T) {
	asked := 0
	revision, rows, err := wholeTable(func(after string) (bus.TablePage, error) {
		asked++
		if after == "" {
			return bus.TablePage{Revision: 1, Rows: []bus.TableRow{{ID: "t1"}}, More: true}, nil
		}
		return bus.TablePage{Revision: 1, More: true}, nil // an end that says that there is more
	})
	if err != nil || revision != 1 || len(rows) != 1 || asked != 2 {
		t.Errorf("%d, %v, %v after %d", revision, rows, err, asked)
	}
}
