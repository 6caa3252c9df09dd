package notices

import (
	"errors"
	"fmt"
)

var (
	// ErrLower says that a message is of a term that is over.
	ErrLower = errors.New("epoch is lower than the attached epoch")
	// ErrOrder says that a message does not follow what is stored: the session has to begin anew.
	ErrOrder = errors.New("out of order")
)

// Store is what a terminal decides by. All of it is durable, in one write with what it takes.
type Store struct {
	Epoch  uint64 // of the last attach
	Local  uint64 // counts what applications see; it never falls
	Cursor Cursor
}

// Kept is what a terminal stores for its applications: a message, or a void range.
type Kept struct {
	Local   uint64
	Message Message
	Void    *Range
}

// Attach notes the epoch of an attach. From then on nothing of a lower one is taken.
func (s *Store) Attach(epoch uint64) error {
	if epoch < s.Epoch {
		return fmt.Errorf("%w: %d, attached in epoch %d", ErrLower, epoch, s.Epoch)
	}
	s.Epoch = epoch
	return nil
}

// Resume takes where the terminal goes on, which comes before anything else in a session. stored: it is to be told that what it has is
// void in part.
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

// Take takes a message. stored: it is new, and to be stored before it is confirmed; else it is confirmed and nothing more.
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
