package boards

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/business/tickets"
)

// TestBoard_Take: what a terminal was told is counted without what was void, and what does not follow is named.
func TestBoard_Take(t *testing.T) {
	sold := func(number, epoch, sequence uint64, seat string) notice.Told {
		return notice.Told{Number: number, Service: tickets.Name, Topic: "sold", ID: notice.ID("p", notice.Number{Epoch: epoch, Sequence: sequence}), Body: fmt.Appendf(nil, `{"seat":%q}`, seat)}
	}
	void := func(number uint64, from, to notice.Told) notice.Told {
		return notice.Told{Number: number, Service: notice.System, Topic: notice.TopicDiverged, From: from.ID, To: to.ID}
	}
	a, b, c := sold(1, 1, 5, "a"), sold(2, 1, 6, "b"), sold(3, 1, 7, "c")
	for what, s := range map[string]struct {
		list  []notice.Told
		sold  map[string]int
		gap   bool
		wrong string
	}{
		"each once":       {[]notice.Told{a, b, c}, map[string]int{"a": 1, "b": 1, "c": 1}, false, ""},
		"one twice":       {[]notice.Told{a, sold(2, 1, 6, "a")}, map[string]int{"a": 2}, false, ""},
		"taken back":      {[]notice.Told{a, b, c, void(4, a, c), sold(5, 9, 6, "c")}, map[string]int{"a": 1, "c": 1}, false, ""},
		"all taken back":  {[]notice.Told{a, void(2, notice.Told{}, a), sold(3, 9, 6, "d")}, map[string]int{"d": 1}, false, ""},
		"a gap":           {[]notice.Told{a, {Number: 2, Service: notice.System, Topic: notice.TopicGap, To: b.ID}}, map[string]int{"a": 1}, true, ""},
		"a hole":          {[]notice.Told{a, c}, nil, false, " follows number "},
		"out of order":    {[]notice.Told{a, sold(2, 1, 4, "b")}, nil, false, " follows {"},
		"no id":           {[]notice.Told{{Number: 1, Service: tickets.Name, ID: "p/1"}}, nil, false, "not a notice id"},
		"of the pair":     {[]notice.Told{a, {Number: 2, Service: notice.System, Topic: notice.TopicDiverged, From: "x"}}, nil, false, "not a notice id"},
		"another service": {[]notice.Told{{Number: 1, Service: "kv", Topic: "sold", ID: a.ID, Body: a.Body}}, map[string]int{}, false, ""},
	} {
		for _, pageOf := range []int{1, 2, len(s.list)} { // however it is read
			b := New("")
			var err error
			for i := 0; i < len(s.list) && err == nil; i += pageOf {
				err = b.take(s.list[i:min(i+pageOf, len(s.list))])
			}
			if (s.wrong == "") != (err == nil) || err != nil && (!errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), s.wrong)) {
				t.Errorf("%s: %v", what, err)
			}
			maps.DeleteFunc(b.Sold, func(_ string, n int) bool { return n == 0 })
			if s.wrong == "" && (!maps.Equal(b.Sold, s.sold) || b.Gap != s.gap) {
				t.Errorf("%s: %+v", what, b)
			}
		}
	}
}

// TestBoard_ForgetsWhatIsLongPast: much is counted, little is remembered, and what is void beyond that is known to be unknown.
func TestBoard_ForgetsWhatIsLongPast(t *testing.T) {
	b := New("run-")
	const all = 3 * mostRecent
	for n := range uint64(all) {
		told := notice.Told{Number: n + 1, Service: tickets.Name, Topic: tickets.TopicReleased, ID: notice.ID("p", notice.Number{Epoch: 1, Sequence: n + 1}), Body: fmt.Appendf(nil, `{"seat":"run-%d"}`, n%7)}
		if err := b.take([]notice.Told{told}); err != nil {
			t.Fatal(err)
		}
	}
	if b.Notices != all || len(b.recent) > mostRecent || b.Trimmed {
		t.Errorf("%d notices, %d remembered", b.Notices, len(b.recent))
	}
	from := notice.ID("p", notice.Number{Epoch: 1, Sequence: all - 7})
	if err := b.take([]notice.Told{{Number: all + 1, Service: notice.System, Topic: notice.TopicDiverged, From: from}}); err != nil || b.Trimmed {
		t.Errorf("%v, trimmed %v", err, b.Trimmed)
	}
	sum := 0
	for _, n := range b.Released {
		sum += n
	}
	if sum != all-7 {
		t.Errorf("%d are counted, not %d", sum, all-7)
	}
	if err := b.take([]notice.Told{{Number: all + 2, Service: notice.System, Topic: notice.TopicDiverged}}); err != nil || !b.Trimmed {
		t.Errorf("%v, trimmed %v", err, b.Trimmed)
	}
}
