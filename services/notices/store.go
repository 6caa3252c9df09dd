package notices

import (
	"errors"
	"fmt"
)

var (
	// ErrLower says that a message is of an ended term.
	ErrLower = errors.New("epoch is lower than the attached epoch")
	// ErrOrder says that a message does not follow the stored ones: the session must start again.
	ErrOrder = errors.New("out of order")
)

// Store is the state by which a terminal decides. All of it is durable, in one write with the notices.
type Store struct {
	Epoch  uint64 // of the last attach
	Local  uint64 // counts the entries that applications see; it never falls
	Cursor Cursor
}

// Kept is an entry for applications: a message, or a void range.
type Kept struct {
	Local   uint64
	Message Message
	Void    *Range
}

// Attach records the epoch of an attach. From then on messages of lower epochs are refused.
func (s *Store) Attach(epoch uint64) error {
	if epoch < s.Epoch {
		return fmt.Errorf("%w: %d, attached in epoch %d", ErrLower, epoch, s.Epoch)
	}
	s.Epoch = epoch
	return nil
}

// Resume records where the notices continue, which is the first message of a session. stored: applications must be
// told that some notices are void.
func (s *Store) Resume(epoch uint64, r Resumed) (k Kept, stored bool, err error) {
	if err := s.Attach(epoch); err != nil {
		return Kept{}, false, err
	}
	if !s.Cursor.same(r.From) {
		return Kept{}, false, fmt.Errorf("%w: it continues from %v, but the terminal has %v", ErrOrder, r.From.Last, s.Cursor.Last)
	}
	s.Cursor = r.Cursor
	if r.Void == nil {
		return Kept{}, false, nil
	}
	s.Local++
	return Kept{Local: s.Local, Void: r.Void}, true, nil
}

// Take takes a message. stored: it is new, and must be stored before it is confirmed; otherwise it is only confirmed.
func (s *Store) Take(epoch uint64, m Message) (k Kept, stored bool, err error) {
	mark, next := &s.Cursor.Marks[m.Stream], m.mark()
	switch {
	case epoch < s.Epoch:
		return Kept{}, false, fmt.Errorf("%w: %d, attached in epoch %d", ErrLower, epoch, s.Epoch)
	case !next.Number.After(mark.Number):
		return Kept{}, false, nil // it is there already
	case m.Gap != (Gap{}):
		if m.Gap.From != mark.Number {
			return Kept{}, false, fmt.Errorf("%w: a gap after %v, but the last number was %v", ErrOrder, m.Gap.From, mark.Number)
		}
	case !mark.Rough && next.Count != mark.Count+1, !next.Number.After(s.Cursor.Last):
		return Kept{}, false, fmt.Errorf("%w: %v with count %d, after count %d and number %v", ErrOrder, next.Number, next.Count, mark.Count, s.Cursor.Last)
	default:
		s.Cursor.Last = next.Number
	}
	*mark = next
	s.Local++
	return Kept{Local: s.Local, Message: m}, true, nil
}
