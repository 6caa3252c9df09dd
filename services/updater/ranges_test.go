package updater

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
)

// scanned is the range of a first page that had room for all, as it was at the reply's position.
func scanned(prefix string, r bus.DatabaseReply) keyrange.Range {
	return keyrange.Range{Prefix: []byte(prefix), Keys: uint64(len(r.Items)), Sequence: r.Position.Sequence}
}

// TestRanges_OneOfManyGetsIn: clients that each insert a key if no other begins like it. They meet in frames and across
// them, and one of them gets in, never two.
func TestRanges_OneOfManyGetsIn(t *testing.T) {
	const clients, rounds = 8, 50
	a := newHost(t, "a", processtest.Address(t), processtest.Address(t)).start()
	a.lead(1, false)
	var mu sync.Mutex
	winners, conflicts := map[string]int{}, 0
	var working sync.WaitGroup
	for client := range clients {
		working.Go(func() {
			for round := range rounds {
				prefix := fmt.Sprintf("seat-%d/", round)
				for {
					page := a.call(bus.DatabaseCall{Scan: &bus.Scan{Prefix: []byte(prefix)}})
					if page.Code != bus.CodeOK {
						t.Errorf("scan: %+v", page)
						return
					}
					if len(page.Items) > 0 {
						break
					}
					r := a.call(bus.DatabaseCall{Commit: request{Epoch: 1,
						Ranges:     []keyrange.Range{scanned(prefix, page)},
						Operations: []bus.Operation{drafttest.Put(fmt.Sprint(prefix, client), "taken")},
					}.Commit(testKey)})
					mu.Lock()
					switch {
					case r.Code == bus.CodeOK:
						winners[prefix]++
					case r.Code == bus.CodeConflict && len(r.Moved) == 1 && r.Moved[0] == 0:
						conflicts++
					default:
						t.Errorf("commit: %+v", r)
					}
					mu.Unlock()
				}
			}
		})
	}
	working.Wait()
	t.Logf("%d conflicts", conflicts)
	if conflicts == 0 {
		t.Error("no two of them met")
	}
	for round := range rounds {
		prefix := fmt.Sprintf("seat-%d/", round)
		if page := a.call(bus.DatabaseCall{Scan: &bus.Scan{Prefix: []byte(prefix)}}); len(page.Items) != 1 || winners[prefix] != 1 {
			t.Errorf("%s has %d keys, %d clients were told that theirs is in", prefix, len(page.Items), winners[prefix])
		}
	}
}

// TestRanges_KeepReadsTogether: further pages and reads are of a position at which the pages before are as they were, however
// much is committed elsewhere; a key that has come, gone or changed in them is a conflict.
func TestRanges_KeepReadsTogether(t *testing.T) {
	a := newHost(t, "a", processtest.Address(t), processtest.Address(t)).start()
	a.lead(1, false)
	for _, key := range []string{"a1", "a2", "a3", "b1", "other"} {
		a.put(1, key, "v")
	}
	first := a.call(bus.DatabaseCall{Scan: &bus.Scan{Prefix: []byte("a"), Limit: 2}})
	read := keyrange.Range{Prefix: []byte("a"), Through: []byte("a2"), Keys: 2, Sequence: first.Position.Sequence}
	was := first.Items[0].Revision
	scan := func() bus.DatabaseReply {
		return a.call(bus.DatabaseCall{Scan: &bus.Scan{
			Prefix: []byte("a"), After: []byte("a2"), Ranges: []keyrange.Range{read}, Conditions: []bus.Condition{drafttest.Has("a1", was), drafttest.Present("b1")},
		}})
	}
	get := func() bus.DatabaseReply {
		return a.call(bus.DatabaseCall{Read: &bus.Read{Keys: [][]byte{[]byte("b1")}, Ranges: []keyrange.Range{read}}})
	}
	a.put(1, "other", "w")
	a.put(1, "a3", "w")
	second := scan()
	if second.Code != bus.CodeOK || len(second.Items) != 1 || string(second.Items[0].Value) != "w" || second.Position == first.Position {
		t.Errorf("the second page: %+v", second)
	}
	if r := get(); r.Code != bus.CodeOK || len(r.Items) != 1 {
		t.Errorf("a read: %+v", r)
	}
	a.put(1, "a11", "phantom")
	if r := scan(); r.Code != bus.CodeConflict || fmt.Sprint(r.Moved) != "[0]" || len(r.Conflicts) != 0 {
		t.Errorf("a page beside a range in which a key has come: %+v", r)
	}
	if r := get(); r.Code != bus.CodeConflict || fmt.Sprint(r.Moved) != "[0]" {
		t.Errorf("a read beside it: %+v", r)
	}
	read = keyrange.Range{Sequence: first.Position.Sequence, Prefix: []byte("nothing")}
	a.put(1, "a1", "w")
	if r := scan(); r.Code != bus.CodeConflict || fmt.Sprintf("%s", r.Conflicts) != "[a1]" || len(r.Moved) != 0 {
		t.Errorf("a page beside a key that has changed: %+v", r)
	}
	read.Through = []byte("elsewhere")
	for name, r := range map[string]bus.DatabaseReply{"scan": scan(), "read": get()} {
		if r.Code != bus.CodeMalformed || r.Message == "" {
			t.Errorf("%s with a range that is none: %+v", name, r)
		}
	}
}
