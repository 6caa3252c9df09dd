package journal

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

// filled is a log whose tail keeps some bytes of what was appended and not applied.
func filled(t *testing.T, keep int64, updates, bytes int) (l *Log, entries []history.Stored) {
	t.Helper()
	l = NewLog(openJournal(t, Config{Host: "b", Keep: keep}), history.Mark{})
	ctx := journaltest.Within(t, time.Minute)
	if err := l.Fence(ctx, Fence{Term: Term{Epoch: 1, Session: 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	entries = journaltest.Chain(t, history.Mark{}, 1, updates, strings.Repeat("v", bytes))
	for from := 0; from < len(entries); from += 7 {
		if err := l.Append(ctx, entries[from:min(from+7, len(entries))], entries[max(0, from-1)].Entry.Position); err != nil {
			t.Fatal(err)
		}
	}
	return l, entries
}

// TestFault_A13_WhatIsNotAppliedStaysInTheJournal: a host that could not apply what came held all of it in memory, four bytes for each byte of its
// journal. It keeps as much as it may, and reads on in the journal, to the very entries that it took.
func TestFault_A13_WhatIsNotAppliedStaysInTheJournal(t *testing.T) {
	const keep = 1 << 20
	l, entries := filled(t, keep, 2000, 10_000)
	ctx := journaltest.Within(t, time.Minute)
	want := entries[len(entries)-1].Mark()
	if l.tail.kept > keep || l.tail.bytes < 20_000_000 || l.End() != want {
		t.Fatalf("it keeps %d of %d bytes, up to %v", l.tail.kept, l.tail.bytes, l.End().Position)
	}
	same := func(from int) {
		t.Helper()
		for at := from; ; {
			some, err := l.Entries(ctx, uint64(at))
			if err != nil {
				t.Fatal(err)
			}
			if len(some) == 0 {
				if at != len(entries) {
					t.Fatalf("from %d on it ends at %d of %d", from, at, len(entries))
				}
				return
			}
			for i := range some {
				if e := entries[at]; some[i].Mark() != e.Mark() || string(some[i].Raw) != string(e.Raw) {
					t.Fatalf("entry %d is %v", at+1, some[i].Entry.Position)
				}
				at++
			}
		}
	}
	same(0)
	same(1001)
	same(len(entries))
	same(len(entries) - 1)

	// Applied up to within what is kept, then beyond it; then a cut through a frame that is not kept.
	for _, applied := range []int{20, 1001} {
		if err := l.Applied(ctx, entries[applied-1].Mark()); err != nil {
			t.Fatal(err)
		}
		same(applied)
		if _, err := l.Entries(ctx, uint64(applied-1)); err == nil {
			t.Error("what is applied is given")
		}
	}
	entries = entries[:1904]
	if err := l.Truncate(ctx, entries[1903].Mark()); err != nil {
		t.Fatal(err)
	}
	same(1001)
	more := journaltest.Chain(t, l.End(), 1, 2, "behind the cut")
	if err := l.Append(ctx, more, entries[1903].Entry.Position); err != nil {
		t.Fatal(err)
	}
	entries = append(entries, more...)
	same(1001)
	same(1900)

	// The same after a restart, and a frame that comes again is known.
	again := NewLog(l.journal, entries[1000].Mark())
	if err := again.Read(ctx); err != nil || again.End() != l.End() {
		t.Fatal(err, again.End().Position)
	}
	first := l
	l = again
	same(1001)
	f := NewFrame(Term{Epoch: 1, Session: 1}, entries[1799].Digest, entries[1800:1807], entries[1799].Entry.Position)
	if v, err := first.tail.Take(first.tail.Seq()+1, Message{Frame: f}); v != Duplicate || err != nil {
		t.Errorf("what comes again is %v (%v)", v, err)
	}
	f.Entries[6] = []byte(strings.Repeat("x", 100))
	if v, _ := first.tail.Take(first.tail.Seq()+1, Message{Frame: f}); v == Duplicate {
		t.Error("other bytes at the same position are taken for known")
	}
}

// TestTail_MemoryIsBounded: what a tail holds for what it does not keep is a small part of that.
func TestTail_MemoryIsBounded(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	tail := NewTail(history.Mark{})
	tail.keep = 1 << 20
	before := heap()
	var end history.Mark
	for seq := uint64(1); tail.Bytes() < 32<<20; seq++ {
		entries := journaltest.Chain(t, end, 1, 2, strings.Repeat("v", 2000))
		if v, err := tail.Take(seq, Message{Frame: NewFrame(Term{Epoch: 1, Session: 1}, end.Digest, entries, end.Position)}); v != Taken {
			t.Fatal(v, err)
		}
		end = entries[1].Mark()
	}
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("%d bytes of heap for %d bytes of which it may keep %d", grown, tail.Bytes(), tail.keep)
	}
	runtime.KeepAlive(tail)
}
