package layout

import (
	"cmp"
	"slices"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
)

// EpochStart says where an epoch began, and whose term it was.
type EpochStart struct {
	Epoch         uint64 `cbor:"1,keyasint"`
	Sequence      uint64 `cbor:"2,keyasint"`
	Host          string `cbor:"3,keyasint"`
	Identity      string `cbor:"4,keyasint"`
	RecordVersion uint64 `cbor:"5,keyasint,omitempty"`
	// Time is the pair time of the beginning, in Unix nanoseconds.
	Time int64 `cbor:"6,keyasint"`
}

// StartOf returns the row of the table of epoch starts for an entry of KindBegan.
func StartOf(e *history.Entry) EpochStart {
	return EpochStart{
		Epoch: e.Position.Epoch, Sequence: e.Position.Sequence, Time: e.Time,
		Host: e.Host, Identity: e.Identity, RecordVersion: e.RecordVersion,
	}
}

// WithEpoch adds or replaces an epoch's start in a new slice.
func WithEpoch(epochs []EpochStart, e EpochStart) []EpochStart {
	i, found := slices.BinarySearchFunc(epochs, e.Epoch, func(s EpochStart, epoch uint64) int {
		return cmp.Compare(s.Epoch, epoch)
	})
	epochs = slices.Clone(epochs)
	if found {
		epochs[i] = e
		return epochs
	}
	return slices.Insert(epochs, i, e)
}

// ReadEpochs reads the table of epoch starts.
func ReadEpochs(tx *bolt.Tx) (epochs []EpochStart, err error) {
	err = tx.Bucket([]byte(BucketEpochs)).ForEach(func(k, v []byte) error {
		var e EpochStart
		if err := format.Unseal(EpochVersion, k, v, &e); err != nil {
			return err
		}
		epochs = append(epochs, e)
		return nil
	})
	return epochs, err
}
