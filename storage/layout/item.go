package layout

import (
	"fmt"
	"slices"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
)

// Item is one key of a bucket, as bolt holds it.
type Item struct {
	Bucket string `cbor:"1,keyasint"`
	Key    []byte `cbor:"2,keyasint"`
	Value  []byte `cbor:"3,keyasint"`
}

// Transferred lists the buckets that a snapshot carries, in its order: spaces that are created before the cursor are in
// entries that are replayed. "issued" is made again from the answers.
func Transferred(tx *bolt.Tx) (paths []string, err error) {
	paths = []string{BucketAnswers, BucketEpochs, BucketFloors}
	err = tx.Bucket([]byte(BucketData)).ForEach(func(space, _ []byte) error {
		paths = append(paths, DataPath(string(space)))
		return nil
	})
	slices.Sort(paths)
	return paths, err
}

// BucketAt finds a bucket by its path; nil when there is none, or when no snapshot carries it.
func BucketAt(tx *bolt.Tx, path string) *bolt.Bucket {
	if space, ok := SpaceOf(path); ok {
		return tx.Bucket([]byte(BucketData)).Bucket([]byte(space))
	}
	switch path {
	case BucketAnswers, BucketEpochs, BucketFloors:
		return tx.Bucket([]byte(path))
	}
	return nil
}

// Validate refuses an item that its bucket can't hold.
func (it *Item) Validate() (err error) {
	if len(it.Key) == 0 || len(it.Key) > bolt.MaxKeySize {
		return fmt.Errorf("%w: key of %d bytes", history.ErrInvalid, len(it.Key))
	}
	switch space, ok := SpaceOf(it.Bucket); {
	case ok && (space == "" || len(space) > history.MaxSpace):
		return fmt.Errorf("%w: space of %d bytes", history.ErrInvalid, len(space))
	case ok:
		_, _, err = ReadDataValue(it.Key, it.Value)
	case it.Bucket == BucketAnswers:
		if _, err = ParseAnswerKey(it.Key); err == nil {
			err = format.Unseal(AnswerVersion, it.Key, it.Value, &Recorded{})
		}
	case it.Bucket == BucketFloors && len(it.Value) == 0:
		err = history.ErrInvalid // to readFloor, no floor at all
	case it.Bucket == BucketFloors:
		_, err = ReadFloor(string(it.Key), it.Value)
	case it.Bucket == BucketEpochs:
		var e EpochStart
		if err = format.Unseal(EpochVersion, it.Key, it.Value, &e); err == nil && string(SequenceKey(e.Epoch)) != string(it.Key) {
			err = history.ErrInvalid
		}
	default:
		err = fmt.Errorf("%w: no such bucket", history.ErrInvalid)
	}
	return err
}
