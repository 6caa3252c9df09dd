package board

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/leaving"
)

// most is how many times its bounds a stream may hold while it is trimmed.
const most = 2

// changing is an update in the making.
type changing struct{ *leaving.Set }

// Change puts the notices of a service's update into a set. Errors: leaving.ErrAbsent for a terminal that nobody knows, leaving.ErrOverloaded for
// a stream that is full and will be trimmed, bus.ErrMalformed for what is stored and can't be read.
func Change(s *leaving.Set, service string, list []outbox.Notice) error {
	w := changing{s}
	for i := range list {
		n := &list[i]
		it := stored{Service: service, Topic: n.Topic, Body: n.Body, At: s.Update.Time}
		switch {
		case n.Fenced: // what it says is given to who takes it first
			it.Body, it.Until = nil, s.Update.Time+int64(n.Within)
		case len(it.Body) == 0:
			it.Body = []byte("{}")
		}
		at := s.Update.Number(uint32(i))
		if n.All {
			if err := w.tellAll(at, it); err != nil {
				return err
			}
			continue
		}
		for _, id := range n.To {
			if err := w.tell(id, at, it); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w changing) tellAll(at notices.Number, it stored) error {
	h, err := w.head()
	if err != nil {
		return err
	}
	if err := w.add(&h, "", at, &it); err != nil {
		return err
	}
	return w.put([]byte(commonHead), h)
}

func (w changing) tell(id string, at notices.Number, it stored) error {
	t, ok, err := w.terminal(id)
	switch {
	case err != nil:
		return err
	case !ok || t.Leaving:
		return fmt.Errorf("a notice on %s is for terminal %s: that terminal %w", it.Topic, id, leaving.ErrAbsent)
	}
	if err := w.add(&t.Head, id, at, &it); err != nil {
		return err
	}
	return w.put(terminalKey(id), t)
}

// add puts a notice at the end of a stream.
func (w changing) add(h *head, id string, at notices.Number, it *stored) error {
	b := BoundsOf(id)
	if h.Kept >= most*b.Notices || h.Bytes+it.size() > most*b.Bytes {
		whose := "all terminals"
		if id != "" {
			whose = "terminal " + id
		}
		return fmt.Errorf("%d notices of %d bytes for %s are kept: %w; the oldest are removed within seconds", h.Kept, h.Bytes, whose, leaving.ErrOverloaded)
	}
	h.Total++
	h.Kept++
	h.Bytes += it.size()
	it.Count = h.Total
	return w.put(noticeKey(id, at), *it)
}

func (w changing) put(key []byte, v any) error {
	value, err := bus.Encode(v)
	if err == nil {
		w.Put(key, value)
	}
	return err
}

// head gives the common stream's.
func (w changing) head() (h head, err error) {
	_, err = get(w, []byte(commonHead), &h)
	return h, err
}

func (w changing) terminal(id string) (t terminal, ok bool, err error) {
	ok, err = get(w, terminalKey(id), &t)
	return t, ok, err
}
