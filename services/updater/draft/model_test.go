package draft_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// model is what commits mean, without frames: one after the other on a map.
type model struct {
	sequence uint64
	keys     map[string]uint64
	done     map[bus.RequestID]uint64
}

func (m *model) commit(c *drafttest.Request, saw []seen) string {
	if at, ok := m.done[c.ID]; ok {
		return fmt.Sprintf("recorded %d", at)
	}
	for i := range saw {
		if !maps.Equal(saw[i].keys, m.scan(saw[i].Range).keys) {
			return "409"
		}
	}
	for _, want := range c.Conditions {
		have := m.keys[string(want.Key)]
		if want.Present && have == 0 || !want.Present && have != want.Revision {
			return "409"
		}
	}
	if len(c.Operations) == 0 && !c.Record {
		return "nothing"
	}
	m.sequence++
	for _, o := range c.Operations {
		if m.keys[string(o.Key)] = m.sequence; o.Delete {
			delete(m.keys, string(o.Key))
		}
	}
	if c.ID != (bus.RequestID{}) {
		m.done[c.ID] = m.sequence
	}
	return fmt.Sprintf("+%d", m.sequence)
}

// seen is a range with what was in it.
type seen struct {
	keyrange.Range
	keys map[string]uint64
}

// scan is a range as it is now.
func (m *model) scan(r keyrange.Range) seen {
	s := seen{r, map[string]uint64{}}
	for key, revision := range m.keys {
		if r.Contains([]byte(key)) {
			s.keys[key] = revision
		}
	}
	s.Keys, s.Sequence = uint64(len(s.keys)), m.sequence
	return s
}

func outcome(r bus.DatabaseReply) string {
	switch {
	case r.Recorded != nil:
		return fmt.Sprintf("recorded %d", r.Position.Sequence)
	case r.Code != bus.CodeOK:
		return fmt.Sprint(r.Code)
	case r.Position.IsZero():
		return "nothing"
	}
	return fmt.Sprintf("+%d", r.Position.Sequence)
}

// TestDraft_FramesDoNotChangeMeaning: whatever the frames are cut like, and whenever bolt is brought up, commits mean
// what they mean one after the other. Ranges are those of committed states before; what was in them then must be in them
// now, and nothing else.
func TestDraft_FramesDoNotChangeMeaning(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 3))
	store := drafttest.Store(t)
	m := &model{sequence: 1, keys: map[string]uint64{}, done: map[bus.RequestID]uint64{}}
	var reads []seen // of committed states, this one's at the end
	for frame := range 400 {
		for range 1 + random.IntN(3) {
			reads = append(reads, m.scan(randomRange(random)))
		}
		reads = reads[max(0, len(reads)-12):]
		d := draft.New(1, store.Committed(), int64(frame+2))
		err := store.View(func(r *storage.Reader) error {
			for range random.IntN(8) {
				c, saw := randomCommit(random, m, reads)
				call, refused := c.Admitted()
				if refused != nil {
					t.Fatalf("refused: %+v", refused)
				}
				want := m.commit(c, saw)
				if got := outcome(d.Add(draft.Committed{Reader: r}, call).Reply); got != want {
					t.Fatalf("frame %d: %+v: got %s, want %s", frame, c, got, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Entries()) > 0 {
			if err := store.Commit(d.Entries()...); err != nil {
				t.Fatal(err)
			}
		}
		if random.IntN(10) == 0 {
			if _, err := store.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 6 {
		key := fmt.Sprintf("k%d", i)
		err := store.View(func(r *storage.Reader) error {
			if _, got, _ := r.Get("kv", []byte(key)); got != m.keys[key] {
				t.Errorf("%s has revision %d, want %d", key, got, m.keys[key])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func randomRange(random *rand.Rand) (r keyrange.Range) {
	r.Prefix = []byte([]string{"", "k", "k2", "n"}[random.IntN(4)])
	if random.IntN(3) == 0 {
		r.After = []byte(fmt.Sprintf("k%d", random.IntN(6)))
	}
	if random.IntN(3) == 0 {
		if r.Through = []byte(fmt.Sprintf("k%d", random.IntN(6))); r.Validate(history.MaxKey) != nil {
			r.Through = nil
		}
	}
	return r
}

func randomCommit(random *rand.Rand, m *model, reads []seen) (c *drafttest.Request, saw []seen) {
	c = &drafttest.Request{Epoch: 1, Record: random.IntN(8) == 0}
	if c.Record || random.IntN(2) == 0 {
		c.ID = drafttest.Counter(1 + random.Uint64N(300))
	}
	for range random.IntN(3) {
		key := fmt.Sprintf("k%d", random.IntN(6))
		switch random.IntN(4) {
		case 0:
			c.Conditions = append(c.Conditions, drafttest.Present(key))
		case 1:
			c.Conditions = append(c.Conditions, drafttest.Has(key, 0))
		default:
			c.Conditions = append(c.Conditions, drafttest.Has(key, m.keys[key])) // holds
		}
	}
	for range random.IntN(3) {
		key := fmt.Sprintf("k%d", random.IntN(6))
		if random.IntN(4) == 0 {
			c.Operations = append(c.Operations, drafttest.Del(key))
		} else {
			c.Operations = append(c.Operations, drafttest.Put(key, "v"))
		}
	}
	for range random.IntN(3) {
		one := reads[len(reads)-1-random.IntN(min(len(reads), 1+random.IntN(12)))]
		c.Ranges, saw = append(c.Ranges, one.Range), append(saw, one)
	}
	return c, saw
}

// FuzzCommit: whatever a service sends, and whatever terminal-if says of its request, it is decided or refused; nothing panics,
// and what is in the frame chains.
func FuzzCommit(f *testing.F) {
	for _, c := range []drafttest.Request{
		{},
		{ID: drafttest.Counter(1), Oldest: 1, Epoch: 1, Operations: []bus.Operation{drafttest.Put("k", "v"), drafttest.Del("k")}, Answer: bus.Answer{Body: []byte(`{}`), Revision: true}},
		{ID: bus.RequestID{Terminal: "t", App: "2026-01-02T15:04:05Z/x"}, Record: true, Conditions: []bus.Condition{drafttest.Has("k", 3), drafttest.Present("")}},
		{Ranges: []keyrange.Range{{Prefix: []byte("k"), After: []byte("k1"), Through: []byte("k2"), Keys: 3, Sequence: 9}}, Operations: []bus.Operation{drafttest.Put("k", "v")}},
	} {
		raw, err := bus.Encode(bus.DatabaseCall{Commit: c.Commit(ticket.NewKey())})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, c.ID.Terminal, c.ID.App, c.ID.Counter, c.Oldest)
	}
	f.Fuzz(func(t *testing.T, raw []byte, terminal, app string, n, floor uint64) {
		var c bus.DatabaseCall
		if bus.Decode(raw, &c) != nil || c.Commit == nil {
			return
		}
		asked := ticket.Ticket{ID: bus.RequestID{Terminal: terminal, App: app, Counter: n}, Floor: floor}
		end := history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}
		d := draft.New(7, end, 1)
		for range 2 {
			call, refused := draft.NewCommit("kv", asked, c.Commit)
			if refused != nil {
				return
			}
			d.Add(fakeState{}, &call)
		}
		for _, e := range d.Entries() {
			if err := e.Follows(end); err != nil {
				t.Fatal(err)
			}
			if e.Entry.Floor() > n {
				t.Fatalf("floor %d of a request with number %d", e.Entry.Floor(), n)
			}
			end = e.Mark()
		}
	})
}
