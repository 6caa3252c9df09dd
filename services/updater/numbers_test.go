package updater

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/terminalif/numbers"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage/history"
)

// numbered is a request of terminal t1 under a number, whose agent waits for no other.
func numbered(n uint64) request {
	return request{ID: drafttest.Counter(n), Oldest: n, Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}, Answer: bus.Answer{Body: []byte(`{}`)}}
}

// TestFault_A15_ThePairSaysWhereANewDirectoryBegins: the numbers of a new directory began at the wall clock. On a terminal that was
// set up anew with a clock 180 days back, or that was first set up ten years ahead and is right now, every write got 410 for
// as long as the clock was behind; another new directory, or taking the terminal out and in, did not help.
func TestFault_A15_ThePairSaysWhereANewDirectoryBegins(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	commit := func(n uint64) bus.DatabaseReply { t.Helper(); return receive(t, "the answer", a.begin(numbered(n))) }
	ask := func(seen uint64) uint64 {
		t.Helper()
		return ordered(a, numbers.Call, numbers.Question{Epoch: 1, Terminal: "t1", Seen: seen}).Base
	}
	if base := ask(0); base != 2*history.AnswerWindow {
		t.Errorf("a terminal of which nothing is known begins at %d", base)
	}
	// Directory after directory, each far above the one before, whatever its clock.
	last := ask(0)
	for life := range 4 {
		last += 1_000_000
		if r := commit(last); r.Code != bus.CodeOK || r.Position.IsZero() {
			t.Fatalf("directory %d: %+v", life, r)
		}
		if r := commit(1); r.Code != bus.CodeTooOld {
			t.Errorf("directory %d: a number that may have been used before: %+v", life, r)
		}
		base := ask(0)
		if base <= last+history.AnswerWindow {
			t.Errorf("directory %d begins at %d, after %d", life, base, last)
		}
		if seen := ask(base + 5_000_000); seen != base+5_000_000+history.AnswerWindow {
			t.Errorf("directory %d begins at %d, and the host has seen %d", life, seen, base+5_000_000)
		}
		last = base
	}
	// What a terminal claims does not spoil what it gets: neither a number nobody can have come to, nor one it only said.
	for _, n := range []uint64{math.MaxUint64, uint64(time.Now().AddDate(10, 0, 0).UnixMicro()), last + 2*history.Leap} {
		if r := commit(n); r.Code != bus.CodeMalformed || !strings.Contains(r.Message, "above the known numbers of its terminal") {
			t.Errorf("%d: %+v", n, r)
		}
		if base := ask(n); base >= last+history.Leap {
			t.Errorf("who claimed %d begins at %d", n, base)
		}
	}
	if r := commit(last + 1); r.Code != bus.CodeOK || r.Position.IsZero() {
		t.Errorf("an honest number after those: %+v", r)
	}
	// The numbers of its queue are another series.
	queued := numbered(last)
	queued.ID.Terminal = bus.QueueSeries("t1")
	if r := receive(t, "the answer", a.begin(queued)); r.Code != bus.CodeOK {
		t.Errorf("%+v", r)
	}
	if b := ordered(a, numbers.Call, numbers.Question{Epoch: 1, Terminal: "t1"}); b.Queue != last+2*history.AnswerWindow || b.Base == b.Queue {
		t.Errorf("%+v, after %d", b, last)
	}
	if err := refused(a, numbers.Call, numbers.Question{Epoch: 2, Terminal: "t1"}); err == nil {
		t.Error("a host tells it of a term that it does not serve")
	}
}
