package journal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

// TestLog_TakesInWhatItIsTold: a stored message that comes right behind the tail is not read again, one that does not has what
// lies between read, and one that is known changes nothing.
func TestLog_TakesInWhatItIsTold(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{})
	l := NewLog(j, history.Mark{})
	entries := journaltest.Chain(t, history.Mark{}, 1, 4, "x")
	raws := make([][]byte, len(entries))
	before := history.Mark{}
	for i := range entries {
		raws[i] = encoded(t, frameOf(Term{1, 1}, before, entries[i:i+1]))
		before = entries[i].Mark()
		if _, err := j.Append(ctx, raws[i]); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			break
		}
	}
	for _, step := range []struct {
		what string
		told Read
		took bool
		end  int
		read bool
	}{
		{"the first", Read{Seq: 1, Raw: raws[0]}, true, 0, false},
		{"the first again", Read{Seq: 1, Raw: raws[0]}, false, 0, false},
		{"the third, behind a gap", Read{Seq: 3, Raw: raws[2]}, true, 2, true},
		{"the second, late", Read{Seq: 2, Raw: raws[1]}, false, 2, false},
		{"nothing", Read{}, false, 2, true},
	} {
		asked := j.reader.number
		took, err := l.takeIn(ctx, step.told)
		if err != nil {
			t.Fatal(err)
		}
		if read := j.reader.number != asked; took != step.took || read != step.read || l.End() != entries[step.end].Mark() {
			t.Errorf("%s: took %v, read %v, end %v", step.what, took, read, l.End().Position)
		}
	}
}

// TestLog_FollowRestsAlone: nobody tells a log what its own host appends while the fence is that host's. When another one
// rules, what that one appends is taken in.
func TestLog_FollowRestsAlone(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{Host: "b"})
	l := NewLog(j, history.Mark{})
	listens := func(want bool) {
		t.Helper()
		for (j.server.GlobalAccount().Interest(storedSubject("b")) > 0) != want {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("does not come to listening: %v", want)
			}
		}
	}
	following, stop := context.WithCancelCause(ctx)
	ended, took := make(chan error, 1), make(chan history.Mark, 10)
	go func() {
		ended <- l.Follow(following, func() error {
			took <- l.End()
			return nil
		})
	}()
	listens(true)
	if err := l.Fence(ctx, Fence{Term: Term{1, 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	listens(false)
	own := journaltest.Chain(t, history.Mark{}, 1, 2, "own")
	if err := l.Append(ctx, own, own[0].Entry.Position); err != nil {
		t.Fatal(err)
	}
	term := Term{2, 1}
	if err := l.Fence(ctx, Fence{Term: term, Host: "a"}); err != nil {
		t.Fatal(err)
	}
	c, err := j.Grant(term)
	if err != nil {
		t.Fatal(err)
	}
	next := journaltest.Chain(t, journaltest.End(own), 2, 1, "of a")
	if _, err := publish(ctx, dialSession(t, j, c), j.subject, c.Last, encoded(t, frameOf(term, journaltest.End(own), next))); err != nil {
		t.Fatal(err)
	}
	for end := (history.Mark{}); end != journaltest.End(next); {
		select {
		case end = <-took:
		case <-ctx.Done():
			t.Fatalf("taken in up to %v only", l.End().Position)
		}
	}
	listens(true)
	stop(errors.New("enough"))
	if err := <-ended; err == nil {
		t.Error("ended without its context's cause")
	}
}
