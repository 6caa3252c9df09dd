package journal

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// remnant is what is kept of an entry that is in the journal only.
type remnant struct {
	mark history.Mark
	size int64
}

// keepBytes bounds the entries that a tail keeps, in bytes as they are stored.
const keepBytes = 64 << 20

// add puts entries behind the end, whole as long as there is room.
func (t *Tail) add(entries []history.Stored) {
	for i := range entries {
		size := int64(len(entries[i].Raw))
		t.bytes += size
		if len(t.rest) > 0 || t.kept+size > t.keep {
			t.rest = append(t.rest, remnant{mark: entries[i].Mark(), size: size})
			continue
		}
		t.entries, t.kept = append(t.entries, entries[i]), t.kept+size
	}
}

// lose notes that an entry is kept no more, nor in the tail.
func (t *Tail) lose(e *history.Stored) {
	t.bytes -= int64(len(e.Raw))
	t.kept -= int64(len(e.Raw))
}

// length is how many entries lie beyond the base.
func (t *Tail) length() uint64 { return uint64(len(t.entries) + len(t.rest)) }

// MarkAt returns the mark at a sequence between Base and End.
func (t *Tail) MarkAt(sequence uint64) (history.Mark, bool) {
	base := t.base.Position.Sequence
	switch {
	case sequence == base:
		return t.base, true
	case sequence < base || sequence-base > t.length():
		return history.Mark{}, false
	}
	if i := sequence - base - 1; i < uint64(len(t.entries)) {
		return t.entries[i].Mark(), true
	}
	return t.rest[sequence-base-1-uint64(len(t.entries))].mark, true
}

// After returns the entries of the tail with sequences above from, up to and including to, in order, as far as they are
// kept. The slice must not be changed.
func (t *Tail) After(from, to uint64) []history.Stored {
	base := t.base.Position.Sequence
	lo := max(from, base) - base
	hi := min(max(to, base)-base, uint64(len(t.entries)))
	if lo >= hi {
		return nil
	}
	return t.entries[lo:hi:hi]
}

// frames returns the places of the frames with the entries after a sequence, and the sequence of the last valid entry
// of each; some of them, the first first.
func (t *Tail) frames(from uint64) (ends []streamEnd) {
	i := sort.Search(len(t.ends), func(i int) bool { return t.ends[i].last > from })
	return append(ends, t.ends[i:min(len(t.ends), i+batch)]...)
}

// entriesAtOnce bounds how many entries are read again at once.
const entriesAtOnce = 1 << 16

// errMoved says that the tail was cut or given up while it was read.
var errMoved = errors.New("the tail has moved")

// Entries gives what follows a sequence: some of it, in order, and nothing only at the end and beyond it. What the tail does not keep is
// read from the journal, and must be what the tail took. Errors: storage.ErrGap for a sequence before the base, which may have moved; ErrMalformed, storage.ErrDiverged for a journal that has been damaged since; ErrStuck or ctx's.
func (l *Log) Entries(ctx context.Context, from uint64) ([]history.Stored, error) {
	for tries := 0; ; tries++ {
		var kept []history.Stored
		var ends []streamEnd
		var marks []history.Mark
		var gone bool
		l.View(func(t *Tail) {
			start, known := t.MarkAt(from)
			if gone = !known && from < t.Base().Position.Sequence; !known {
				return
			}
			if kept = t.After(from, t.End().Position.Sequence); len(kept) > 0 {
				return
			}
			ends, marks = t.frames(from), append(marks, start)
			for at, more := from+1, len(ends) > 0; more && len(marks) <= entriesAtOnce && at <= ends[len(ends)-1].last; at++ {
				var m history.Mark
				if m, more = t.MarkAt(at); more {
					marks = append(marks, m)
				}
			}
		})
		switch {
		case gone:
			return nil, fmt.Errorf("%w: the tail begins after sequence %d", storage.ErrGap, from)
		case len(kept) > 0 || len(ends) == 0:
			return kept, nil
		}
		found, err := l.again(ctx, ends, marks)
		if errors.Is(err, errMoved) && tries < 3 { // try again
			continue
		}
		return found, err
	}
}

// again reads entries from the journal that the tail took: those with all but the first of the marks, which they follow.
func (l *Log) again(ctx context.Context, ends []streamEnd, marks []history.Mark) (found []history.Stored, err error) {
	read, _, err := l.journal.Read(ctx, ends[0].seq, readBytes)
	if err != nil {
		return nil, err
	}
	for _, r := range read {
		if len(ends) == 0 {
			break
		}
		if r.Seq != ends[0].seq { // it did not count
			continue
		}
		m, err := Decode(r.Raw)
		if err == nil && m.Frame == nil {
			err = fmt.Errorf("%w: no frame", ErrMalformed)
		}
		if err != nil {
			return nil, fmt.Errorf("stream sequence %d, which was a frame: %w", r.Seq, err)
		}
		for i, raw := range m.Frame.Entries {
			at := m.Frame.First.Sequence + uint64(i)
			if at <= marks[0].Position.Sequence || at > ends[0].last || len(marks) < 2 {
				continue
			}
			e, err := history.ReadStored(marks[0].Digest, raw)
			if err == nil && e.Mark() != marks[1] {
				err = fmt.Errorf("%w: stream sequence %d has another entry %v", storage.ErrDiverged, r.Seq, e.Entry.Position)
			}
			if err != nil {
				return nil, err
			}
			found, marks = append(found, e), marks[1:]
		}
		ends = ends[1:]
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: stream sequence %d is gone", errMoved, ends[0].seq)
	}
	return found, nil
}
