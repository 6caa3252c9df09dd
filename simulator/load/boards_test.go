package load

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus/notice"
)

// TestBoardOf: what a terminal was told is counted without what was void, and what does not follow is named.
func TestBoardOf(t *testing.T) {
	sold := func(number, epoch, sequence uint64, seat string) notice.Told {
		return notice.Told{Number: number, Service: hallService, Topic: "sold", ID: notice.ID("p", notice.Number{Epoch: epoch, Sequence: sequence}), Body: fmt.Appendf(nil, `{"seat":%q}`, seat)}
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
		"a hole":          {[]notice.Told{a, c}, nil, false, "comes after"},
		"out of order":    {[]notice.Told{a, sold(2, 1, 4, "b")}, nil, false, "is told after"},
		"no id":           {[]notice.Told{{Number: 1, Service: hallService, ID: "p/1"}}, nil, false, "no id"},
		"of the pair":     {[]notice.Told{a, {Number: 2, Service: notice.System, Topic: notice.TopicDiverged, From: "x"}}, nil, false, "no id"},
		"another service": {[]notice.Told{{Number: 1, Service: "kv", Topic: "sold", ID: a.ID, Body: a.Body}}, map[string]int{}, false, ""},
	} {
		got, wrong := boardOf(s.list)
		if (s.wrong == "") != (wrong == "") || !strings.Contains(wrong, s.wrong) {
			t.Errorf("%s: %q", what, wrong)
		}
		if s.wrong == "" && (!maps.Equal(got.sold, s.sold) || got.gap != s.gap) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestCompareBoard_NamesWhatIsMissingAndWhatWasToldTwice(t *testing.T) {
	w := &Load{reservations: []reservation{{seat: "a", sold: true}, {seat: "b", released: 1}, {seat: "c"}, {seat: "d", sold: true}}}
	missing, doubled := w.compareBoard(&board{sold: map[string]int{"a": 1, "c": 1}, released: map[string]int{"b": 2}})
	if fmt.Sprint(missing) != "[d (sold)]" || fmt.Sprint(doubled) != "[b (released) c (sold)]" {
		t.Errorf("missing %q, doubled %q", missing, doubled)
	}
}
