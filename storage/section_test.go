package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/section"
)

// twins are two stores with one history.
type twins struct {
	t    *testing.T
	w    *writer
	a, b *Store
	n    int
}

func newTwins(t *testing.T) *twins {
	w := &twins{t: t, w: newWriter(t), a: open(t, t.TempDir(), Options{Host: "a"}), b: open(t, t.TempDir(), Options{Host: "b"})}
	began := w.w.began()
	commit(t, w.a, began)
	commit(t, w.b, began)
	return w
}

// grow commits updates on both.
func (w *twins) grow(n int) {
	w.t.Helper()
	for range n {
		w.n++
		e := load(w.w, w.n)
		commit(w.t, w.a, e)
		commit(w.t, w.b, e)
	}
}

// compare compares everything, the second store being asked for the first one's positions, and gives the differences.
func (w *twins) compare() (found []section.Difference) {
	w.t.Helper()
	buckets, err := w.a.Buckets()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, bucket := range buckets {
		for after := []byte(nil); ; {
			here, err := w.a.NextSection(bucket, after)
			if err != nil {
				w.t.Fatal(err)
			}
			there, err := w.b.ReadSection(here.Section, &here.At, here.Forgotten, section.OnlyDigest)
			if err != nil {
				w.t.Fatal(err)
			}
			if here.Digest != there.Digest {
				x, err1 := w.a.ReadSection(here.Section, &here.At, here.Forgotten, section.WithSums)
				y, err2 := w.b.ReadSection(here.Section, &here.At, here.Forgotten, section.WithSums)
				if err := errors.Join(err1, err2); err != nil {
					w.t.Fatal(err)
				}
				found = append(found, section.Differences(x, y)...)
			}
			if here.Section.Last == nil {
				break
			}
			after = here.Section.Last
		}
	}
	return found
}

// Two hosts that hold the same history are equal at every position, however far each has applied it.
func TestSection_EqualHoweverMuchIsApplied(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := newTwins(t)
	for range 40 {
		w.grow(random.IntN(300))
		if random.IntN(3) == 0 {
			w.w.end.Position.Epoch++ // so that began opens the one after next; epochs may be left out
			began := w.w.began()
			commit(t, w.a, began)
			commit(t, w.b, began)
		}
		if random.IntN(2) == 0 {
			flush(t, w.a)
		}
		// b may have applied anything up to the position, and have committed more.
		if random.IntN(2) == 0 {
			flush(t, w.b)
		}
		here, err := w.a.NextSection("data/s", nil)
		if err != nil {
			t.Fatal(err)
		}
		more := load(&writer{tb: t, end: w.w.end, time: w.w.time}, w.n+1)
		commit(t, w.b, more)
		if there, err := w.b.ReadSection(here.Section, &here.At, here.Forgotten, section.OnlyDigest); err != nil || there.Digest != here.Digest || there.Items != here.Items {
			t.Fatalf("at %v: %d items here, %d there (%v)", here.At.Position, here.Items, there.Items, err)
		}
		w.n++
		w.w.end, w.w.time = more.Mark(), more.Entry.Time
		commit(t, w.a, more)
		flush(t, w.a)
		flush(t, w.b)
		if found := w.compare(); len(found) > 0 {
			t.Fatalf("differences between equal databases: %+v", found[0])
		}
	}
}

// A key space is compared from its first update on, before bolt holds it.
func TestBuckets_NameSpacesThatAreNotAppliedYet(t *testing.T) {
	w := newTwins(t)
	flush(t, w.a)
	for _, space := range []string{"zz", "a", "ab", "b"} {
		commit(t, w.a, w.w.put(space, "k", "1", "k2", "2"))
	}
	got, err := w.a.Buckets()
	want := []string{"history", "answers", "data/a", "data/ab", "data/b", "data/zz", "epochs", "floors"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("buckets %q, want %q (%v)", got, want, err)
	}
}

func TestSection_OfAPositionThatCanNotBeRead(t *testing.T) {
	w := newTwins(t)
	w.grow(10)
	early := w.a.Committed()
	w.grow(10)
	flush(t, w.b)
	q := section.Section{Bucket: "data/s"}
	if _, err := w.b.ReadSection(q, &early, 0, section.OnlyDigest); !errors.Is(err, ErrPassed) {
		t.Errorf("before the applied end: %v", err)
	}
	late := load(w.w, 99)
	commit(t, w.a, late)
	mark := late.Mark()
	if _, err := w.b.ReadSection(q, &mark, 0, section.OnlyDigest); !errors.Is(err, history.ErrAbsent) {
		t.Errorf("not committed yet: %v", err)
	}
	commit(t, w.b, late)
	other := mark
	other.Digest[0]++
	if _, err := w.b.ReadSection(q, &other, 0, section.OnlyDigest); !errors.Is(err, history.ErrDiverged) {
		t.Errorf("of another history: %v", err)
	}
	if _, err := w.b.ReadSection(q, &mark, 0, section.OnlyDigest); err != nil {
		t.Error(err)
	}
	if _, err := w.b.ReadSection(section.Section{Bucket: "meta"}, nil, 0, section.OnlyDigest); !errors.Is(err, ErrMalformed) {
		t.Errorf("a bucket that is nobody's affair: %v", err)
	}
}

// alter changes the database file behind the store's back.
func alter(t *testing.T, s *Store, f func(tx *bolt.Tx) error) {
	t.Helper()
	if err := s.db.Update(f); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong on the second host is named, put right, and then everything is equal; also with updates since.
func TestRepair_MakesTheSecondWhatTheFirstIs(t *testing.T) {
	w := newTwins(t)
	w.grow(5000)
	flush(t, w.a)
	flush(t, w.b)
	data := func(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket([]byte(layout.BucketData)).Bucket([]byte("s")) }
	flip := func(b *bolt.Bucket, key []byte) error {
		v := append([]byte(nil), b.Get(key)...)
		v[len(v)-1] ^= 1
		return b.Put(key, v)
	}
	var keys [][]byte
	var answer, terminal []byte
	alter(t, w.b, func(tx *bolt.Tx) error {
		c := data(tx).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			keys = append(keys, owned(k))
		}
		answer, _ = tx.Bucket([]byte(layout.BucketAnswers)).Cursor().Last()
		answer = owned(answer)
		terminal, _ = tx.Bucket([]byte(layout.BucketFloors)).Cursor().First()
		terminal = owned(terminal)
		return nil
	})
	if len(keys) < 10 || len(answer) == 0 || len(terminal) == 0 {
		t.Fatalf("the test has %d keys, answer %q, terminal %q", len(keys), answer, terminal)
	}
	alter(t, w.b, func(tx *bolt.Tx) error {
		return errors.Join(
			flip(data(tx), keys[1]), // a byte, and the checksum is wrong
			data(tx).Put(keys[3], layout.DataValue(keys[3], 7, []byte("somebody wrote this"))),
			data(tx).Delete(keys[5]),
			data(tx).Put([]byte("zz stray"), layout.DataValue([]byte("zz stray"), 8, nil)),
			flip(tx.Bucket([]byte(layout.BucketAnswers)), answer),
			tx.Bucket([]byte(layout.BucketFloors)).Put(terminal, layout.FloorValue(string(terminal), 1)),
			flip(tx.Bucket([]byte(layout.BucketHistory)), layout.SequenceKey(1234)),
			tx.Bucket([]byte(layout.BucketEpochs)).Delete(layout.SequenceKey(1)),
		)
	})
	found := w.compare()
	got := map[string]string{}
	for _, d := range found {
		got[d.Bucket+" "+string(d.Key)] = d.Kind
		if d.DamagedHere {
			t.Errorf("%q of %s is damaged on the good host", d.Key, d.Bucket)
		}
	}
	for name, kind := range map[string]string{
		"data/s " + string(keys[1]): section.Different, "data/s " + string(keys[3]): section.Different, "data/s " + string(keys[5]): section.Missing,
		"data/s zz stray": section.Extra, "answers " + string(answer): section.Different, "floors " + string(terminal): section.Different,
		"history " + string(layout.SequenceKey(1234)): section.Different, "epochs " + string(layout.SequenceKey(1)): section.Missing,
	} {
		if got[name] != kind {
			t.Errorf("%q is %q, want %q", name, got[name], kind)
		}
	}
	if len(got) > 30 { // a floor that is too low makes dead answers show
		t.Errorf("%d differences", len(got))
	}

	buckets, err := w.a.Buckets()
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for round := range 2 { // the answers that a wrong floor hid show in the second
		for _, bucket := range buckets {
			for after := []byte(nil); ; {
				here, err := w.a.NextSection(bucket, after)
				if err != nil {
					t.Fatal(err)
				}
				here, err = w.a.ReadSection(here.Section, nil, 0, section.WithValues)
				if err != nil {
					t.Fatal(err)
				}
				if round == 0 {
					w.grow(3) // what is committed since must not be undone
				}
				n, err := w.b.Repair(context.Background(), here)
				if err != nil {
					t.Fatalf("%s: %v", bucket, err)
				}
				changed += n
				if here.Section.Last == nil {
					break
				}
				after = here.Section.Last
			}
		}
	}
	flush(t, w.a)
	flush(t, w.b)
	if found := w.compare(); len(found) > 0 {
		t.Fatalf("after the repair %d differences: %+v", len(found), found)
	}
	if digest(t, w.a) != digest(t, w.b) {
		t.Error("after the repair the databases are not equal")
	}
	if changed < 4 { // the updates since have put right some of it themselves
		t.Errorf("%d keys were put right", changed)
	}
	if got := w.b.Epochs(); len(got) != 1 || got[0].Epoch != 1 {
		t.Errorf("epochs %+v", got)
	}
}

func TestRepair_RefusesWhatIsNotWhole(t *testing.T) {
	w := newTwins(t)
	w.grow(50)
	flush(t, w.a)
	good, err := w.a.ReadSection(section.Section{Bucket: "data/s"}, nil, 0, section.WithValues)
	if err != nil {
		t.Fatal(err)
	}
	before := digest(t, w.a)
	copyOf := func(change func(*section.Content)) section.Content {
		c := good
		c.Values = append([]layout.Item(nil), good.Values...)
		change(&c)
		return c
	}
	for name, c := range map[string]section.Content{
		"an item short":  copyOf(func(c *section.Content) { c.Values = c.Values[1:] }),
		"other digest":   copyOf(func(c *section.Content) { c.Digest[3]++ }),
		"out of order":   copyOf(func(c *section.Content) { c.Values[0], c.Values[1] = c.Values[1], c.Values[0] }),
		"behind its end": copyOf(func(c *section.Content) { c.Section.Last = c.Values[0].Key }),
		"before it":      copyOf(func(c *section.Content) { c.Section.After = c.Values[0].Key }),
		"damaged value":  copyOf(func(c *section.Content) { c.Values[0].Value = []byte("short") }),
		"another bucket": copyOf(func(c *section.Content) { c.Values[0].Bucket = "data/other" }),
		"no bucket":      copyOf(func(c *section.Content) { c.Section.Bucket, c.Values, c.Items = "meta", nil, 0 }),
		"cut short":      copyOf(func(c *section.Content) { c.More = true }),
	} {
		if _, err := w.b.Repair(context.Background(), c); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	future := copyOf(func(c *section.Content) { c.At.Position.Sequence += 1000 })
	if _, err := w.b.Repair(context.Background(), future); !errors.Is(err, history.ErrAbsent) {
		t.Errorf("of a position to come: %v", err)
	}
	foreign := copyOf(func(c *section.Content) { c.At.Digest[0]++ })
	if _, err := w.b.Repair(context.Background(), foreign); !errors.Is(err, history.ErrDiverged) {
		t.Errorf("of another history: %v", err)
	}
	flush(t, w.b)
	if digest(t, w.b) != before {
		t.Error("what was refused has changed something")
	}
	if n, err := w.b.Repair(context.Background(), good); err != nil || n != 0 {
		t.Errorf("repairing what is right changes %d keys: %v", n, err)
	}
}

// A section is bounded, and the sections of a bucket are all of it, each key once.
func TestNextSection_CoversTheBucketInSmallSteps(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	w := newWriter(t)
	commit(t, s, w.began())
	const keys = 3*section.MostItems + 7
	for i := range keys {
		commit(t, s, w.put("big", fmt.Sprintf("k%06d", i), "v"))
		if i == keys/2 {
			flush(t, s)
		}
	}
	flush(t, s)
	total, steps := 0, 0
	for after := []byte(nil); ; steps++ {
		c, err := s.NextSection("data/big", after)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.ReadSection(c.Section, &c.At, c.Forgotten, section.WithSums)
		if err != nil || again.Digest != c.Digest || len(again.Sums) != c.Items || c.Items > section.MostItems {
			t.Fatalf("section %q has %d items, %d sums: %v", c.Section, c.Items, len(again.Sums), err)
		}
		total += c.Items
		if c.Section.Last == nil {
			break
		}
		after = c.Section.Last
	}
	if total != keys || steps != 3 {
		t.Errorf("%d keys in %d more steps", total, steps)
	}
}
