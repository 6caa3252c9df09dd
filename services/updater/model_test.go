package updater

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

func (m *model) commit(c *request, saw []seen) string {
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
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "a", Identity: "ida", InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	began, err := history.NewStored(history.Digest{}, history.Entry{
		Position: position.Position{Epoch: 1, Sequence: 1}, Kind: history.KindBegan, Time: 1, Host: "a", Identity: "ida"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Commit(began); err != nil {
		t.Fatal(err)
	}
	m := &model{sequence: 1, keys: map[string]uint64{}, done: map[bus.RequestID]uint64{}}
	var reads []seen // of committed states, this one's at the end
	for frame := range 400 {
		for range 1 + random.IntN(3) {
			reads = append(reads, m.scan(randomRange(random)))
		}
		reads = reads[max(0, len(reads)-12):]
		d := newDraft(1, store.Committed(), int64(frame+2))
		err := store.View(func(r *storage.Reader) error {
			for range random.IntN(8) {
				c, saw := randomCommit(random, m, reads)
				call, refused := c.call()
				if refused != nil {
					t.Fatalf("refused: %+v", refused)
				}
				want := m.commit(c, saw)
				if got := outcome(d.add(committed{r}, call).reply); got != want {
					t.Fatalf("frame %d: %+v: got %s, want %s", frame, c, got, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.entries) > 0 {
			if err := store.Commit(d.entries...); err != nil {
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
		if got := read(store, "kv", ticket.Ticket{}, &bus.Read{Keys: [][]byte{[]byte(key)}}).Items[0].Revision; got != m.keys[key] {
			t.Errorf("%s has revision %d, want %d", key, got, m.keys[key])
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

func randomCommit(random *rand.Rand, m *model, reads []seen) (c *request, saw []seen) {
	c = &request{Epoch: 1, Record: random.IntN(8) == 0}
	if c.Record || random.IntN(2) == 0 {
		c.ID = counter(1 + random.Uint64N(300))
	}
	for range random.IntN(3) {
		key := fmt.Sprintf("k%d", random.IntN(6))
		switch random.IntN(4) {
		case 0:
			c.Conditions = append(c.Conditions, present(key))
		case 1:
			c.Conditions = append(c.Conditions, has(key, 0))
		default:
			c.Conditions = append(c.Conditions, has(key, m.keys[key])) // holds
		}
	}
	for range random.IntN(3) {
		key := fmt.Sprintf("k%d", random.IntN(6))
		if random.IntN(4) == 0 {
			c.Operations = append(c.Operations, del(key))
		} else {
			c.Operations = append(c.Operations, put(key, "v"))
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
	for _, c := range []request{
		{},
		{ID: counter(1), Oldest: 1, Epoch: 1, Operations: []bus.Operation{put("k", "v"), del("k")}, Answer: bus.Answer{Body: []byte(`{}`), Revision: true}},
		{ID: bus.RequestID{Terminal: "t", App: "2026-01-02T15:04:05Z/x"}, Record: true, Conditions: []bus.Condition{has("k", 3), present("")}},
		{Ranges: []keyrange.Range{{Prefix: []byte("k"), After: []byte("k1"), Through: []byte("k2"), Keys: 3, Sequence: 9}}, Operations: []bus.Operation{put("k", "v")}},
	} {
		raw, err := bus.Encode(bus.DatabaseCall{Commit: c.commit()})
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
		d := newDraft(7, end, 1)
		for range 2 {
			call, refused := newCommitCall("kv", asked, c.Commit, nil)
			if refused != nil {
				return
			}
			d.add(fakeState{}, call)
		}
		for _, e := range d.entries {
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

// TestApplier_MakesRoom: admission slows when too much is committed and not applied, and goes on when it is.
func TestApplier_MakesRoom(t *testing.T) {
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "a", Identity: "ida", InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	purged := make(chan history.Mark, 10)
	a := newApplier(store, 100, func(_ context.Context, m history.Mark) error { purged <- m; return nil })
	if ok, _ := a.roomy(); !ok {
		t.Error("no room in an empty store")
	}
	began, err := history.NewStored(history.Digest{}, history.Entry{Kind: history.KindBegan, Time: 1, Host: "a", Identity: string(make([]byte, 200)),
		Position: position.Position{Epoch: 1, Sequence: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Commit(began); err != nil {
		t.Fatal(err)
	}
	ok, changed := a.roomy()
	if ok {
		t.Fatalf("room with %d bytes", store.Bytes())
	}
	a.hurry() // as who waits for room does
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx) }()
	receive(t, "room", changed)
	if m := receive(t, "the purge", purged); m != began.Mark() {
		t.Errorf("purged up to %v", m)
	}
	cancel()
	if err := receive(t, "the end", done); err != nil {
		t.Error(err)
	}
}
