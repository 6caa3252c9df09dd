package load

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/simulator/accounting"
)

func TestCompareEntries_NamesWhatIsMissingAndWhatWasToldTwice(t *testing.T) {
	for what, c := range map[string]struct {
		seat    reservation
		got     accounting.Seat
		missing bool
		doubled bool
	}{
		"sold":             {reservation{sold: true}, accounting.Seat{Sold: 1}, false, false},
		"sold after all":   {reservation{sold: true, released: 1}, accounting.Seat{Free: 1, Sold: 1}, false, false},
		"given back":       {reservation{given: true}, accounting.Seat{Free: 1}, false, false},
		"nothing yet":      {reservation{released: 1}, accounting.Seat{}, true, false},
		"not that it sold": {reservation{sold: true, released: 1}, accounting.Seat{Free: 1}, true, false},
		"sold twice":       {reservation{sold: true}, accounting.Seat{Sold: 2}, false, true},
		"released twice":   {reservation{released: 1}, accounting.Seat{Free: 2}, false, true},
		"both":             {reservation{sold: true}, accounting.Seat{Free: 1}, true, true},
	} {
		c.seat.seat = "1A"
		missing, doubled := c.seat.compareEntries(c.got)
		if (missing != "") != c.missing || (doubled != "") != c.doubled || !strings.Contains(missing+doubled+"1A", "1A") {
			t.Errorf("%s: missing %q, doubled %q", what, missing, doubled)
		}
	}
}
