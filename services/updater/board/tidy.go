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
		err := walk(r, id, notices.Number(h.Trimmed.Number), func(n notices.Notice, v *stored) bool {
			goes = n.Number.Compare(had) <= 0 || time.Duration(now-v.At) > b.Age
			return false
		}, &broken)
		if err != nil || !goes {
			return Trim{}, 0, false, err
		}
	}
	var kept []notices.Aged
	bytes := 0
	broken := false
	err = walk(r, id, notices.Number(h.Trimmed.Number), func(n notices.Notice, v *stored) bool {
		if len(kept) == MostTrimmed {
			return false
		}
		kept = append(kept, notices.Aged{Notice: n, Time: v.At})
		bytes += n.Size
		return true
	}, &broken)
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
