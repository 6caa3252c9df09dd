package load

import (
	"fmt"
	"testing"

	"github.com/hotpair/hotpair/simulator/boards"
)

func TestCompareBoard_NamesWhatIsMissingAndWhatWasToldTwice(t *testing.T) {
	w := &Load{reservations: []reservation{{seat: "a", sold: true}, {seat: "b", released: 1}, {seat: "c"}, {seat: "d", sold: true}}}
	b := boards.New("")
	b.Sold["a"], b.Sold["c"], b.Released["b"] = 1, 1, 2
	missing, doubled := w.compareBoard(b)
	if fmt.Sprint(missing) != "[d (sold)]" || fmt.Sprint(doubled) != "[b (released) c (sold)]" {
		t.Errorf("missing %q, doubled %q", missing, doubled)
	}
}
