package permitting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/terminalif/taking"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/services/updater/takings"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// host is one host's store; its term, the first, is served unless it is gone.
type host struct {
	*Answers
	t     *testing.T
	store *storage.Store
	log   strings.Builder
	gone  bool
	mute  bool // what is committed has no answer
	now   int64
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, store: drafttest.StoreIn(t, t.TempDir()), now: int64(time.Hour)}
	h.Answers = New(t.Context(), Config{Store: h.store, Term: h, Pair: func() string { return "p" }, Log: slog.New(slog.NewTextHandler(&h.log, nil))})
	return h
}

var errNotServed = errors.New("not served")

func (h *host) Serves(epoch uint64) error {
	if h.gone || epoch > 1 {
		return errNotServed
	}
	return nil
}

func (h *host) PairTime() int64 { return h.now }

func (h *host) Order(epoch uint64, o leaving.Orders, answer func(bus.DatabaseReply)) error {
	if err := h.Serves(epoch); err != nil {
		return err
	}
	r := bus.DatabaseReply{}
	if _, err := h.commit(o.Change); err != nil {
		r = bus.DatabaseReply{Code: leaving.Code(err), Message: err.Error()}
	}
	if !h.mute {
		answer(r)
	}
	return nil
}

func (h *host) commit(change func(*leaving.Set) error) (position.Position, error) {
	_, err := leavingtest.Commit(h.store, leaving.Update{Time: h.now}, change)
	return h.store.Committed().Position, err
}

// make makes a command for terminals, and gives the id of its notice.
func (h *host) make(body string, within time.Duration, ids ...string) string {
	h.t.Helper()
	at, err := h.commit(func(s *leaving.Set) error {
		return takings.Change(s, "gate", []outbox.Notice{{To: ids, Topic: "plain"}, {To: ids, Topic: "open", Body: []byte(body), Fenced: true, Within: within}})
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return notice.ID("p", position.Number{Epoch: at.Epoch, Sequence: at.Sequence, Index: 1})
}

func (h *host) ask(terminal, id, directory, run string, done bool) string {
	h.t.Helper()
	got, err := h.take(h.t.Context(), taking.Question{Epoch: 1, Terminal: terminal, Taking: notice.Taking{ID: id, Directory: directory, Token: run}, Done: done})
	if err != nil {
		h.t.Fatal(err)
	}
	if (got.Verdict == commands.First.String()) != (len(got.Body) > 0) {
		h.t.Errorf("%s comes with the body %q", got.Verdict, got.Body)
	}
	return strings.TrimSpace(got.Verdict + " " + string(got.Body))
}

// keys counts what is in the outbox of commands.
func (h *host) keys() (n int) {
	h.t.Helper()
	err := h.store.View(func(r *storage.Reader) error {
		for it := range r.Each(history.OutboxSpace, []byte("commands/"), nil) {
			if it.Revision != 0 {
				n++
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestTake_OnceForEachTerminal(t *testing.T) {
	h := newHost(t)
	id := h.make(`{"lane":1}`, time.Minute, "t1", "t2")
	expect := func(want, got string) {
		t.Helper()
		if want != got {
			t.Errorf("%s, want %s", got, want)
		}
	}
	expect(`first {"lane":1}`, h.ask("t1", id, "d1", "r1", false))
	expect(`first {"lane":1}`, h.ask("t1", id, "d1", "r1", false)) // the answer was lost
	expect(`first {"lane":1}`, h.ask("t2", id, "d2", "r2", false)) // it is for that one, too
	expect("gone", h.ask("t3", id, "d3", "r3", false))
	expect("gone", h.ask("t1", id, "d2", "r1", true)) // another directory has not carried it out
	expect("unknown", h.ask("t1", id, "d1", "r9", false))
	expect("unknown", h.ask("t1", id, "d1", "r1", false)) // nobody gets it any more
	expect("done", h.ask("t1", id, "d1", "r9", true))
	expect("done", h.ask("t1", id, "d1", "r1", false))
	expect("void", h.ask("t1", strings.Replace(id, "p/", "q/", 1), "d1", "r1", false))
	expect("gone", h.ask("t1", strings.TrimSuffix(id, "1")+"0", "d1", "r1", false)) // which has no fence
	if s := h.Seen(); s.Unknown != 1 || s.Late != 0 || s.Last != "gate.open of terminal t1" {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(h.log.String(), "it is unknown whether a fenced command was executed") {
		t.Error(h.log.String())
	}
	if got, err := h.take(h.t.Context(), taking.Question{Epoch: 2, Terminal: "t1", Taking: notice.Taking{ID: id, Directory: "d", Token: "r"}}); !errors.Is(err, errNotServed) {
		t.Errorf("another term: %+v, %v", got, err)
	}
	// Who asks again would hear the same.
	long := strings.Repeat("x", notice.MaxTaker+1)
	for what, q := range map[string]taking.Question{
		"no token":         {Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: id, Directory: "d"}},
		"no directory":     {Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: id, Token: "r"}},
		"no id":            {Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: "x", Directory: "d", Token: "r"}},
		"a long id":        {Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: strings.Repeat("p", maxID) + "/1/1/1", Directory: "d", Token: "r"}},
		"a long token":     {Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: id, Directory: "d", Token: long}},
		"a long directory": {Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: id, Directory: long, Token: "r"}},
		"no terminal":      {Epoch: 1, Terminal: "a/b", Taking: notice.Taking{ID: id, Directory: "d", Token: "r"}},
	} {
		if got, err := h.take(t.Context(), q); !errors.Is(err, bus.ErrMalformed) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

func TestPass_TimeSettlesAndForgets(t *testing.T) {
	h := newHost(t)
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = h.make(fmt.Sprint(i), time.Minute, "t1")
	}
	pass := func(later time.Duration, keys int) {
		t.Helper()
		h.now += int64(later)
		if err := h.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := h.keys(); n != keys {
			t.Errorf("%d keys after %v, want %d", n, later, keys)
		}
	}
	for i, want := range []string{"first 0", "first 1"} {
		if got := h.ask("t1", ids[i], "d1", "r1", false); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	h.ask("t1", ids[1], "d1", "r1", true)
	pass(time.Minute, 9)
	if s := h.Seen(); s != (bus.CommandsUnsettled{}) {
		t.Errorf("at the last moment: %+v", s)
	}
	pass(1, 9)
	if s := h.Seen(); s.Unknown != 1 || s.Late != 2 || s.LastLate != "gate.open of terminal t1" {
		t.Errorf("after it: %+v", s)
	}
	for i, want := range []string{"unknown", "done", "late", "late"} {
		if got := h.ask("t1", ids[i], "d1", "r1", false); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	pass(commands.Kept+1, 0)
	if got := h.ask("t1", ids[0], "d1", "r1", false); got != "gone" {
		t.Error(got)
	}
	if s := h.Seen(); s.Unknown != 1 || s.Late != 2 {
		t.Errorf("it counts twice: %+v", s)
	}
	h.gone = true
	h.make("5", time.Minute, "t1")
	h.now += int64(time.Hour)
	if err := h.Pass(t.Context()); !errors.Is(err, errNotServed) {
		t.Errorf("without a term: %v", err)
	}
}

// TestRun_TellsWhatAHostBeforeDidNot: it ended with the update, and nothing is told twice.
func TestRun_TellsWhatAHostBeforeDidNot(t *testing.T) {
	h := newHost(t)
	taken, open := h.make("1", time.Minute, "t1"), h.make("2", time.Hour, "t1")
	h.make("3", time.Minute, "t1")
	h.ask("t1", taken, "d1", "r1", false)
	h.now += 2 * int64(time.Minute)
	if err := h.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.Seen(); s.Unknown != 1 || s.Late != 1 {
		t.Fatalf("%+v", s)
	}
	h.ask("t1", open, "d1", "r1", false)
	next := New(t.Context(), h.Config)
	for range 2 {
		if err := errors.Join(next.catchUp(), h.catchUp()); err != nil {
			t.Fatal(err)
		}
		for what, a := range map[string]*Answers{"the next host": next, "the one before": h.Answers} {
			if s := a.Seen(); s.Unknown != 1 || s.Late != 1 || s.Last != "gate.open of terminal t1" {
				t.Errorf("%s: %+v", what, s)
			}
		}
	}
}

// TestTake_WithoutAnAnswerItIsToldLater: the update is committed, and who asked has gone.
func TestTake_WithoutAnAnswerItIsToldLater(t *testing.T) {
	h := newHost(t)
	id := h.make("1", time.Minute, "t1")
	h.ask("t1", id, "d1", "r1", false)
	h.mute = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	got, err := h.take(ctx, taking.Question{Epoch: 1, Terminal: "t1", Taking: notice.Taking{ID: id, Directory: "d1", Token: "r2"}})
	if err == nil {
		t.Fatalf("%+v", got)
	}
	if s := h.Seen(); s.Unknown != 0 || h.look.Load() != looks {
		t.Errorf("%+v, and %d looks", s, h.look.Load())
	}
	if err := h.catchUp(); err != nil || h.Seen().Unknown != 1 {
		t.Errorf("%+v, %v", h.Seen(), err)
	}
}

// TestTake_TooLateBeforeAnybodyLooked: nobody needs to have looked at the time.
func TestTake_TooLateBeforeAnybodyLooked(t *testing.T) {
	h := newHost(t)
	id := h.make("1", time.Minute, "t1")
	h.now += int64(time.Minute) + 1
	if got := h.ask("t1", id, "d1", "r1", false); got != "late" {
		t.Error(got)
	}
	if s := h.Seen(); s.Late != 1 {
		t.Errorf("%+v", s)
	}
}
