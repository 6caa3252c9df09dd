package layout

import (
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// State is the one record of the file's state, rewritten by every transaction.
type State struct {
	Host     string `cbor:"1,keyasint,omitempty"`
	Identity string `cbor:"2,keyasint,omitempty"`
	// Applied is the end of what all buckets together hold, Time its pair time.
	Applied  history.Mark      `cbor:"3,keyasint"`
	Time     int64             `cbor:"4,keyasint,omitempty"`
	Notified position.Position `cbor:"5,keyasint"`
	// Base is the end of the chain just before the first entry of the history.
	Base history.Mark `cbor:"6,keyasint"`
	// Bytes is the stored size of all entries in the history.
	Bytes int64 `cbor:"7,keyasint,omitempty"`
	// Snapshot is not nil while the file is being filled by a copy and can't be trusted.
	Snapshot *SnapshotProgress `cbor:"8,keyasint,omitempty"`
	// Forgotten is the highest Entry.Forgotten up to Applied. It outlives the history, and copies carry it.
	Forgotten int64 `cbor:"9,keyasint,omitempty"`
	// Level is the highest Entry.Level up to Applied. It outlives the history, and copies carry it.
	Level level.Level `cbor:"10,keyasint,omitempty"`
}

// First is the first sequence in the history.
func (s *State) First() uint64 { return s.Base.Position.Sequence + 1 }

// SnapshotProgress is the durable state of a snapshot transfer on the receiver.
type SnapshotProgress struct {
	// Base is the sender's applied end when the copy began; entries following it are replayed after the last range.
	Base history.Mark `cbor:"1,keyasint"`
	// Cursor is the one to ask for next.
	Cursor []byte `cbor:"2,keyasint,omitempty"`
	// Done says that all ranges are in: Commit takes entries following Base from now on.
	Done bool `cbor:"3,keyasint,omitempty"`
	// Until is the highest At of the ranges: before the applied end reaches it the database is inconsistent.
	Until history.Mark `cbor:"4,keyasint"`
	// Ranges, Items and Bytes were received so far, for showing progress.
	Ranges uint64 `cbor:"5,keyasint,omitempty"`
	Items  uint64 `cbor:"6,keyasint,omitempty"`
	Bytes  uint64 `cbor:"7,keyasint,omitempty"`
}

// ReadState reads the file's state.
func ReadState(tx *bolt.Tx) (st State, err error) {
	for _, name := range []string{BucketMeta, BucketHistory, BucketEpochs, BucketAnswers, BucketFloors, BucketIssued, BucketData} {
		if tx.Bucket([]byte(name)) == nil {
			return st, fmt.Errorf("%w: no bucket %q", format.ErrDamaged, name)
		}
	}
	raw := tx.Bucket([]byte(BucketMeta)).Get([]byte(KeyState))
	if err := format.Unseal(StateVersion, []byte(KeyState), raw, &st); err != nil {
		return st, err
	}
	if err := level.Knows(level.This("this program"), st.Level); err != nil {
		return st, fmt.Errorf("%w: %w", format.ErrVersion, err)
	}
	return st, nil
}

// WriteState writes the file's state.
func WriteState(tx *bolt.Tx, st *State) error {
	raw, err := format.Seal(StateVersion, []byte(KeyState), st)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(BucketMeta)).Put([]byte(KeyState), raw)
}

// CheckEnds compares the two ends of the history with the state; Check verifies the whole chain.
func CheckEnds(tx *bolt.Tx, st *State) error {
	c := tx.Bucket([]byte(BucketHistory)).Cursor()
	first, _ := c.First()
	last, value := c.Last()
	if first == nil {
		if st.Base != st.Applied {
			return fmt.Errorf("%w: the history is empty but should reach from %v to %v", format.ErrDamaged, st.Base.Position, st.Applied.Position)
		}
		return nil
	}
	digest, _, raw, err := ReadHistoryHeader(value)
	if err != nil {
		return err
	}
	e, err := history.DecodeEntry(raw)
	if err != nil {
		return err
	}
	if string(first) != string(SequenceKey(st.First())) || string(last) != string(SequenceKey(e.Position.Sequence)) ||
		(history.Mark{Position: e.Position, Digest: digest}) != st.Applied {
		return fmt.Errorf("%w: the history does not reach from %v to %v", format.ErrDamaged, st.Base.Position, st.Applied.Position)
	}
	return nil
}
