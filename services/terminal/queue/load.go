package queue

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

// load reads the file, if there is one.
func (s *Store) load() error {
	s.file.path = s.path
	if err := os.Remove(durable.Making(s.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	doubt, err := boltfile.Examine(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.file.open(nil) // which is there
	}
	if err == nil {
		err = s.file.view(s.readAll)
	}
	if err != nil {
		closing := s.file.reset()
		return errors.Join(err, closing)
	}
	if s.doubt = doubt; doubt {
		s.state.Last += skipped
		s.state.Results += uint64(max(skipped, s.state.Entries))
	}
	return nil
}

// readAll reads and checks all that there is.
func (s *Store) readAll(b *bolt.Bucket) error {
	if b == nil {
		return fmt.Errorf("%w: no bucket", boltfile.ErrDamaged)
	}
	data, err := boltfile.Unseal(stateKey, b.Get(stateKey))
	if err == nil {
		err = bus.Decode(data, &s.state)
	}
	if err != nil {
		return fmt.Errorf("%w: its state: %w", boltfile.ErrDamaged, err)
	}
	if s.state.Terminal != s.terminal {
		return fmt.Errorf("%w: it belongs to terminal %.128q, and this is terminal %q; move the file to the directory of its terminal's agent to execute its requests",
			ErrForeign, s.state.Terminal, s.terminal)
	}
	said, now := s.state, time.Now()
	s.state.Entries, s.state.Waiting, s.state.WaitingBytes, s.state.KeptBytes = 0, 0, 0, 0
	err = b.ForEach(func(k, v []byte) error {
		if bytes.Equal(k, stateKey) {
			return nil
		}
		if len(k) != 9 || k[0] != entryPrefix || v == nil {
			return fmt.Errorf("%w: invalid key of %d bytes", boltfile.ErrDamaged, len(k))
		}
		number := binary.BigEndian.Uint64(k[1:])
		data, err := boltfile.Unseal(k, v)
		var w written
		if err == nil {
			err = bus.Decode(data, &w)
		}
		if err == nil {
			err = w.check()
		}
		if err == nil && (number == 0 || number > said.Last) {
			err = fmt.Errorf("the last number is %d", said.Last)
		}
		if err != nil {
			return fmt.Errorf("%w: entry %d: %w", boltfile.ErrDamaged, number, err)
		}
		it := w.item(number, len(v))
		it.since = since(now, it.at)
		s.keep(it)
		return nil
	})
	if err == nil && s.state != said {
		err = fmt.Errorf("%w: it contains %+v, but its state says %+v", boltfile.ErrDamaged, s.state, said)
	}
	return errors.Join(err, s.arrange())
}

// arrange sorts the outcomes that were read.
func (s *Store) arrange() error {
	slices.SortFunc(s.over, func(a, b *item) int { return cmp.Compare(a.result, b.result) })
	s.done = nil
	for _, it := range s.over {
		if it.state == Done {
			s.done = append(s.done, it.number)
		}
	}
	if len(s.over) > 0 && s.state.Results == 0 { // they were not counted
		s.state.Results = s.state.Last
	}
	if n := len(s.over); n > 0 && s.over[n-1].result > s.state.Results {
		return fmt.Errorf("%w: an outcome has number %d, but the last number was %d", boltfile.ErrDamaged, s.over[n-1].result, s.state.Results)
	}
	return nil
}

// keep indexes an entry of the file. The caller holds the lock, or is alone.
func (s *Store) keep(it *item) {
	s.items[it.number], s.ids[it.id] = it, it
	if it.key != "" {
		s.keys[it.key] = it
	}
	s.count(it, 1)
	if it.state == Waiting {
		s.waits = append(s.waits, it.number)
	} else {
		s.over = append(s.over, it)
	}
	switch it.state {
	case Done:
		s.done = append(s.done, it.number)
	case Unsure:
		s.unsure++
	}
}

// count adds an entry to the counts of the state, or removes it.
func (s *Store) count(it *item, n int) {
	s.state.Entries += n
	if it.state == Waiting {
		s.state.Waiting += n
		s.state.WaitingBytes += n * it.size
	} else {
		s.state.KeptBytes += n * it.size
	}
}

// drop forgets an entry. The lock is held.
func (s *Store) drop(it *item) {
	delete(s.items, it.number)
	delete(s.ids, it.id)
	if s.keys[it.key] == it {
		delete(s.keys, it.key)
	}
	s.count(it, -1)
	if at, found := slices.BinarySearchFunc(s.over, it.result, byResult); found && it.state != Waiting {
		s.over = slices.Delete(s.over, at, at+1)
	}
	switch it.state {
	case Done:
		if at := slices.Index(s.done, it.number); at >= 0 {
			s.done = slices.Delete(s.done, at, at+1)
		}
	case Unsure:
		s.unsure--
	}
}
