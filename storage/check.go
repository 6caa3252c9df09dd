package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/pages"
)

// Check verifies the structure of the file, the checksum of every value, the chain of the history from its first entry
// to the end of the overlay, and the positions. The error is ErrDamaged, joined from what was found (at most 20 things
// of each kind), or ctx's. It reads everything in one view, beside readers and writers; meanwhile freed pages are not
// used again, and the file grows. A database with an unfinished snapshot transfer is checked as far as it goes.
func (s *Store) Check(ctx context.Context) error {
	s.life.RLock()
	defer s.life.RUnlock()
	r, err := s.reader(true)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer func() { _ = r.tx.Rollback() }()
	lost, err := s.checkPages(ctx, r)
	if err == nil {
		// Only now bolt may be let near the pages.
		err = guard(func() error { return s.checkContent(ctx, r) })
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", s.path(), err)
	}
	if lost > 0 {
		s.log.InfoContext(ctx, "pages of the database are neither used nor free; a snapshot transfer to this host would reclaim them", "pages", lost)
	}
	return nil
}

// checkPages walks the file as of the reader's transaction, which it begins again if its head has been overwritten.
func (s *Store) checkPages(ctx context.Context, r *Reader) (lost int, err error) {
	f, err := os.Open(s.path())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for {
		heads, _, _, err := pages.ReadHeads(f)
		if err != nil {
			return 0, err
		}
		for _, h := range heads {
			if h.Transaction == uint64(r.tx.ID()) {
				return pages.Walk(ctx, f, h)
			}
		}
		if len(heads) == 0 {
			return 0, fmt.Errorf("%w: both of its heads are damaged", ErrDamaged)
		}
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		if pages.Newest(heads).Transaction < uint64(r.tx.ID()) {
			return 0, fmt.Errorf("%w: the newer of its two heads is damaged", ErrDamaged)
		}
		again, err := s.reader(true)
		if err != nil {
			return 0, err
		}
		if err := r.tx.Rollback(); err != nil {
			return 0, err
		}
		*r = *again
	}
}

// faultsShown is how many faults of one sort are told; more are not told apart.
const faultsShown = 20

// content is a check of what the buckets hold.
type content struct {
	ctx    context.Context
	tx     *bolt.Tx
	st     layout.State
	seen   int
	faults []error
}

// fault notes what is wrong.
func (c *content) fault(format string, args ...any) {
	if len(c.faults) < faultsShown {
		c.faults = append(c.faults, fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...))
	}
}

// each walks a bucket, looking at the context now and then.
func (c *content) each(b *bolt.Bucket, f func(k, v []byte)) error {
	return b.ForEach(func(k, v []byte) error {
		if c.seen++; c.seen%1024 == 0 && c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		f(k, v)
		return nil
	})
}

// checkContent verifies what the buckets hold.
func (s *Store) checkContent(ctx context.Context, r *Reader) error {
	c := &content{ctx: ctx, tx: r.tx}
	var err error
	if c.st, err = layout.ReadState(r.tx); err != nil {
		return err
	}
	for _, f := range []func() error{c.items, c.issued, c.history} {
		if err := f(); err != nil {
			return err
		}
	}
	end := c.st.Applied
	for e := range r.over.Entries(end.Position.Sequence+1, r.end.Position.Sequence) {
		if err := e.Follows(end); err != nil {
			return fmt.Errorf("%w: overlay: %w", ErrDamaged, err)
		}
		end = e.Mark()
	}
	if end != r.end {
		c.fault("the overlay ends at %v, not at %v", end.Position, r.end.Position)
	}
	return errors.Join(c.faults...)
}

// items verifies what a copy would carry.
func (c *content) items() error {
	paths, err := layout.Transferred(c.tx)
	if err != nil {
		return err
	}
	// In the middle of a copy items are as of the ranges they came with.
	last := c.st.Applied.Position.Sequence
	if c.st.Snapshot != nil {
		last = max(last, c.st.Snapshot.Until.Position.Sequence)
	}
	for _, p := range paths {
		_, isData := layout.SpaceOf(p)
		err := c.each(layout.BucketAt(c.tx, p), func(k, v []byte) {
			it := layout.Item{Bucket: p, Key: k, Value: v}
			if err := it.Validate(); err != nil {
				c.fault("key %q of %q: %v", k, p, err)
				return
			}
			sequence := uint64(0)
			var epoch layout.EpochStart
			var answer layout.Recorded
			switch {
			case isData:
				sequence = binary.BigEndian.Uint64(v)
			case p == layout.BucketEpochs && format.Unseal(layout.EpochVersion, k, v, &epoch) == nil:
				sequence = epoch.Sequence
			case p == layout.BucketAnswers && format.Unseal(layout.AnswerVersion, k, v, &answer) == nil:
				sequence = answer.Position.Sequence
			}
			if sequence > last {
				c.fault("key %q of %q is of update %d, but the last is %d", k, p, sequence, last)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// issued verifies that answers under ids of apps and their index by age go together.
func (c *content) issued() error {
	answers, indexed := c.tx.Bucket([]byte(layout.BucketAnswers)), c.tx.Bucket([]byte(layout.BucketIssued))
	err := c.each(indexed, func(k, _ []byte) {
		if len(k) <= 8 || answers.Get(k[8:]) == nil {
			c.fault("the index by age names the answer %q, which does not exist", k)
		}
	})
	if err != nil {
		return err
	}
	return c.each(answers, func(k, _ []byte) {
		id, err := layout.ParseAnswerKey(k)
		if err != nil || id.App == "" {
			return
		}
		if issued, err := id.Issued(); err != nil || indexed.Get(layout.IssuedKey(issued.UnixNano(), k)) == nil {
			c.fault("answer %v is not in the index by age", id)
		}
	})
}

// history verifies the chain, and that the table of epoch starts has the epochs in it.
func (c *content) history() error {
	end, stored := c.st.Base, int64(0)
	epochs := c.tx.Bucket([]byte(layout.BucketEpochs))
	broken := false
	err := c.each(c.tx.Bucket([]byte(layout.BucketHistory)), func(k, v []byte) {
		if broken {
			return // nothing behind a broken link can be verified
		}
		digest, at, raw, err := layout.ReadHistoryHeader(v)
		var s history.Stored
		if err == nil {
			s, err = history.ReadStored(end.Digest, raw)
		}
		if err == nil {
			err = s.Follows(end)
		}
		if err == nil && (s.Digest != digest || s.Entry.Time != at || !bytes.Equal(k, layout.SequenceKey(s.Entry.Position.Sequence))) {
			err = history.ErrDiverged
		}
		if err != nil {
			broken = true
			c.fault("history entry %x after %v: %v", k, end.Position, err)
			return
		}
		end, stored = s.Mark(), stored+int64(len(raw))
		if s.Entry.Kind == history.KindBegan {
			var e layout.EpochStart
			key := layout.SequenceKey(s.Entry.Position.Epoch)
			if format.Unseal(layout.EpochVersion, key, epochs.Get(key), &e) != nil || e != layout.StartOf(&s.Entry) {
				c.fault("the start of epoch %d is not in the table of epochs", s.Entry.Position.Epoch)
			}
		}
	})
	if err != nil || broken {
		return err
	}
	if end != c.st.Applied || stored != c.st.Bytes {
		c.fault("the history ends at %v with %d bytes, but %v with %d was applied",
			end.Position, stored, c.st.Applied.Position, c.st.Bytes)
	}
	return nil
}
