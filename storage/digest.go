package storage

import (
	"crypto/sha256"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

// DatabaseDigest digests all data, the answers that can still be asked for, floors and epoch starts at the applied
// end: equal on two hosts that applied the same history, however they flushed, trimmed or copied. It reads everything in one view; meanwhile freed pages are not used again, and the file grows. The
// error is ErrDamaged, or ErrReceiving while a copy leaves the data inconsistent.
func (s *Store) DatabaseDigest() (history.Digest, history.Mark, error) {
	var d history.Digest
	var at history.Mark
	err := s.applied(func(tx *bolt.Tx, st *layout.State) error {
		at = st.Applied
		paths, err := layout.Transferred(tx)
		if err != nil {
			return err
		}
		live, err := liveAnswers(tx, st)
		if err != nil {
			return err
		}
		h := sha256.New()
		for _, p := range paths {
			empty := true
			err := layout.BucketAt(tx, p).ForEach(func(k, v []byte) error {
				if p == layout.BucketAnswers {
					if ok, err := live(k); err != nil || !ok {
						return err
					}
				}
				it := layout.Item{Bucket: p, Key: k, Value: v}
				if err := it.Validate(); err != nil {
					return fmt.Errorf("%w: key %q of %q: %w", ErrDamaged, k, p, err)
				}
				if empty { // a space without keys is no space
					empty = false
					format.WritePart(h, []byte(p))
				}
				format.WritePart(h, k)
				format.WritePart(h, v)
				return nil
			})
			if err != nil {
				return err
			}
		}
		h.Sum(d[:0])
		return nil
	})
	if err != nil {
		return history.Digest{}, history.Mark{}, fmt.Errorf("digest of the database: %w", err)
	}
	return d, at, nil
}

// liveAnswers tells the answers that can still be asked for from those that only wait to be deleted.
func liveAnswers(tx *bolt.Tx, st *layout.State) (func(key []byte) (bool, error), error) {
	floors := map[string]uint64{}
	err := tx.Bucket([]byte(layout.BucketFloors)).ForEach(func(k, v []byte) (err error) {
		floors[string(k)], err = layout.ReadFloor(string(k), v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(key []byte) (bool, error) {
		id, err := layout.ParseAnswerKey(key)
		if err != nil || id.App == "" {
			return id.Counter >= floors[id.Terminal], err
		}
		issued, err := id.Issued()
		return err == nil && issued.UnixNano() >= st.Forgotten, err
	}, nil
}
