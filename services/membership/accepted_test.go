package membership

import "testing"

// TestFault_A10_OneTerminalAloneDecidesNothing: what counts is what more than half of them say.
func TestFault_A10_OneTerminalAloneDecidesNothing(t *testing.T) {
	for _, c := range []struct {
		said []uint64
		want uint64
	}{
		{nil, 0}, {[]uint64{9}, 9}, {[]uint64{9, 3}, 3}, {[]uint64{3, 1 << 62, 3}, 3}, {[]uint64{9, 3, 9}, 9},
		{[]uint64{9, 9, 3, 3}, 3}, {[]uint64{9, 9, 9, 3}, 9}, {[]uint64{0, 7, 0}, 0},
	} {
		if got := MostAccepted(append([]uint64(nil), c.said...)); got != c.want {
			t.Errorf("%v: %d, want %d", c.said, got, c.want)
		}
	}
}
