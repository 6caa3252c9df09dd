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
	// Unreadable says why nothing but the id is known; nil when it is.
	Unreadable error
	// HadUnreadable says why Had is nothing although something was noted: it is taken to have nothing, and says itself what it has.
	HadUnreadable error
}

// Find gives a terminal; ok is false when nobody knows it.
func Find(r leaving.Reader, id string) (t Terminal, ok bool, err error) {
	var v terminal
	if there, err := get(leaving.Committed{Reader: r}, terminalKey(id), &v); err != nil || !there {
		return t, false, err
	}
	return terminalOf(r, id, &v), true, nil
}

func terminalOf(r leaving.Reader, id string, v *terminal) Terminal {
	t := Terminal{ID: id, Total: v.Head.Total, Kept: v.Head.Kept, Bytes: v.Head.Bytes, Leaving: v.Leaving, Trimmed: v.Head.Trimmed.mark()}
	t.Begin[notices.Common] = v.Begin.mark()
	t.Begin[notices.Own] = notices.Mark{Number: t.Begin[notices.Common].Number, Count: v.BeganOwn}
	var c confirmed
	if _, t.HadUnreadable = get(leaving.Committed{Reader: r}, hadKey(id), &c); t.HadUnreadable != nil {
		c = confirmed{}
	}
	t.Had[notices.Own], t.Had[notices.Common] = notices.Number(c.Own), notices.Number(c.Common)
	return t
}

// Terminals gives terminals behind one in the order of their ids; next is the last one that was looked at, "" when that was the last of
// all.
func Terminals(r leaving.Reader, after string, most int) (list []Terminal, next string) {
	var from []byte
	if after != "" {
		from = terminalKey(after)
	}
	walked, last := 0, ""
	for it := range r.Each(history.OutboxSpace, []byte(terminals), from) {
		if walked++; len(list) == most || walked > leaving.MostWalked {
			return list, last
		}
		last = string(it.Key[len(terminals):])
		if it.Revision == 0 {
			continue
		}
		var v terminal
		if err := decode(it.Key, it.Value, it.Err, &v); err != nil { // the others are there all the same
			list = append(list, Terminal{ID: last, Unreadable: err})
			continue
		}
		list = append(list, terminalOf(r, last, &v))
	}
	return list, ""
}

// Common gives what is known of the common stream.
func Common(r leaving.Reader) (total uint64, kept, bytes int, trimmed notices.Mark, err error) {
	h, err := commonOf(r)
	return h.Total, h.Kept, h.Bytes, h.Trimmed.mark(), err
}

func commonOf(r leaving.Reader) (h head, err error) {
	_, err = get(leaving.Committed{Reader: r}, []byte(commonHead), &h)
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
		_, err = get(leaving.Committed{Reader: r}, terminalKey(id), &t)
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
	err = walk(r, id, after, func(n notices.Notice, v *stored, damaged error) bool {
		if damaged != nil {
			p.Unreadable = damaged.Error()
			return false
		}
		if size += n.Size; len(p.Kept) == most || len(p.Kept) > 0 && size > bytes {
			p.More = true
			return false
		}
		p.Kept = append(p.Kept, n)
		p.Contents = append(p.Contents, contentOf(v))
		return true
	}, &p.More)
	if err != nil {
		p.Unreadable = err.Error()
	}
	return p
}

// walk goes through a stream after a number. What can't be read comes with why, and with nothing but its number. broken is set when it has
// passed too many keys. The error is that of a key which is no place of a notice.
func walk(r leaving.Reader, id string, after notices.Number, each func(notices.Notice, *stored, error) bool, broken *bool) error {
	var from []byte
	if after != (notices.Number{}) {
		from = noticeKey(id, after)
	}
	walked := 0
	for it := range r.Each(history.OutboxSpace, streamPrefix(id), from) {
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
		one := notices.Notice{Number: n}
		if err = decode(it.Key, it.Value, it.Err, &v); err == nil {
			one.Count, one.Size = v.Count, v.size()
		} else {
			v = stored{}
		}
		if !each(one, &v, err) {
			return nil
		}
	}
	return nil
}

// Waiting counts what comes after a number in a stream, up to leaving.MostWalked, and gives the pair time of the first. The error is that of
// the first that can't be read, which is counted all the same.
func Waiting(r leaving.Reader, id string, after notices.Number) (n int, first int64, err error) {
	broken := false
	var damaged error
	err = walk(r, id, after, func(_ notices.Notice, v *stored, why error) bool {
		if n++; first == 0 {
			first = v.At
		}
		if damaged == nil {
			damaged = why
		}
		return true
	}, &broken)
	if damaged != nil {
		err = damaged
	}
	return n, first, err
}

// contentOf is what a terminal is told of a notice.
func contentOf(v *stored) notice.Content {
	if v.Until != 0 {
		return notice.Content{Service: v.Service, Topic: notice.TopicFenced, At: v.At, Fenced: &notice.Fenced{Topic: v.Topic, Until: v.Until}}
	}
	return notice.Content{Service: v.Service, Topic: v.Topic, Body: v.Body, At: v.At}
}
