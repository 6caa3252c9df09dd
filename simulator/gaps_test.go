package simulator

import (
	"strconv"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// clock gives times in milliseconds after one beginning.
func clock(ms int) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(ms) * time.Millisecond)
}

func TestTracker_IdleTimeIsNoGap(t *testing.T) {
	var r tracker
	r.begin(clock(0))
	r.end(clock(5), true)
	r.begin(clock(1000)) // nobody asked for a second
	r.end(clock(1004), true)
	if len(r.gaps) != 2 || r.gaps[0].length() != 5*time.Millisecond || r.gaps[1].length() != 4*time.Millisecond {
		t.Errorf("%v", r.gaps)
	}
}

func TestTracker_AnAnswerThatIsNoneEndsNoGap(t *testing.T) {
	var r tracker
	r.begin(clock(0))
	r.begin(clock(10))
	r.end(clock(40), false)
	r.end(clock(70), true)
	if len(r.gaps) != 1 || r.gaps[0].length() != 70*time.Millisecond {
		t.Errorf("%v", r.gaps)
	}
}

func TestRecorder_GapOfATakeoverAsTerminalsSawIt(t *testing.T) {
	r := newRecorder(3)
	ack := func(terminal, from, to int, epoch uint64) {
		a := answer{position: position.Position{Epoch: epoch, Sequence: 1}}
		r.begin(terminal, clock(from))
		r.end(terminal, clock(from), clock(to), a, nil)
	}
	for ms := range 50 {
		ack(0, ms, ms+1, 1)
	}
	// The active dies at 50; terminals 0 and 1 are served again after 30 ms, terminal 2 after 60 ms.
	r.begin(0, clock(50))
	r.begin(1, clock(52))
	r.begin(2, clock(54))
	second := answer{position: position.Position{Epoch: 2, Sequence: 9}}
	r.end(0, clock(50), clock(80), second, nil)
	r.end(1, clock(52), clock(81), second, nil)
	r.end(2, clock(54), clock(114), second, nil)

	var report Report
	r.fill(&report, 20*time.Millisecond, strconv.Itoa)
	if len(report.Takeovers) != 1 {
		t.Fatalf("takeovers: %v", report.Takeovers)
	}
	got := report.Takeovers[0]
	// For everybody from 50 to 80; what the last terminal then waited for alone is its own.
	if got.Epoch != 2 || got.Worst != 60*time.Millisecond || got.Terminal != "2" || got.Terminals != 3 || got.Gap != 30*time.Millisecond {
		t.Errorf("%+v", got)
	}
	if report.LongestGap != 60*time.Millisecond || len(report.Gaps) != 1 {
		t.Errorf("longest %s, gaps %v", report.LongestGap, report.Gaps)
	}
	if report.Latency.Max != 60*time.Millisecond || report.Operations != 53 {
		t.Errorf("%+v", report.Latency)
	}
}

func TestHistogram_PercentilesAreWithinTwoPercent(t *testing.T) {
	var h histogram
	for i := 1; i <= 100_000; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 50 * time.Millisecond, 0.95: 95 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := h.percentile(share); float64(got) < 0.98*float64(want) || float64(got) > 1.02*float64(want) {
			t.Errorf("p%v is %s, want %s", share*100, got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, 63, 64, 65, 127, 128, 1 << 20, 1<<20 + 12345, 1<<63 - 1} {
		if b := bucket(d); ceiling(b) < d || b > 0 && ceiling(b-1) >= d {
			t.Errorf("%d is in bucket %d, which ends at %d", d, b, ceiling(b))
		}
	}
}
