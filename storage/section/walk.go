package section

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
)

// Source is a database at a position: what bolt holds, and over it what is committed and not applied yet. Answers under ids of
// apps issued before Forgotten are forgotten there.
type Source struct {
	Tx        *bolt.Tx
	Over      *overlay.View
	Forgotten int64
}

// walk walks a bucket as bolt would hold it if it had applied exactly up to the source's position.
type walk struct {
	source Source
	path   string
	last   []byte
	over   *overlay.Cursor // nil for epochs
	cursor *bolt.Cursor
	key    []byte
	value  []byte
	live   func(key []byte) (bool, error)
	epochs []layout.Item // of the overlay, which has no index of them
}

func newWalk(r Source, q Section) (*walk, error) {
	w := &walk{source: r, path: q.Bucket, last: q.Last}
	over := func(under string) { w.over = r.Over.Walk(under, nil, q.After, len(q.After) > 0) }
	switch space, ok := layout.SpaceOf(q.Bucket); {
	case ok && space != "":
		over(overlay.Space(space))
	case q.Bucket == layout.BucketAnswers:
		over(overlay.Answers)
		w.live = r.liveAnswers()
	case q.Bucket == layout.BucketFloors:
		over(overlay.Floors)
	case q.Bucket == layout.BucketEpochs:
		if err := w.findEpochs(q.After); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: no such bucket", format.ErrMalformed)
	}
	if b := layout.BucketAt(r.Tx, q.Bucket); b != nil {
		w.cursor = b.Cursor()
		w.key, w.value = w.cursor.Seek(q.After)
		if len(q.After) > 0 && w.key != nil && bytes.Equal(w.key, q.After) {
			w.key, w.value = w.cursor.Next()
		}
	}
	return w, nil
}

// findEpochs collects the beginnings of epochs that bolt does not hold yet.
func (w *walk) findEpochs(after []byte) error {
	for e := range w.source.Over.Entries(1, w.source.Over.Sequence) {
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
	return nil
}

// next gives the next key with what bolt would hold under it; a nil key is the end. Neither belongs to the caller.
func (w *walk) next() (key, value []byte, err error) {
	for {
		if key, value, err = w.step(); err != nil || key == nil || w.last != nil && bytes.Compare(key, w.last) > 0 {
			return nil, nil, err
		}
		if value == nil {
			continue // deleted
		}
		if w.live != nil {
			if ok, err := w.live(key); err != nil || !ok {
				if errors.Is(err, format.ErrDamaged) {
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
func (w *walk) step() (key, value []byte, err error) {
	lowest, some := w.key, w.key != nil
	if w.over != nil {
		if k, ok := w.over.Key(); ok && (!some || k < string(lowest)) {
			lowest, some = []byte(k), true
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
	var versions []overlay.Version
	if w.over != nil {
		versions = w.over.Take(string(lowest))
	}
	if len(versions) == 0 {
		return lowest, stored, nil
	}
	value, err = w.applied(lowest, stored, versions)
	return lowest, value, err
}

// applied is what a flush would make of a stored value and the versions over it, the newest first; nil when it is deleted.
func (w *walk) applied(key, stored []byte, versions []overlay.Version) ([]byte, error) {
	v := versions[0]
	switch w.path {
	case layout.BucketAnswers:
		return format.Seal(layout.AnswerVersion, key, layout.Recorded{Position: v.Entry().Position, Answer: v.Entry().Answer})
	case layout.BucketFloors:
		floor, err := layout.ReadFloor(string(key), stored)
		if err != nil {
			return stored, nil // damaged: it shows as a difference
		}
		for _, v := range versions {
			floor = max(floor, v.Floor)
		}
		return layout.FloorValue(string(key), floor), nil
	}
	if effect := v.Effect(); !effect.Delete {
		return layout.DataValue(key, v.Sequence, effect.Value), nil
	}
	return nil, nil
}

// liveAnswers tells the answers that can still be asked for at the source's position from those that only wait to be
// deleted, which a host may or may not have.
func (r Source) liveAnswers() func(key []byte) (bool, error) {
	terminal, floor := "", uint64(0)
	return func(key []byte) (bool, error) {
		id, err := layout.ParseAnswerKey(key)
		if err != nil {
			return false, err
		}
		if id.App != "" {
			issued, err := id.Issued()
			return err == nil && issued.UnixNano() >= r.Forgotten, nil
		}
		if id.Terminal != terminal {
			terminal = id.Terminal
			if floor, err = layout.ReadFloor(terminal, r.Tx.Bucket([]byte(layout.BucketFloors)).Get([]byte(terminal))); err != nil {
				floor = 0 // damaged: that is found among the floors
			}
			floor = max(floor, r.Over.Floor(terminal))
		}
		return id.Counter >= floor, nil
	}
}
