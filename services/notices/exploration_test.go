package notices

import (
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/modeltest"
)

// wrong looks at a terminal that has been sent all that there is, and at what may be trimmed for good.
func (w *world) wrong(l laws) string {
	s := w.session
	if s.sender == nil {
		return ""
	}
	h := &w.hosts[s.host]
	had := s.sender.Confirmed()
	if l.rawCursor {
		for i := range had {
			if s.raw.After(had[i]) {
				had[i] = s.raw
			}
		}
	}
	for stream := range had {
		var kept []Aged
		for after := (Number{}); ; {
			p := h.stream(Stream(stream), h.done, after)
			if len(p.Kept) == 0 {
				break
			}
			kept = append(kept, Aged{Notice: p.Kept[0]})
			after = p.Kept[0].Number
		}
		for _, k := range kept[:Trim(Bounds{Notices: 9, Bytes: 9, Age: 9}, 0, had[stream], kept)] {
			if id := slices.Index(w.numbers[:], k.Number); w.ever&(1<<id) == 0 {
				return "a notice may be trimmed that its terminal never had"
			}
		}
	}
	if len(s.queue) > 0 {
		return ""
	}
	c := w.clone()
	if list, err := c.session.sender.Next(c.view(l)); err != nil || len(list) > 0 || len(c.session.sender.flying) > 0 {
		return ""
	}
	there := uint8(0)
	for _, e := range h.log[:h.done] {
		if e.kind == own || e.kind == common {
			there |= 1 << e.id
		}
	}
	switch {
	case there&^(w.disk.live|w.disk.gapped) != 0:
		return "a notice is missing, and nothing was told of it"
	case w.disk.live&^there != 0:
		return "it has what is not in the history, and nothing was told of it"
	}
	return ""
}

// explore visits every world, and gives a shortest way to a wrong one, nil if there is none.
func explore(l laws, b bounds) (states int, path []string) {
	start := &world{newest: 1, anews: b.anews}
	start.hosts[0] = host{log: []entry{{began, 1, 0}}, done: 1, epoch: 1, sent: true}
	start.hosts[1] = host{log: []entry{{began, 1, 0}}, done: 1}
	buffer := make([]byte, 0, 512)
	return modeltest.Explore(start, func(w *world) string { return w.key(buffer) },
		func(w *world, visit modeltest.Visit[*world]) { w.next(l, b, visit) },
		func(w *world) string { return w.wrong(l) })
}

func TestModel_EachNoticeIsStoredOnceOrAccountedFor(t *testing.T) {
	for _, b := range []bounds{
		{ids: 2, epochs: 2, length: 5, trims: 1, solos: true},
		{ids: 2, epochs: 2, length: 5, trims: 1, images: true},
		{ids: 3, epochs: 3, length: 5},
		{ids: 2, epochs: 3, length: 5, backups: true},
		{ids: 1, epochs: 3, length: 5, trims: 1, backups: true},
		{ids: 2, epochs: 2, length: 5, anews: 1},
	} {
		states, path := explore(laws{}, b)
		t.Logf("measured: %d states within %+v", states, b)
		if path != nil {
			t.Errorf("%+v: %s", b, strings.Join(path, "\n"))
		}
	}
}

func TestModel_GoesWrongWithoutAnyLaw(t *testing.T) {
	small := bounds{ids: 2, epochs: 2, length: 5, trims: 1, solos: true}
	for _, c := range []struct {
		broken laws
		in     bounds
		says   string
	}{
		{laws{unchecked: true}, small, "nothing was told of it"},
		{laws{notBack: true}, small, ""},
		{laws{epochAlone: true}, bounds{ids: 3, epochs: 4, length: 4, backups: true}, "never had"},
		{laws{twoReads: true}, small, ""},
		{laws{uncommitted: true}, small, "not committed"},
		{laws{silent: true}, small, "is missing"},
		{laws{pagesWhole: true}, bounds{ids: 3, epochs: 1, length: 4}, ""},
		{laws{rawCursor: true}, bounds{ids: 3, epochs: 3, length: 4, backups: true}, "never had"},
		{laws{lowerTaken: true}, small, ""},
		{laws{staleTaken: true}, bounds{ids: 2, epochs: 1, length: 4, anews: 1}, "stored twice"},
	} {
		_, path := explore(c.broken, c.in)
		modeltest.Breaks(t, c.broken, path, c.says)
	}
}
