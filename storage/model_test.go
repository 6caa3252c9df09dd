package storage

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/history"
)

// model is what a store should hold, in plain maps.
type model struct {
	values    map[string]string // "space/key" → value
	revisions map[string]uint64
	answers   map[history.RequestID]string
	floors    map[string]uint64
	time      int64
	entries   []history.Stored // all, from 1
}

func newModel() *model {
	return &model{values: map[string]string{}, revisions: map[string]uint64{}, answers: map[history.RequestID]string{}, floors: map[string]uint64{}}
}

func (m *model) apply(s history.Stored) {
	e := &s.Entry
	for space, f := range e.Changes() {
		name := space + "/" + string(f.Key)
		if f.Delete {
			delete(m.values, name)
			delete(m.revisions, name)
			continue
		}
		m.values[name], m.revisions[name] = string(f.Value), e.Position.Sequence
	}
	m.floors[e.Request.Terminal] = max(m.floors[e.Request.Terminal], e.Oldest)
	if e.HasAnswer {
		m.answers[e.Request] = string(e.Answer.Body)
	}
	m.time = e.Time
	m.entries = append(m.entries, s)
}

func (m *model) look(id history.RequestID, retention time.Duration) (string, Lookup) {
	if id.App != "" {
		if issued, _ := id.Issued(); issued.UnixNano() < m.time-int64(retention) {
			return "", TooOld
		}
	} else if id.Counter < m.floors[id.Terminal] {
		return "", TooOld
	}
	if body, ok := m.answers[id]; ok {
		return body, Found
	}
	return "", Absent
}

// clone forgets nothing and shares nothing that changes.
func (m *model) clone() *model {
	return &model{
		values: maps.Clone(m.values), revisions: maps.Clone(m.revisions), answers: maps.Clone(m.answers),
		floors: maps.Clone(m.floors), time: m.time, entries: slices.Clone(m.entries),
	}
}

// walk does random things to a store and to the model, and compares.
type walk struct {
	*testing.T
	random   *rand.Rand
	dir      string
	options  Options
	store    *Store
	writer   *writer
	now      *model // at the committed end
	applied  *model // at the applied end
	counters map[string]uint64
	asked    []history.RequestID
}

func TestStore_AgreesWithAPlainModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range uint64(3) {
		t.Run(fmt.Sprintf("seed=%d", seed+round), func(t *testing.T) {
			w := &walk{
				T: t, random: rand.New(rand.NewPCG(seed+round, 0)), dir: t.TempDir(), writer: keeping(t, 300*time.Millisecond),
				options: Options{MaxUpdates: 200}, now: newModel(), applied: newModel(), counters: map[string]uint64{},
			}
			w.store = open(t, w.dir, w.options)
			w.commit(w.writer.began())
			for range 4000 {
				w.step()
				if t.Failed() {
					return
				}
			}
		})
	}
}

func (w *walk) key() string {
	return strings.Repeat(string(rune('a'+w.random.IntN(3))), 1+w.random.IntN(3)) + fmt.Sprint(w.random.IntN(30))
}

func (w *walk) commit(entries ...history.Stored) {
	commit(w, w.store, entries...)
	for _, e := range entries {
		w.now.apply(e)
	}
}

// update makes a random update.
func (w *walk) update() history.Stored {
	e := history.Entry{Space: fmt.Sprint("space", w.random.IntN(3)), Effects: w.effects(4)}
	if w.random.IntN(3) == 0 {
		e.Outbox = w.effects(3)
	}
	if w.random.IntN(2) == 0 {
		terminal := fmt.Sprint("t", w.random.IntN(3))
		if w.random.IntN(3) == 0 {
			at := time.Unix(0, w.writer.time-w.random.Int64N(int64(400*time.Millisecond))).UTC()
			e.Request = history.RequestID{Terminal: terminal, App: at.Format(time.RFC3339Nano) + "/x"}
		} else {
			w.counters[terminal]++
			e.Request = history.RequestID{Terminal: terminal, Counter: w.counters[terminal]}
			e.Oldest = uint64(max(0, int64(w.counters[terminal])-w.random.Int64N(30)))
		}
		e.HasAnswer, e.Answer.Body = true, []byte(w.key())
		w.asked = append(w.asked, e.Request)
	}
	return w.writer.next(e)
}

// effects makes fewer than most.
func (w *walk) effects(most int) (effects []history.Effect) {
	for range w.random.IntN(most) {
		f := history.Effect{Key: []byte(w.key()), Delete: w.random.IntN(3) == 0}
		if !f.Delete {
			f.Value = bytes.Repeat([]byte{byte(w.random.IntN(256))}, w.random.IntN(40)*w.random.IntN(40))
		}
		effects = append(effects, f)
	}
	return effects
}

// space is one that updates write, or one that none does.
func (w *walk) space() string {
	if n := w.random.IntN(5); n < 4 {
		return fmt.Sprint("space", n)
	}
	return history.OutboxSpace
}

func (w *walk) step() {
	switch w.random.IntN(20) {
	case 0, 1:
		flush(w, w.store)
		w.applied = w.now.clone()
	case 2:
		if w.random.IntN(4) > 0 {
			return
		}
		if err := w.store.Close(); err != nil {
			w.Fatal(err)
		}
		w.store = open(w, w.dir, w.options)
		lost := w.now.entries[len(w.applied.entries):]
		w.now = w.applied.clone()
		for _, e := range lost { // the journal gives them again
			raw, err := history.ReadStored(w.store.Committed().Digest, e.Raw)
			if err != nil {
				w.Fatal(err)
			}
			w.commit(raw)
		}
	case 3:
		if w.random.IntN(20) == 0 {
			w.commit(w.writer.began())
		}
	case 4:
		w.reads()
	case 5:
		w.history()
	default:
		var entries []history.Stored
		for range 1 + w.random.IntN(3) {
			entries = append(entries, w.update())
		}
		w.commit(entries...)
	}
}

// reads compares keys, scans and answers in one view.
func (w *walk) reads() {
	err := w.store.View(func(r *Reader) error {
		if r.Position() != w.writer.end.Position || r.Time() != w.now.time {
			return fmt.Errorf("at %v, want %v", r.Position(), w.writer.end.Position)
		}
		for range 5 {
			space, key := w.space(), w.key()
			value, revision, ok := r.Get(space, []byte(key))
			want, wanted := w.now.values[space+"/"+key]
			if string(value) != want || ok != wanted || revision != w.now.revisions[space+"/"+key] {
				return fmt.Errorf("get %s/%s: %q@%d %v, want %q@%d %v", space, key, value, revision, ok, want, w.now.revisions[space+"/"+key], wanted)
			}
		}
		if len(w.asked) > 0 {
			id := w.asked[max(0, len(w.asked)-1-w.random.IntN(60))]
			a, _, l := r.Answer(id)
			if body, want := w.now.look(id, w.writer.retention); l != want || string(a.Body) != body {
				return fmt.Errorf("answer of %v: %q %d, want %q %d", id, a.Body, l, body, want)
			}
		}
		return w.scan(r)
	})
	if err != nil {
		w.Error(err)
	}
}

// scan pages through the keys with a random prefix.
func (w *walk) scan(r *Reader) error {
	space, prefix := w.space(), w.key()
	prefix = prefix[:w.random.IntN(len(prefix))]
	limit, maxBytes := 1+w.random.IntN(20), 1+w.random.IntN(4000)
	var want []string
	for name := range w.now.values {
		if key, ok := strings.CutPrefix(name, space+"/"); ok && strings.HasPrefix(key, prefix) {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	var after []byte
	if len(want) > 0 && w.random.IntN(2) == 0 {
		i := w.random.IntN(len(want))
		after, want = []byte(want[i]), want[i+1:]
	}
	walked := 0
	for it := range r.Walk(space, []byte(prefix), after) {
		key, revision := string(it.Key), w.now.revisions[space+"/"+string(it.Key)]
		if !strings.HasPrefix(key, prefix) || key <= string(after) || it.Revision != revision || string(it.Value) != w.now.values[space+"/"+key] {
			return fmt.Errorf("walk %s/%s behind %q: %s@%d, want revision %d", space, prefix, after, key, it.Revision, revision)
		}
		if it.Revision != 0 {
			walked++
		}
	}
	if walked != len(want) {
		return fmt.Errorf("walk %s/%s behind %q: %d keys, want %d", space, prefix, after, walked, len(want))
	}
	for more := true; more; {
		var items []Item
		items, more = r.Scan(space, []byte(prefix), after, limit, maxBytes)
		if len(items) > limit || len(items) > len(want) || more != (len(items) < len(want)) || more && len(items) == 0 {
			return fmt.Errorf("scan %s/%s behind %q, limit %d: %d items and more=%v of %d", space, prefix, after, limit, len(items), more, len(want))
		}
		for i, it := range items {
			name := space + "/" + want[i]
			if string(it.Key) != want[i] || string(it.Value) != w.now.values[name] || it.Revision != w.now.revisions[name] {
				return fmt.Errorf("scan %s: %s@%d, want %s@%d", space, it.Key, it.Revision, want[i], w.now.revisions[name])
			}
			after = it.Key
		}
		want = want[len(items):]
	}
	return nil
}

// history compares random reads of the history.
func (w *walk) history() {
	from, limit := 1+w.random.Uint64N(uint64(len(w.now.entries))+2), 1+w.random.IntN(50)
	found, err := w.store.Entries(from, limit, 0)
	first := w.store.First()
	if errors.Is(err, history.ErrTrimmed) && from < first {
		return
	}
	if want := min(limit, max(0, len(w.now.entries)+1-int(from))); err != nil || from < first || len(found) != want {
		w.Errorf("%d entries from %d, want %d; first %d; %v", len(found), from, want, first, err)
		return
	}
	for i, e := range found {
		if e.Digest != w.now.entries[int(from)-1+i].Digest {
			w.Errorf("entry %d differs", int(from)+i)
		}
	}
}
