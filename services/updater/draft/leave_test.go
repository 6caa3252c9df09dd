package draft_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/schedule"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// left is a store that is at a level, with a frame after the other.
type left struct {
	*storage.Store
	t *testing.T
}

func newLeft(t *testing.T) *left {
	t.Helper()
	return &left{drafttest.Store(t), t}
}

// frame decides calls in one frame and commits it. The outcomes are as those of TestDraft_DecidesInOrder.
func (l *left) frame(calls ...*draft.Commit) (got []string, d *draft.Draft) {
	l.t.Helper()
	d = draft.New(1, l.Committed(), time.Now().UnixNano())
	d.Level, d.Stamp = history.OutboxLevel, timers.Stamp{Counted: int64(time.Hour)}
	err := l.View(func(r *storage.Reader) error {
		for _, c := range calls {
			got = append(got, describe(d.Add(draft.Committed{Reader: r}, c)))
		}
		return nil
	})
	if err == nil && len(d.Entries()) > 0 {
		err = l.Commit(d.Entries()...)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return got, d
}

func leaving(c outbox.Changes) *draft.Commit {
	made, refused := drafttest.Request{Outbox: c}.Admitted()
	if refused != nil {
		panic(refused.Message)
	}
	return made
}

func set(key string) outbox.Changes {
	return outbox.Changes{Timers: []outbox.Timer{{Key: key, Operation: "do", After: time.Minute}}}
}

func fired(key string, revision uint64) outbox.Changes {
	return outbox.Changes{Fired: &outbox.Fired{Key: key, Revision: revision}}
}

// TestDraft_OneRunOfATimer: of two runs of a timer in one frame or in two, one takes effect, and the other waits for the frame that it
// rests on (R12).
func TestDraft_OneRunOfATimer(t *testing.T) {
	l := newLeft(t)
	got, _ := l.frame(leaving(set("a")), leaving(fired("a", 2)), leaving(fired("a", 2)), leaving(set("b")), leaving(set("b")), leaving(fired("b", 5)))
	if want := []string{"+2 held", "+3 held", "410 held", "+4 held", "+5 held", "+6 held"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got, _ = l.frame(leaving(fired("a", 2)), leaving(fired("never", 2)), leaving(fired("b", 4)))
	if want := []string{"410", "410", "410"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	err := l.View(func(r *storage.Reader) error {
		counts, err := schedule.Counts(r)
		if len(counts) != 0 {
			t.Errorf("left are %+v", counts)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestDraft_RefusesWhatCannotBeLeft, and loses nothing by it.
func TestDraft_RefusesWhatCannotBeLeft(t *testing.T) {
	c := leaving(set("a"))
	d := draft.New(1, history.Mark{}, 1)
	d.Level = history.OutboxLevel - 1
	if v := d.Add(fakeState{}, c); v.Reply.Code != bus.CodeMalformed || !strings.Contains(v.Reply.Message, "finish the upgrade") || v.Deferred || len(d.Entries()) != 0 {
		t.Errorf("at a level below: %+v", v)
	}
	long := strings.Repeat("x", outbox.MaxKey+1)
	many := make([]outbox.Timer, outbox.MaxTimers+1)
	for i := range many {
		many[i] = set(fmt.Sprint(i)).Timers[0]
	}
	for what, c := range map[string]outbox.Changes{
		"no key":               set(""),
		"a long key":           set(long),
		"a key that is none":   set("\xff"),
		"no operation":         {Timers: []outbox.Timer{{Key: "a"}}},
		"a long body":          {Timers: []outbox.Timer{{Key: "a", Operation: "do", Body: []byte(`"` + strings.Repeat("x", outbox.MaxBody) + `"`)}}},
		"a body that is none":  {Timers: []outbox.Timer{{Key: "a", Operation: "do", Body: []byte(`{`)}}},
		"before it was set":    {Timers: []outbox.Timer{{Key: "a", Operation: "do", After: -1}}},
		"in a thousand years":  {Timers: []outbox.Timer{{Key: "a", Operation: "do", After: 1 << 62}}},
		"before there is time": {Timers: []outbox.Timer{{Key: "a", Operation: "do", At: -1}}},
		"at two times":         {Timers: []outbox.Timer{{Key: "a", Operation: "do", At: 1, After: 1}}},
		"too many":             {Timers: many},
		"a run without a key":  fired("", 1),
	} {
		if _, refused := (drafttest.Request{Outbox: c}).Admitted(); refused == nil || refused.Code != bus.CodeMalformed || refused.Message == "" {
			t.Errorf("%s: %+v", what, refused)
		}
	}
}

// TestDraft_TimersAreAsTheyAreCommitted: the same changes in any frames leave the same outbox.
func TestDraft_TimersAreAsTheyAreCommitted(t *testing.T) {
	one, each := newLeft(t), newLeft(t)
	var calls []*draft.Commit
	for n := range 40 {
		c := set(fmt.Sprint(n % 7))
		if n%3 == 0 {
			c = outbox.Changes{Timers: []outbox.Timer{{Key: fmt.Sprint(n % 5), Cancel: true}}}
		}
		calls = append(calls, leaving(c))
	}
	together, _ := one.frame(calls...)
	var alone []string
	for _, c := range calls {
		got, _ := each.frame(c)
		alone = append(alone, got...)
	}
	if !slices.Equal(together, alone) {
		t.Errorf("in one frame %q, each in its own %q", together, alone)
	}
	dump := func(l *left) (list []string) {
		err := l.View(func(r *storage.Reader) error {
			items, _ := r.Scan(history.OutboxSpace, nil, nil, 0, 0)
			for _, it := range items {
				list = append(list, fmt.Sprintf("%q=%x@%d", it.Key, it.Value, it.Revision))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if a, b := dump(one), dump(each); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("in one frame\n%s\neach in its own\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}
