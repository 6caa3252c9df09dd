package board

import (
	"fmt"
	"math"

	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/leaving"
)

// What one update of the pair's own may do.
const (
	MostTerminals = 1024 // that are added, or whose place is noted
	MostTrimmed   = 2048 // notices
)

// Orders are what the pair itself changes in one update.
type Orders struct {
	Add    []string // terminals that notices may be for from now on; one that is known already stays as it is
	Leave  []string // those that are none of the pair's any more
	Had    []Had
	Trims  []Trim
	Forget []string // terminals that leave and have no notice left
}

// Had is what a terminal roughly has.
type Had struct {
	ID  string
	Had [2]notices.Number // by notices.Stream
}

// Trim takes the oldest notices of a stream away.
type Trim struct {
	ID   string // of the terminal; "" is the common stream
	From notices.Mark
	To   notices.Mark
	// Gone are the notices after From up to To, which come to Bytes.
	Gone  []notices.Number
	Bytes int
}

// Size implements leaving.Orders.
func (o *Orders) Size() int {
	const each, key = 256, 160
	size := each * (len(o.Add) + len(o.Leave) + len(o.Had) + 2*len(o.Forget))
	for i := range o.Trims {
		size += each + key*len(o.Trims[i].Gone)
	}
	return size
}

// Change implements leaving.Orders. Errors: leaving.ErrGone when somebody else has trimmed a stream, bus.ErrMalformed for what is stored
// and can't be read.
func (o *Orders) Change(s *leaving.Set) error {
	w := changing{s}
	for _, do := range []func(changing) error{o.add, o.leave, o.note, o.trim, o.forget} {
		if err := do(w); err != nil {
			return err
		}
	}
	return nil
}

func (o *Orders) add(w changing) error {
	if len(o.Add) == 0 {
		return nil
	}
	h, err := w.head()
	if err != nil {
		return err
	}
	begin := notices.Mark{Number: w.Update.Number(math.MaxUint32), Count: h.Total}
	for _, id := range o.Add {
		t, ok, err := w.terminal(id)
		switch {
		case err != nil:
			return err
		case ok && !t.Leaving:
			continue
		case ok: // what it had before it left is trimmed
			t.Leaving, t.Begin, t.BeganOwn = false, placeOf(begin), t.Head.Total
		default:
			t = terminal{Begin: placeOf(begin)}
		}
		if err := w.put(terminalKey(id), t); err != nil {
			return err
		}
	}
	return nil
}

func (o *Orders) leave(w changing) error {
	for _, id := range o.Leave {
		t, ok, err := w.terminal(id)
		if err != nil {
			return err
		}
		if ok && !t.Leaving {
			t.Leaving = true
			if err := w.put(terminalKey(id), t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *Orders) note(w changing) error {
	for _, h := range o.Had {
		if _, ok, err := w.terminal(h.ID); err != nil || !ok { // what can't be read stays as it is; or it was forgotten meanwhile
			continue
		}
		if err := w.put(hadKey(h.ID), confirmed{number(h.Had[notices.Own]), number(h.Had[notices.Common])}); err != nil {
			return err
		}
	}
	return nil
}

func (o *Orders) trim(w changing) error {
	for i := range o.Trims {
		if err := w.trim(&o.Trims[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w changing) trim(t *Trim) error {
	if t.ID == "" {
		h, err := w.head()
		if err != nil {
			return err
		}
		if err := w.cut(&h, t); err != nil {
			return err
		}
		return w.put([]byte(commonHead), h)
	}
	owner, ok, err := w.terminal(t.ID)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("terminal %s %w", t.ID, leaving.ErrGone)
	}
	if err := w.cut(&owner.Head, t); err != nil {
		return err
	}
	return w.put(terminalKey(t.ID), owner)
}

func (w changing) cut(h *head, t *Trim) error {
	if h.Trimmed.mark() != t.From || len(t.Gone) > h.Kept || t.Bytes > h.Bytes {
		return fmt.Errorf("the stream of %q %w: it begins at %v", t.ID, leaving.ErrGone, h.Trimmed.mark().Number)
	}
	for _, n := range t.Gone {
		w.Remove(noticeKey(t.ID, n))
	}
	h.Trimmed = placeOf(t.To)
	h.Kept -= len(t.Gone)
	if h.Bytes -= t.Bytes; h.Kept == 0 { // else what could not be read would be counted for ever
		h.Bytes = 0
	}
	return nil
}

func (o *Orders) forget(w changing) error {
	for _, id := range o.Forget {
		t, ok, err := w.terminal(id)
		if err != nil {
			return err
		}
		if !ok || !t.Leaving || t.Head.Kept > 0 {
			continue // it came back
		}
		w.Remove(terminalKey(id))
		if w.Has(hadKey(id)) {
			w.Remove(hadKey(id))
		}
	}
	return nil
}
