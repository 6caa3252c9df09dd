package storage

import (
	"fmt"
	"slices"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
)

// CopyItem is one key of a bucket, as bolt holds it.
type CopyItem struct {
	Bucket string `cbor:"1,keyasint"`
	Key    []byte `cbor:"2,keyasint"`
	Value  []byte `cbor:"3,keyasint"`
}

// copied lists the buckets that a copy carries, in its order: spaces that come into being behind the cursor are in
// entries that are replayed. "issued" is made again from the answers.
func copied(tx *bolt.Tx) (paths []string, err error) {
	paths = []string{bucketAnswers, bucketEpochs, bucketFloors}
	err = tx.Bucket([]byte(bucketData)).ForEach(func(space, _ []byte) error {
		paths = append(paths, dataPath(string(space)))
		return nil
	})
	slices.Sort(paths)
	return paths, err
}

// bucketAt finds a bucket by its path; nil when there is none, or when no copy carries it.
func bucketAt(tx *bolt.Tx, path string) *bolt.Bucket {
	if space, ok := spaceOf(path); ok {
		return tx.Bucket([]byte(bucketData)).Bucket([]byte(space))
	}
	switch path {
	case bucketAnswers, bucketEpochs, bucketFloors:
		return tx.Bucket([]byte(path))
	}
	return nil
}

// validate refuses an item that is not as its bucket holds it.
func (it *CopyItem) validate() (err error) {
	if len(it.Key) == 0 || len(it.Key) > bolt.MaxKeySize {
		return fmt.Errorf("%w: key of %d bytes", history.ErrInvalid, len(it.Key))
	}
	switch space, ok := spaceOf(it.Bucket); {
	case ok && (space == "" || len(space) > history.MaxSpace):
		return fmt.Errorf("%w: space of %d bytes", history.ErrInvalid, len(space))
	case ok:
		_, _, err = readDataValue(it.Key, it.Value)
	case it.Bucket == bucketAnswers:
		if _, err = parseAnswerKey(it.Key); err == nil {
			err = format.Unseal(answerVersion, it.Key, it.Value, &recorded{})
		}
	case it.Bucket == bucketFloors && len(it.Value) == 0:
		err = history.ErrInvalid // to readFloor, no floor at all
	case it.Bucket == bucketFloors:
		_, err = readFloor(string(it.Key), it.Value)
	case it.Bucket == bucketEpochs:
		var e EpochStart
		if err = format.Unseal(epochVersion, it.Key, it.Value, &e); err == nil && string(sequenceKey(e.Epoch)) != string(it.Key) {
			err = history.ErrInvalid
		}
	default:
		err = fmt.Errorf("%w: no such bucket", history.ErrInvalid)
	}
	return err
}
