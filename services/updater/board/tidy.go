package board

import (
	"time"

	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/leaving"
)

// Trimming finds what of a stream is to go: what whoever it is for has, up to had, and what is beyond its bounds at a pair time; all of it
// when the terminal leaves. ok is false when nothing goes. lost is how many of them somebody still lacks.
func Trimming(r leaving.Reader, id string, now int64, had notices.Number, leaving bool) (t Trim, lost int, ok bool, err error) {
	var h head
	if id == "" {
		h, err = commonOf(r)
	} else {
		var owner Terminal
		owner, _, err = Find(r, id)
		h = head{Total: owner.Total, Kept: owner.Kept, Bytes: owner.Bytes, Trimmed: placeOf(owner.Trimmed)}
	}
	if err != nil || h.Kept == 0 {
		return Trim{}, 0, false, err
	}
	// Mostly nothing goes: then the oldest one says so.
	if b := BoundsOf(id); !leaving && h.Kept <= b.Notices && h.Bytes <= b.Bytes {
		goes, broken := true, false
		err := walk(r, id, notices.Number(h.Trimmed.Number), func(n notices.Notice, v *stored, damaged error) bool {
			goes = n.Number.Compare(had) <= 0 || damaged != nil || time.Duration(now-v.At) > b.Age
			return false
		}, &broken)
		if err != nil || !goes {
			return Trim{}, 0, false, err
		}
	}
	kept, bytes, err := oldest(r, id, &h, now)
	if err != nil {
		return Trim{}, 0, false, err
	}
	n := len(kept)
	if !leaving {
		b := BoundsOf(id) // less what is kept behind this piece
		b.Notices -= h.Kept - len(kept)
		b.Bytes -= h.Bytes - bytes
		n = notices.Trim(b, now, had, kept)
	}
	if n == 0 {
		return Trim{}, 0, false, nil
	}
	t = Trim{ID: id, From: h.Trimmed.mark(), To: notices.Mark{Number: kept[n-1].Number, Count: kept[n-1].Count}}
	for _, k := range kept[:n] {
		t.Gone = append(t.Gone, k.Number)
		t.Bytes += k.Size
		if !leaving && k.Number.After(had) {
			lost++
		}
	}
	return t, lost, true, nil
}

// oldest gives the first notices of a stream, with the bytes they come to. One that can't be read is counted from the one before it, has no
// bytes, and is taken to be no older than the one behind it: so it does not go before its time, as the other host may repair it, and does not
// keep the rest either.
func oldest(r leaving.Reader, id string, h *head, now int64) (kept []notices.Aged, bytes int, err error) {
	broken, count, unread := false, h.Trimmed.Count, 0
	err = walk(r, id, notices.Number(h.Trimmed.Number), func(n notices.Notice, v *stored, damaged error) bool {
		if len(kept) == MostTrimmed {
			return false
		}
		if count++; damaged != nil {
			n.Count = count
			kept, unread = append(kept, notices.Aged{Notice: n, Time: now}), unread+1
			return true
		}
		count = n.Count
		kept = append(kept, notices.Aged{Notice: n, Time: v.At})
		bytes += n.Size
		for ; unread > 0; unread-- {
			kept[len(kept)-1-unread].Time = v.At
		}
		return true
	}, &broken)
	return kept, bytes, err
}
