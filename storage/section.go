package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/boltdb/bolt"
)

const (
	// sectionItems and sectionBytes bound a section: a millisecond or two of reading.
	sectionItems = 2048
	sectionBytes = 256 << 10
	// listedMost bounds the keys of a listing, of a host that has far too many in a section.
	listedMost = 4 * sectionItems
)

// ErrPassed says that bolt holds more already than the position that was asked for, so that what was there can't be
// read any more. Ask for a later one.
var ErrPassed = errors.New("applied beyond that position")

// Section is a run of keys of one bucket: those behind After, up to Last, which belongs to it. A nil Last is the end of the
// bucket. Buckets are those of a copy, and "history", whose keys are sequences.
type Section struct {
	Bucket string `cbor:"1,keyasint"`
	After  []byte `cbor:"2,keyasint,omitempty"`
	Last   []byte `cbor:"3,keyasint,omitempty"`
}

// Content is what a section holds at one position.
type Content struct {
	Section Section `cbor:"1,keyasint"`
	// At is the position, Time its pair time: both make a difference to what is there.
	At   Mark  `cbor:"2,keyasint"`
	Time int64 `cbor:"3,keyasint,omitempty"`
	// Digest is over all keys and values, Items and Bytes count them.
	Digest Digest `cbor:"4,keyasint"`
	Items  int    `cbor:"5,keyasint,omitempty"`
	Bytes  int64  `cbor:"6,keyasint,omitempty"`
	// Sums are of the single keys, Values what they hold, if they were asked for.
	Sums   []KeySum   `cbor:"7,keyasint,omitempty"`
	Values []CopyItem `cbor:"8,keyasint,omitempty"`
	// More says that there are more keys than are listed.
	More bool `cbor:"9,keyasint,omitempty"`

	prev *Digest // of the entry before, while entries of the history are looked at
}

// KeySum is a key with the beginning of the digest of what it holds. Damaged: that is not what was once written.
type KeySum struct {
	Key     []byte `cbor:"1,keyasint"`
	Sum     []byte `cbor:"2,keyasint"`
	Damaged bool   `cbor:"3,keyasint,omitempty"`
}

// Detail says how much of a section is wanted beside its digest.
type Detail uint8

// Details of a section, each with the ones before.
const (
	OnlyDigest Detail = iota
	WithSums
	WithValues
)

// bucketHistoryPath names the history among sections.
const bucketHistoryPath = bucketHistory

// Buckets lists the buckets that two hosts can compare, the history first.
func (s *Store) Buckets() ([]string, error) {
	var paths []string
	err := s.applied(func(tx *bolt.Tx, _ *state) (err error) {
		paths, err = copied(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	s.mu.RLock()
	tables := []*table{s.active, s.frozen}
	s.mu.RUnlock()
	for _, t := range tables { // spaces that bolt does not hold yet
		for _, space := range t.spaces() {
			if path := dataPath(space); !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return append([]string{bucketHistoryPath}, paths...), nil
}

// spaces lists the key spaces of a generation of the overlay.
func (t *table) spaces() (spaces []string) {
	data := string(rune(tagData))
	for from := data; ; {
		n, ok := t.next(data, from, false, math.MaxUint64)
		if !ok {
			return spaces
		}
		space, _ := splitDataName(n.name)
		spaces = append(spaces, space)
		behind := []byte(dataPrefix(space)) // of all its keys
		behind[len(behind)-1]++
		from = string(behind)
	}
}

// NextSection reads the section behind a key of a bucket at the committed end (of the history: at the applied one), as
// large as one short view may read. Last of what it returns is nil when the bucket ends there; of the history that section is
// empty, and means nothing at another host. The error is ErrCopying or ErrDamaged;
// ErrTrimmed for history that is gone.
func (s *Store) NextSection(bucket string, after []byte) (Content, error) {
	return s.section(Section{Bucket: bucket, After: after}, nil, 0, OnlyDigest, true)
}

// ReadSection reads a section as it was at a position, whatever was committed since: bolt and, over it, the entries of the
// overlay up to there. at nil is the committed end; otherwise t is the pair time there. The error is ErrPassed when bolt has
// applied more already, ErrAbsent when the position is not committed here yet, ErrDiverged when it is of another history,
// and what NextSection gives.
func (s *Store) ReadSection(q Section, at *Mark, t int64, detail Detail) (Content, error) {
	return s.section(q, at, t, detail, false)
}

func (s *Store) section(q Section, at *Mark, t int64, detail Detail, grow bool) (Content, error) {
	s.life.RLock()
	defer s.life.RUnlock()
	r, err := s.reader(false)
	if err != nil {
		return Content{}, fmt.Errorf("read section of %s: %w", q.Bucket, err)
	}
	defer r.tx.Rollback()
	c := Content{Section: q}
	err = guard(func() error {
		st, err := getState(r.tx)
		if err != nil {
			return err
		}
		if q.Bucket == bucketHistoryPath {
			return c.history(r, &st, detail, grow)
		}
		if at != nil {
			if err := r.back(*at, t, &st); err != nil {
				return err
			}
		}
		c.At, c.Time = r.end, r.time
		w, err := newSectionWalk(r, q)
		if err != nil {
			return err
		}
		return c.fill(w.next, detail, grow)
	})
	if err != nil {
		return Content{}, fmt.Errorf("read section of %s: %w", q.Bucket, err)
	}
	return c, nil
}

// back makes the reader one at an earlier position than the committed end.
func (r *Reader) back(at Mark, t int64, st *state) error {
	sequence := at.Position.Sequence
	switch {
	case sequence < st.Applied.Position.Sequence:
		return fmt.Errorf("%w: %v, applied is %v", ErrPassed, at.Position, st.Applied.Position)
	case sequence > r.end.Position.Sequence:
		return fmt.Errorf("%w: %v, committed is %v", ErrAbsent, at.Position, r.end.Position)
	}
	p := past{tx: r.tx, frozen: r.frozen, active: r.active, end: r.end, base: st.Base, applied: st.Applied.Position.Sequence}
	digest, err := p.digest(sequence)
	if err != nil {
		return err
	}
	if digest != at.Digest {
		return fmt.Errorf("%w: %v has another digest here", ErrDiverged, at.Position)
	}
	r.end, r.time = at, t
	return nil
}

// fill takes what next gives, within the bounds of a section if it grows, otherwise all.
func (c *Content) fill(next func() (key, value []byte, err error), detail Detail, grow bool) error {
	h := sha256.New()
	for {
		key, value, err := next()
		if err != nil {
			return err
		}
		if key == nil {
			if grow {
				c.Section.Last = nil
			}
			break
		}
		if grow && c.Items > 0 && (c.Items >= sectionItems || c.Bytes+int64(len(key)+len(value)) > sectionBytes) {
			break // Last is the key before
		}
		if grow {
			c.Section.Last = bytes.Clone(key)
		} else if c.Items >= 4*listedMost {
			c.More = true // far more than the other host has: that is a difference however many follow
			break
		}
		c.Items++
		c.Bytes += int64(len(key) + len(value))
		digestPart(h, key)
		digestPart(h, value)
		if detail >= WithSums && len(c.Sums) >= listedMost {
			c.More = true
			continue
		}
		if detail >= WithSums {
			sum := sha256.Sum256(value)
			c.Sums = append(c.Sums, KeySum{Key: owned(key), Sum: sum[:12], Damaged: c.damaged(key, value)})
		}
		if detail >= WithValues {
			c.Values = append(c.Values, CopyItem{Bucket: c.Section.Bucket, Key: owned(key), Value: owned(value)})
		}
	}
	h.Sum(c.Digest[:0])
	return nil
}

// damaged reports whether a value is not as its bucket holds values. An entry of the history shows it by the chain, so they
// must be looked at in order.
func (c *Content) damaged(key, value []byte) bool {
	if c.Section.Bucket == bucketHistoryPath {
		digest, _, raw, err := readHistoryHeader(value)
		if err != nil {
			return true
		}
		var before Digest
		known := c.prev != nil
		if known {
			before = *c.prev
		}
		c.prev = &digest
		e, err := ReadStored(before, raw)
		return err != nil || string(sequenceKey(e.Entry.Position.Sequence)) != string(key) || known && e.Digest != digest
	}
	it := CopyItem{Bucket: c.Section.Bucket, Key: key, Value: value}
	return it.validate() != nil
}

// history reads entries of the applied history. They never change, so any position at which both hosts have them will do.
func (c *Content) history(r *Reader, st *state, detail Detail, grow bool) error {
	c.At, c.Time = st.Applied, st.Time
	from := uint64(1)
	if len(c.Section.After) == 8 {
		from = binary.BigEndian.Uint64(c.Section.After) + 1
	}
	if from < st.first() {
		if !grow {
			return fmt.Errorf("%w: %d, the first is %d", ErrTrimmed, from, st.first())
		}
		from = st.first()
		c.Section.After = sequenceKey(from - 1)
	}
	if last := c.Section.Last; last != nil && bytes.Compare(last, sequenceKey(st.Applied.Position.Sequence)) > 0 {
		return fmt.Errorf("%w: applied is %v", ErrAbsent, st.Applied.Position)
	}
	p := past{tx: r.tx, frozen: r.frozen, active: r.active, end: r.end, base: st.Base, applied: st.Applied.Position.Sequence}
	if before, err := p.digest(from - 1); err == nil { // otherwise the entry before is damaged, and named itself
		c.prev = &before
	}
	cursor := r.tx.Bucket([]byte(bucketHistory)).Cursor()
	key, value := cursor.Seek(sequenceKey(from))
	var end []byte
	err := c.fill(func() ([]byte, []byte, error) {
		k, v := key, value
		if k == nil || !grow && c.Section.Last != nil && bytes.Compare(k, c.Section.Last) > 0 {
			return nil, nil, nil
		}
		end = k
		key, value = cursor.Next()
		return k, v, nil
	}, detail, grow)
	if grow && c.Items > 0 && c.Section.Last == nil {
		c.Section.Last = bytes.Clone(end) // it goes on growing: the end is here, and the next section is empty
	}
	return err
}

// sectionWalk walks a bucket as bolt would hold it if it had applied exactly up to the reader's position.
type sectionWalk struct {
	reader *Reader
	path   string
	space  string
	last   []byte
	tag    string // precedes the keys in the overlay's names
	cursor *bolt.Cursor
	key    []byte
	value  []byte
	tables [2]struct {
		*table
		at named
		ok bool
	}
	live   func(key []byte) (bool, error)
	epochs []CopyItem // of the overlay, which has no index of them
}

func newSectionWalk(r *Reader, q Section) (*sectionWalk, error) {
	w := &sectionWalk{reader: r, path: q.Bucket, last: q.Last}
	if space, ok := spaceOf(q.Bucket); ok {
		w.space, w.tag = space, dataPrefix(space)
	}
	switch q.Bucket {
	case bucketAnswers:
		w.tag, w.live = string(rune(tagAnswer)), r.liveAnswers()
	case bucketFloors:
		w.tag = string(rune(tagFloor))
	case bucketEpochs:
		if err := w.findEpochs(q.After); err != nil {
			return nil, err
		}
	default:
		if w.space == "" {
			return nil, fmt.Errorf("%w: no such bucket", ErrMalformed)
		}
	}
	if b := bucketAt(r.tx, q.Bucket); b != nil {
		w.cursor = b.Cursor()
		w.key, w.value = w.cursor.Seek(q.After)
		if len(q.After) > 0 && w.key != nil && bytes.Equal(w.key, q.After) {
			w.key, w.value = w.cursor.Next()
		}
	}
	if w.tag != "" {
		for i, t := range []*table{r.active, r.frozen} { // the newer first
			w.tables[i].table = t
			w.tables[i].at, w.tables[i].ok = t.next(w.tag, w.tag+string(q.After), len(q.After) > 0, r.end.Position.Sequence)
		}
	}
	return w, nil
}

// findEpochs collects the beginnings of epochs that bolt does not hold yet.
func (w *sectionWalk) findEpochs(after []byte) error {
	for _, t := range []*table{w.reader.frozen, w.reader.active} {
		for _, e := range t.slice(1, w.reader.end.Position.Sequence) {
			key := sequenceKey(e.Entry.Position.Epoch)
			if e.Entry.Kind != KindBegan || bytes.Compare(key, after) <= 0 {
				continue
			}
			value, err := seal(epochVersion, key, startOf(&e.Entry))
			if err != nil {
				return err
			}
			w.epochs = append(w.epochs, CopyItem{Key: key, Value: value})
		}
	}
	return nil
}

// next gives the next key with what bolt would hold under it; a nil key is the end. Neither belongs to the caller.
func (w *sectionWalk) next() (key, value []byte, err error) {
	for {
		if key, value, err = w.step(); err != nil || key == nil || w.last != nil && bytes.Compare(key, w.last) > 0 {
			return nil, nil, err
		}
		if value == nil {
			continue // deleted
		}
		if w.live != nil {
			if ok, err := w.live(key); err != nil || !ok {
				if errors.Is(err, ErrDamaged) {
					return key, value, nil // a key that is none shows as a difference
				}
				if err != nil {
					return nil, nil, err
				}
				continue
			}
		}
		return key, value, nil
	}
}

// step gives the lowest key of all sources; its value is nil when it is deleted.
func (w *sectionWalk) step() (key, value []byte, err error) {
	lowest, some := w.key, w.key != nil
	for i := range w.tables {
		if t := &w.tables[i]; t.ok {
			if k := []byte(t.at.name[len(w.tag):]); !some || bytes.Compare(k, lowest) < 0 {
				lowest, some = k, true
			}
		}
	}
	if len(w.epochs) > 0 && (!some || bytes.Compare(w.epochs[0].Key, lowest) <= 0) {
		lowest, some = w.epochs[0].Key, true
	}
	if !some {
		return nil, nil, nil
	}
	var stored []byte
	if w.key != nil && bytes.Equal(w.key, lowest) {
		stored = w.value
		defer func() { w.key, w.value = w.cursor.Next() }()
	}
	if len(w.epochs) > 0 && bytes.Equal(w.epochs[0].Key, lowest) {
		stored = w.epochs[0].Value
		w.epochs = w.epochs[1:]
	}
	var versions []version
	for i := range w.tables {
		t := &w.tables[i]
		if !t.ok || t.at.name != w.tag+string(lowest) {
			continue
		}
		versions = append(versions, t.at.version)
		t.at, t.ok = t.next(w.tag, t.at.name, true, w.reader.end.Position.Sequence)
	}
	if len(versions) == 0 {
		return lowest, stored, nil
	}
	value, err = w.applied(lowest, stored, versions)
	return lowest, value, err
}

// applied is what a flush would make of a stored value and the versions over it, the newest first; nil when it is deleted.
func (w *sectionWalk) applied(key, stored []byte, versions []version) ([]byte, error) {
	v := versions[0]
	switch w.path {
	case bucketAnswers:
		return seal(answerVersion, key, recorded{Position: v.stored.Entry.Position, Answer: v.stored.Entry.Answer})
	case bucketFloors:
		floor, err := readFloor(string(key), stored)
		if err != nil {
			return stored, nil // damaged: it shows as a difference
		}
		for _, v := range versions {
			floor = max(floor, v.floor)
		}
		return floorValue(string(key), floor), nil
	}
	if effect := v.data(); !effect.Delete {
		return dataValue(key, v.sequence, effect.Value), nil
	}
	return nil, nil
}

// liveAnswers tells the answers that can still be asked for at the reader's position from those that only wait to be
// deleted, which a host may or may not have.
func (r *Reader) liveAnswers() func(key []byte) (bool, error) {
	terminal, floor := "", uint64(0)
	return func(key []byte) (bool, error) {
		id, err := parseAnswerKey(key)
		if err != nil {
			return false, err
		}
		if id.App != "" {
			return !r.tooOld(id), nil
		}
		if id.Terminal != terminal {
			terminal = id.Terminal
			if floor, err = readFloor(terminal, r.tx.Bucket([]byte(bucketFloors)).Get([]byte(terminal))); err != nil {
				floor = 0 // damaged: that is found among the floors
			}
			for _, t := range []*table{r.active, r.frozen} {
				if v, ok := t.get(floorName(terminal), r.end.Position.Sequence); ok {
					floor = max(floor, v.floor)
				}
			}
		}
		return id.Counter >= floor, nil
	}
}

// differences gives the keys that two listings of one section differ in, in order: those that the second lacks, those that
// only the second has, and those that hold something else.
func (c *Content) differences(other *Content) (missing, extra, different []KeySum) {
	i, k := 0, 0
	for i < len(c.Sums) || k < len(other.Sums) {
		order := 0
		switch {
		case i == len(c.Sums):
			order = 1
		case k == len(other.Sums):
			order = -1
		default:
			order = bytes.Compare(c.Sums[i].Key, other.Sums[k].Key)
		}
		switch {
		case order < 0:
			missing = append(missing, c.Sums[i])
			i++
		case order > 0:
			extra = append(extra, other.Sums[k])
			k++
		default:
			if !bytes.Equal(c.Sums[i].Sum, other.Sums[k].Sum) {
				d := c.Sums[i]
				d.Damaged = other.Sums[k].Damaged
				different = append(different, d)
			}
			i, k = i+1, k+1
		}
	}
	return missing, extra, different
}

// Difference is a key in which two hosts are not alike.
type Difference struct {
	Bucket string
	Key    []byte
	// Kind is one of Missing, Extra and Different, as seen from the first host.
	Kind string
	// Damaged says on which side the value is not as it was written: first, second.
	DamagedHere, DamagedThere bool
}

// Kinds of differences.
const (
	Missing   = "missing"   // the second host lacks the key
	Extra     = "extra"     // only the second host has it
	Different = "different" // it holds something else there
)

// Differences names the keys in which two listings of one section at one position differ, in the order of keys.
func Differences(here, there Content) []Difference {
	missing, extra, different := here.differences(&there)
	damaged := map[string]bool{}
	for _, s := range here.Sums {
		if s.Damaged {
			damaged[string(s.Key)] = true
		}
	}
	var all []Difference
	add := func(kind string, sums []KeySum) {
		for _, s := range sums {
			d := Difference{Bucket: here.Section.Bucket, Key: s.Key, Kind: kind, DamagedHere: damaged[string(s.Key)]}
			d.DamagedThere = kind != Missing && s.Damaged
			all = append(all, d)
		}
	}
	add(Missing, missing)
	add(Extra, extra)
	add(Different, different)
	slices.SortFunc(all, func(a, b Difference) int { return bytes.Compare(a.Key, b.Key) })
	return all
}
