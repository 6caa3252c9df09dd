package updater

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/section"
)

// flipStored changes one byte of a value in the file of a host's database while the host runs, as a disk that lies
// would: bolt has no checksum of its own pages. It gives how often the value was found.
func flipStored(t *testing.T, h *host, key, value string) (times int) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(h.config.Data, storage.DatabaseName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; ; {
		i := bytes.Index(content[at:], []byte(key))
		if i < 0 {
			return times
		}
		at += i + len(key)
		// The key of a page is followed by revision and checksum, then by the value; that of a history entry is not.
		place := at + 12
		if place+len(value) > len(content) || string(content[place:place+len(value)]) != value {
			continue
		}
		if _, err := file.WriteAt([]byte{content[place] ^ 1}, int64(place)); err != nil {
			t.Fatal(err)
		}
		times++
	}
}

// verify has both databases compared and gives the outcome.
func (h *host) verify(repair bool) bus.VerifyState {
	h.t.Helper()
	begun := ordered(h, bus.CallVerify, bus.VerifyOrder{ID: fmt.Sprint("call ", time.Now().UnixNano()), By: "a test", Repair: repair})
	s := h.awaitVerify("the end of the comparison", func(s bus.VerifyState) bool { return !s.Running })
	if s.ID != begun.ID {
		h.t.Fatalf("the outcome is of %q, the order was %q", s.ID, begun.ID)
	}
	return s
}

// awaitVerify asks, as an operator does, until it is so.
func (h *host) awaitVerify(what string, holds func(bus.VerifyState) bool) bus.VerifyState {
	h.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		s := ordered(h, bus.CallVerifyState, bus.VerifyQuestion{})
		if holds(s) {
			return s
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: %s is not so: %+v", h.name, what, s)
		}
	}
}

// Both databases are compared, and the standby's repaired, while updates go on.
func TestVerify_FindsAndRepairsWhatADiskHasChanged(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	refused(a, bus.CallVerify, bus.VerifyOrder{ID: "x"})
	a.lead(1, false)
	a.pairUp(1)
	for i := range 300 {
		a.put(1, fmt.Sprintf("needle-%04d", i), fmt.Sprintf("value-%04d-%s", i, strings.Repeat("x", 100)))
	}
	defer a.overloaded(1)()

	if s := a.verify(false); !s.Clean() || s.Keys < 300 || s.Peer != "b" || s.Host != "a" {
		t.Fatalf("two equal databases: %+v", s)
	}
	b.await("the value is applied", func(s bus.UpdaterState) bool { return s.Applied.Sequence > 302 })
	if flipStored(t, b, "needle-0123", "value-0123-") == 0 {
		t.Fatal("the value is not in the standby's file")
	}
	s := a.verify(false)
	if s.Different != 1 || len(s.Named) != 1 || s.Clean() || s.Unfinished != "" {
		t.Fatalf("one byte was changed: %+v", s)
	}
	if d := s.Named[0]; d.Space != "kv" || d.Key != "needle-0123" || d.Kind != section.Different || d.Damaged != "b" || d.Repaired {
		t.Errorf("named is %+v", d)
	}
	// Only the active leads; the other host knows the outcome.
	refused(b, bus.CallVerify, bus.VerifyOrder{ID: "y"})
	a.await("applied", func(u bus.UpdaterState) bool { return u.System > 1 })
	b.awaitVerify("what the other host found", func(o bus.VerifyState) bool { return o.ID == s.ID })
	if s := a.verify(true); !s.Clean() || s.Repaired != 1 || !s.Named[0].Repaired {
		t.Fatalf("repaired: %+v", s)
	}
	if s := a.verify(false); !s.Clean() || s.Different != 0 {
		t.Fatalf("after the repair: %+v", s)
	}

	// What is damaged on the active is named and never copied.
	if flipStored(t, a, "needle-0200", "value-0200-") == 0 {
		t.Fatal("the value is not in the active's file")
	}
	if s := a.verify(true); s.Clean() || s.DamagedHere != 1 || s.Repaired != 0 || s.Named[0].Damaged != "a" {
		t.Fatalf("damage of the active: %+v", s)
	}
}

func TestTable_ChangesWholeOrNotAtAll(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	initial := []bus.TableRow{{ID: "t1", Address: "nats://10.0.0.1:1", By: "environment"}, {ID: "t2", Address: "nats://10.0.0.2:1", By: "environment"}}
	change := func(h *host, q bus.TableChange) (bus.TableChanged, error) {
		q.Initial = initial
		return tryOrder(h, bus.CallTableChange, q, patience)
	}
	row := func(id, address string) []bus.TableRow { return []bus.TableRow{{ID: id, Address: address}} }
	if c, err := change(a, bus.TableChange{Add: row("t3", "nats://10.0.0.3:1")}); !errors.Is(err, bus.ErrRefused) {
		t.Fatalf("a host without a term changes the table: %+v, %v", c, err)
	}
	a.lead(1, false)
	a.pairUp(1)
	if p := ordered(a, bus.CallTable, bus.TableRequest{}); p.Revision != 0 || len(p.Rows) != 0 {
		t.Fatalf("before the first change: %+v", p)
	}
	before := a.await("a beat", func(s bus.UpdaterState) bool { return s.Epoch == 1 }).System
	first, err := change(a, bus.TableChange{Add: row("t3", "nats://10.0.0.3:1")})
	if err != nil || !first.Began || first.Total != 3 {
		t.Fatalf("the first change: %+v, %v", first, err)
	}
	a.await("main is told", func(s bus.UpdaterState) bool { return s.System > before })
	for name, q := range map[string]bus.TableChange{
		"an id that is there":       {Add: row("t1", "nats://10.0.0.9:1")},
		"an address that is there":  {Add: row("t9", "nats://10.0.0.2:1")},
		"no address":                {Add: row("t9", "10.0.0.9:1")},
		"no id":                     {Add: row("t 9", "nats://10.0.0.9:1")},
		"one good, one bad":         {Add: append(row("t9", "nats://10.0.0.9:1"), row("t1", "nats://10.0.0.8:1")...)},
		"removing what is not":      {Remove: []string{"t9"}},
		"nothing":                   {},
		"the same address twice":    {Add: append(row("t8", "nats://10.0.0.9:1"), row("t9", "nats://10.0.0.9:1")...)},
		"two hosts in one address":  {Add: row("t9", "nats://10.0.0.9:1,nats://10.0.0.8:1")},
		"removed and not added":     {Remove: []string{"t1", "t1"}},
		"more than one change does": {Remove: make([]string, systemspace.MaxTableChange+1)},
	} {
		if c, err := change(a, q); !errors.Is(err, bus.ErrRefused) || c.Revision != first.Revision {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	moved, err := change(a, bus.TableChange{Remove: []string{"t1"}, Add: row("t1", "nats://10.0.1.1:1")})
	if err != nil || moved.Total != 3 || moved.Began || moved.Revision <= first.Revision {
		t.Fatalf("a terminal moves: %+v, %v", moved, err)
	}
	want := "t1=nats://10.0.1.1:1 t2=nats://10.0.0.2:1 t3=nats://10.0.0.3:1 "
	for _, h := range []*host{a, b} {
		h.await("the change is committed", func(s bus.UpdaterState) bool { return !s.Committed.Before(moved.Position) })
		got, after := "", ""
		for more := true; more; {
			p := ordered(h, bus.CallTable, bus.TableRequest{After: after, Limit: 2})
			for _, r := range p.Rows {
				got, after = got+r.ID+"="+r.Address+" ", r.ID
			}
			if more = p.More; p.Revision != moved.Revision {
				t.Errorf("%s has revision %d", h.name, p.Revision)
			}
		}
		if got != want {
			t.Errorf("%s has %q, want %q", h.name, got, want)
		}
	}
}

// The first change makes a long list of the environment the table, in several updates of which the last one counts.
func TestTable_BeginsWithThousands(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	var initial []bus.TableRow
	for n := range 5000 {
		initial = append(initial, bus.TableRow{ID: fmt.Sprintf("t%05d", n), Address: fmt.Sprintf("nats://10.0.%d.%d:4222", n/250, n%250)})
	}
	c := ordered(a, bus.CallTableChange, bus.TableChange{Initial: initial, Add: []bus.TableRow{{ID: "new", Address: "nats://10.1.0.0:1"}}})
	if c.Total != 5001 {
		t.Fatalf("%+v", c)
	}
	p := ordered(a, bus.CallTable, bus.TableRequest{Limit: systemspace.MaxTablePage})
	if len(p.Rows) != systemspace.MaxTablePage || !p.More || p.Revision != c.Revision {
		t.Fatalf("%d rows, more %v", len(p.Rows), p.More)
	}
	if c := ordered(a, bus.CallTableChange, bus.TableChange{Initial: initial, Remove: []string{"t00000"}}); c.Total != 5000 || c.Began {
		t.Fatalf("%+v", c)
	}
}
