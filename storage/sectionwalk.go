package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

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
	epochs []layout.Item // of the overlay, which has no index of them
}

func newSectionWalk(r *Reader, q Section) (*sectionWalk, error) {
	w := &sectionWalk{reader: r, path: q.Bucket, last: q.Last}
	if space, ok := layout.SpaceOf(q.Bucket); ok {
		w.space, w.tag = space, dataPrefix(space)
	}
	switch q.Bucket {
	case layout.BucketAnswers:
		w.tag, w.live = string(rune(tagAnswer)), r.liveAnswers()
	case layout.BucketFloors:
		w.tag = string(rune(tagFloor))
	case layout.BucketEpochs:
		if err := w.findEpochs(q.After); err != nil {
			return nil, err
		}
	default:
		if w.space == "" {
			return nil, fmt.Errorf("%w: no such bucket", ErrMalformed)
		}
	}
	if b := layout.BucketAt(r.tx, q.Bucket); b != nil {
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
			key := layout.SequenceKey(e.Entry.Position.Epoch)
			if e.Entry.Kind != history.KindBegan || bytes.Compare(key, after) <= 0 {
				continue
			}
			value, err := format.Seal(layout.EpochVersion, key, layout.StartOf(&e.Entry))
			if err != nil {
				return err
			}
			w.epochs = append(w.epochs, layout.Item{Key: key, Value: value})
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
	case layout.BucketAnswers:
		return format.Seal(layout.AnswerVersion, key, layout.Recorded{Position: v.stored.Entry.Position, Answer: v.stored.Entry.Answer})
	case layout.BucketFloors:
		floor, err := layout.ReadFloor(string(key), stored)
		if err != nil {
			return stored, nil // damaged: it shows as a difference
		}
		for _, v := range versions {
			floor = max(floor, v.floor)
		}
		return layout.FloorValue(string(key), floor), nil
	}
	if effect := v.data(); !effect.Delete {
		return layout.DataValue(key, v.sequence, effect.Value), nil
	}
	return nil, nil
}

// liveAnswers tells the answers that can still be asked for at the reader's position from those that only wait to be
// deleted, which a host may or may not have.
func (r *Reader) liveAnswers() func(key []byte) (bool, error) {
	terminal, floor := "", uint64(0)
	return func(key []byte) (bool, error) {
		id, err := layout.ParseAnswerKey(key)
		if err != nil {
			return false, err
		}
		if id.App != "" {
			return !r.tooOld(id), nil
		}
		if id.Terminal != terminal {
			terminal = id.Terminal
			if floor, err = layout.ReadFloor(terminal, r.tx.Bucket([]byte(layout.BucketFloors)).Get([]byte(terminal))); err != nil {
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
