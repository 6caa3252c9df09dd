package board

import (
	"time"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/history"
)

// BoundsOf is what is kept of a stream: that of a terminal, or with "" the common one.
func BoundsOf(id string) notices.Bounds {
	b := notices.Bounds{Notices: 10_000, Bytes: 4 << 20, Age: 7 * 24 * time.Hour}
	if id == "" {
		b.Bytes = 64 << 20
	}
	return b
}

// Terminal is one that notices may be for.
type Terminal struct {
	ID    string
	Begin notices.Marks
	Had   [2]notices.Number // roughly
	// Total and Kept are of its own stream; Bytes those that are kept come to.
	Total uint64
	Kept  int
	Bytes int
	// Leaving: it is none of the pair's any more.
	Leaving bool
	Trimmed notices.Mark
	// Unreadable says why nothing but the id is known; "" when it is.
	Unreadable error
}

// Find gives a terminal; ok is false when nobody knows it.
func Find(r leaving.Reader, id string) (t Terminal, ok bool, err error) {
	value, _, ok := r.Get(history.OutboxSpace, terminalKey(id))
	if !ok {
		return t, false, nil
	}
	t, err = terminalOf(r, id, value)
	return t, err == nil, err
}

func terminalOf(r leaving.Reader, id string, value []byte) (Terminal, error) {
	var v terminal
	if err := decode(terminalKey(id), value, &v); err != nil {
		return Terminal{}, err
	}
	t := Terminal{ID: id, Total: v.Head.Total, Kept: v.Head.Kept, Bytes: v.Head.Bytes, Leaving: v.Leaving, Trimmed: v.Head.Trimmed.mark()}
	t.Begin[notices.Common] = v.Begin.mark()
	t.Begin[notices.Own] = notices.Mark{Number: t.Begin[notices.Common].Number, Count: v.BeganOwn}
	var c confirmed
	if value, _, ok := r.Get(history.OutboxSpace, hadKey(id)); ok {
		if err := decode(hadKey(id), value, &c); err != nil {
			return Terminal{}, err
		}
	}
	t.Had[notices.Own], t.Had[notices.Common] = notices.Number(c.Own), notices.Number(c.Common)
	return t, nil
}

// Terminals gives terminals behind one in the order of their ids; next is the last one that was looked at, "" when that was the last of
// all.
func Terminals(r leaving.Reader, after string, most int) (list []Terminal, next string) {
	var from []byte
	if after != "" {
		from = terminalKey(after)
	}
	walked, last := 0, ""
	for it := range r.Walk(history.OutboxSpace, []byte(terminals), from) {
		if walked++; len(list) == most || walked > leaving.MostWalked {
			return list, last
		}
		last = string(it.Key[len(terminals):])
		if it.Revision == 0 {
			continue
		}
		t, err := terminalOf(r, last, it.Value)
		if err != nil { // the others are there all the same
			t = Terminal{ID: last, Unreadable: err}
		}
		list = append(list, t)
	}
	return list, ""
}

// Common gives what is known of the common stream.
func Common(r leaving.Reader) (total uint64, kept, bytes int, trimmed notices.Mark, err error) {
	h, err := commonOf(r)
	return h.Total, h.Kept, h.Bytes, h.Trimmed.mark(), err
}

func commonOf(r leaving.Reader) (h head, err error) {
	if value, _, ok := r.Get(history.OutboxSpace, []byte(commonHead)); ok {
		err = decode([]byte(commonHead), value, &h)
	}
	return h, err
}

// Page is a piece of a stream with what its notices say.
type Page struct {
	notices.Page

	Contents []notice.Content // of Kept
}

// Stream gives what comes after a number in a stream: that of a terminal, or with "" the common one. It is at most as many notices as most,
// and no more bytes than that, but for one notice. It ends before what can't be read.
func Stream(r leaving.Reader, id string, after notices.Number, most, bytes int) (p Page) {
	var h head
	var err error
	if id == "" {
		h, err = commonOf(r)
	} else {
		var t terminal
		if value, _, ok := r.Get(history.OutboxSpace, terminalKey(id)); ok {
			err = decode(terminalKey(id), value, &t)
		}
		h = t.Head
	}
	if err != nil {
		p.Unreadable = err.Error()
		return p
	}
	p.Total, p.Trimmed = h.Total, h.Trimmed.mark()
	if p.Trimmed.Number.After(after) { // there is nothing before it
		after = p.Trimmed.Number
	}
	size := 0
	err = walk(r, id, after, func(n notices.Notice, v *stored) bool {
		if size += n.Size; len(p.Kept) == most || len(p.Kept) > 0 && size > bytes {
			p.More = true
			return false
		}
		p.Kept = append(p.Kept, n)
		p.Contents = append(p.Contents, notice.Content{Service: v.Service, Topic: v.Topic, Body: v.Body, At: v.At})
		return true
	}, &p.More)
	if err != nil {
		p.Unreadable = err.Error()
	}
	return p
}

// walk goes through a stream after a number. broken is set when it has passed too many keys.
func walk(r leaving.Reader, id string, after notices.Number, each func(notices.Notice, *stored) bool, broken *bool) error {
	var from []byte
	if after != (notices.Number{}) {
		from = noticeKey(id, after)
	}
	walked := 0
	for it := range r.Walk(history.OutboxSpace, streamPrefix(id), from) {
		if walked++; walked > leaving.MostWalked {
			*broken = true
			return nil
		}
		if it.Revision == 0 { // deleted, and not applied yet
			continue
		}
		n, err := numberOf(id, it.Key)
		if err != nil {
			return err
		}
		var v stored
		if err := decode(it.Key, it.Value, &v); err != nil {
			return err
		}
		if !each(notices.Notice{Number: n, Count: v.Count, Size: v.size()}, &v) {
			return nil
		}
	}
	return nil
}

// Waiting counts what comes after a number in a stream, up to leaving.MostWalked, and gives the pair time of the first.
func Waiting(r leaving.Reader, id string, after notices.Number) (n int, first int64, err error) {
	broken := false
	err = walk(r, id, after, func(_ notices.Notice, v *stored) bool {
		if n++; n == 1 {
			first = v.At
		}
		return true
	}, &broken)
	return n, first, err
}
