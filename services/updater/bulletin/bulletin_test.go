package bulletin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/updater/board"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// host is one host's store and bulletin; its term is served unless it is gone.
type host struct {
	*Bulletin
	t     *testing.T
	store *storage.Store
	dir   string // of it
	log   strings.Builder

	mu   sync.Mutex
	gone bool
	now  int64
}

func newHost(t *testing.T, ids ...string) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{t: t, store: drafttest.StoreIn(t, dir), dir: dir, now: 1000}
	h.Bulletin = New(t.Context(), h.store, h, time.Unix(1, 0), slog.New(slog.NewTextHandler(&h.log, nil)))
	if _, err := h.roster(t.Context(), delivery.Roster{Epoch: 1, IDs: ids}); err != nil {
		t.Fatal(err)
	}
	return h
}

var errNotServed = errors.New("not served")

func (h *host) Serves(epoch uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone || epoch > 1 {
		return errNotServed
	}
	return nil
}

func (h *host) History() notices.History {
	return notices.History{Pair: "p", Starts: []notices.Start{{Epoch: 1, Sequence: 1}}}
}

func (h *host) PairTime() int64 { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

// commit makes one update.
func (h *host) commit(change func(*leaving.Set) error) error {
	entries, err := leavingtest.Commit(h.store, leaving.Update{Time: h.PairTime()}, change)
	h.Committed(entries)
	return err
}

// table makes a table of terminals, and gives its revision.
func (h *host) table() uint64 {
	h.t.Helper()
	end := h.store.Committed()
	at := position.Position{Epoch: 1, Sequence: end.Position.Sequence + 1}
	e, err := history.NewStored(end.Digest, history.Entry{Position: at, Kind: history.KindUpdate, Time: h.PairTime(), Space: bus.SystemSpace,
		Effects: []history.Effect{{Key: []byte(bus.SystemTerminals), Value: []byte("{}")}}})
	if err == nil {
		err = h.store.Commit(e)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return at.Sequence
}

func (h *host) Order(epoch uint64, o leaving.Orders, answer func(bus.DatabaseReply)) error {
	if err := h.Serves(epoch); err != nil {
		return err
	}
	r := bus.DatabaseReply{}
	if err := h.commit(o.Change); err != nil {
		r = bus.DatabaseReply{Code: leaving.Code(err), Message: err.Error()}
	}
	answer(r)
	return nil
}

func (h *host) tell(list ...outbox.Notice) {
	h.t.Helper()
	if err := h.commit(func(s *leaving.Set) error { return board.Change(s, "kv", list) }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) watched(q delivery.Watch) delivery.Changed {
	h.t.Helper()
	q.Epoch = 1
	c, err := h.watch(h.t.Context(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func to(id, topic string) outbox.Notice { return outbox.Notice{To: []string{id}, Topic: topic} }

func TestWatch_NamesThoseThatAreToldSomething(t *testing.T) {
	h := newHost(t, "t1", "t2", "t3")
	first := h.watched(delivery.Watch{})
	if !first.All {
		t.Errorf("who begins to watch: %+v", first)
	}
	h.tell(to("t2", "a"))
	h.tell(to("t1", "b"), to("t2", "c"))
	second := h.watched(delivery.Watch{Seen: first.Version, Wait: time.Hour})
	if second.All || !slices.Equal(second.Terminals, []string{"t1", "t2"}) {
		t.Errorf("after two updates: %+v", second)
	}
	h.tell(to("t3", "d"))
	third := h.watched(delivery.Watch{Seen: second.Version, Wait: time.Hour})
	if third.All || !slices.Equal(third.Terminals, []string{"t3"}) {
		t.Errorf("after another one: %+v", third)
	}
	h.tell(outbox.Notice{All: true, Topic: "e"})
	if c := h.watched(delivery.Watch{Seen: third.Version, Wait: time.Hour}); !c.All {
		t.Errorf("after one to all: %+v", c)
	}
	for n := range mostNamed + 1 {
		h.Bulletin.mu.Lock()
		h.Bulletin.version.Rise()
		h.Bulletin.to[fmt.Sprint(n)] = h.Bulletin.version.Latest()
		h.Bulletin.mu.Unlock()
	}
	if c := h.watched(delivery.Watch{Seen: third.Version + 1, Wait: time.Hour}); !c.All || len(c.Terminals) > 0 {
		t.Errorf("after too many to name: %+v", c)
	}
	// What was seen of an earlier process says nothing.
	if c := h.watched(delivery.Watch{Seen: 7, Wait: time.Hour}); !c.All {
		t.Errorf("of another process: %+v", c)
	}
}

func TestWatch_WaitsAndEndsWithTheTerm(t *testing.T) {
	h := newHost(t, "t1")
	seen := h.watched(delivery.Watch{}).Version
	answers := make(chan delivery.Changed, 1)
	go func() {
		c, err := h.watch(context.Background(), delivery.Watch{Epoch: 1, Seen: seen, Wait: time.Minute})
		if err != nil {
			t.Error(err)
		}
		answers <- c
	}()
	h.tell(to("t1", "a"))
	if c := <-answers; !slices.Equal(c.Terminals, []string{"t1"}) {
		t.Errorf("%+v", c)
	}
	h.mu.Lock()
	h.gone = true
	h.mu.Unlock()
	if _, err := h.watch(t.Context(), delivery.Watch{Epoch: 1}); !errors.Is(err, errNotServed) {
		t.Errorf("%v", err)
	}
}

func TestRead_GivesBothStreamsUpToWhatThereIsRoomFor(t *testing.T) {
	h := newHost(t, "t1", "t2", "t3")
	body := []byte(`"` + string(make48k()) + `"`)
	for n := range 12 {
		h.tell(outbox.Notice{To: []string{"t1", "t2", "t3"}, Topic: fmt.Sprint("n", n), Body: body})
	}
	h.tell(outbox.Notice{All: true, Topic: "common"})
	v, err := h.read(t.Context(), delivery.Read{Epoch: 1, Terminals: []delivery.Place{{ID: "t1"}, {ID: "t2"}, {ID: "t3"}}})
	if err != nil || len(v.Common.Kept) != 1 || v.Common.Contents[0].Topic != "common" || len(v.Own) != 2 || len(v.Own[0].Kept) != 5 || !v.Own[0].More {
		t.Fatalf("%d streams, %v", len(v.Own), err)
	}
	b, err := h.begin(t.Context(), delivery.Begin{Epoch: 1, IDs: []string{"t3", "t9"}})
	if err != nil || !b.Terminals[0].Known || b.Terminals[1].Known || b.History.End != h.store.Committed().Position || b.History.Epoch != 1 || b.History.Pair != "p" {
		t.Errorf("%+v, %v", b, err)
	}
	for what, err := range map[string]error{
		"too many to read":  second(h.read(t.Context(), delivery.Read{Epoch: 1, Terminals: make([]delivery.Place, delivery.MostRead+1)})),
		"too many to begin": second(h.begin(t.Context(), delivery.Begin{Epoch: 1, IDs: make([]string, delivery.MostBegun+1)})),
		"too many had":      second(h.had(t.Context(), delivery.Report{Epoch: 1, Had: make([]delivery.Had, board.MostTerminals+1)})),
		"too many listed":   second(h.roster(t.Context(), delivery.Roster{Epoch: 1, IDs: make([]string, bus.MaxTerminals+1)})),
		"another term":      second(h.read(t.Context(), delivery.Read{Epoch: 2})),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func make48k() []byte { return slices.Repeat([]byte("x"), 48<<10) }

func second[T any](_ T, err error) error { return err }

// TestTrim_TakesWhatIsHadAndWhatIsTooMuch: what all have goes, a terminal that takes nothing loses its own alone, and one that leaves loses
// all of it.
func TestTrim_TakesWhatIsHadAndWhatIsTooMuch(t *testing.T) {
	h := newHost(t, "t1", "t2", "dead")
	for range 20 {
		h.tell(to("t1", "a"), to("t2", "b"), to("dead", "c"), outbox.Notice{All: true, Topic: "d"})
	}
	end := notices.Number{Epoch: 1, Sequence: h.store.Committed().Position.Sequence, Index: 9}
	trim := func() {
		t.Helper()
		if err := h.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	report := func(ids ...string) {
		t.Helper()
		var list []delivery.Had
		for _, id := range ids {
			list = append(list, delivery.Had{ID: id, Had: [2]notices.Number{end, end}})
		}
		if _, err := h.had(t.Context(), delivery.Report{Epoch: 1, Had: list}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (got [4]int) {
		t.Helper()
		l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range l.Terminals {
			got[map[string]int{"t1": 0, "t2": 1, "dead": 2}[s.ID]] = s.Own.Kept
		}
		got[3] = l.Common.Kept
		return got
	}
	trim()
	if got := kept(); got != [4]int{20, 20, 20, 20} {
		t.Errorf("nobody has anything: %v", got)
	}
	report("t1", "t2")
	trim()
	if got := kept(); got != [4]int{0, 0, 20, 20} {
		t.Errorf("one has nothing: %v", got)
	}
	l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 10, Waiting: true})
	if err != nil || len(l.Terminals) != 1 || l.Terminals[0].Waiting != 20 || l.Terminals[0].WaitingCommon != 20 || l.Terminals[0].Oldest.IsZero() {
		t.Errorf("%+v, %v", l, err)
	}
	// A list that is not the committed one may lack somebody.
	now := h.table()
	for _, revision := range []uint64{0, now - 1, now + 1} {
		if _, err := h.roster(t.Context(), delivery.Roster{Epoch: 1, IDs: []string{"t1", "t2"}, Revision: revision}); !errors.Is(err, ErrOrder) {
			t.Errorf("a list of revision %d, where the table is at %d: %v", revision, now, err)
		}
	}
	if trim(); kept() != [4]int{0, 0, 20, 20} {
		t.Errorf("after lists of other tables: %v", kept())
	}
	if _, err := h.roster(t.Context(), delivery.Roster{Epoch: 1, IDs: []string{"t1", "t2"}, Revision: now}); err != nil {
		t.Fatal(err)
	}
	trim()
	trim()
	if l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 10}); err != nil || len(l.Terminals) != 2 || l.Common.Kept != 0 || h.lost != 0 {
		t.Errorf("when it has left: %+v, %v, %d lost", l, err, h.lost)
	}
	h.tell(to("t1", "e"), outbox.Notice{All: true, Topic: "f"})
	h.mu.Lock()
	h.now += int64(board.BoundsOf("").Age) + 1
	h.mu.Unlock()
	trim()
	if got := kept(); got != [4]int{} || h.lost != 2 {
		t.Errorf("after a week: %v, %d lost", got, h.lost)
	}
}

// TestTrim_ComesAlsoWithMuch: what is far beyond the bounds is trimmed in as many updates as it takes.
func TestTrim_ComesAlsoWithMuch(t *testing.T) {
	h := newHost(t, "t1")
	for range (board.BoundsOf("t1").Notices + 3*board.MostTrimmed) / outbox.MaxNotices {
		list := make([]outbox.Notice, outbox.MaxNotices)
		for i := range list {
			list[i] = to("t1", "a")
		}
		h.tell(list...)
	}
	if len(h.many) == 0 {
		t.Error("nobody is told that there is much")
	}
	if err := h.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 1})
	if err != nil || l.Terminals[0].Own.Kept != board.BoundsOf("t1").Notices {
		t.Errorf("%+v, %v", l, err)
	}
}

// spoil has a key of the outbox hold what nobody can read.
func (h *host) spoil(key []byte) {
	h.t.Helper()
	if err := h.commit(func(s *leaving.Set) error { s.Put(key, []byte{1, 0xa3, 1}); return nil }); err != nil {
		h.t.Fatal(err)
	}
}

// TestUnreadable_CostsNobodyElse: what is kept of one terminal, one of its notices, and one to all can't be read. The others get theirs, are
// trimmed and listed, and it is said which can't be read.
func TestUnreadable_CostsNobodyElse(t *testing.T) {
	h := newHost(t, "t1", "t2", "t3")
	h.tell(to("t1", "a"), to("t2", "a"), to("t3", "a"), outbox.Notice{All: true, Topic: "all"})
	h.tell(to("t1", "b"), to("t2", "b"), to("t3", "b"), outbox.Notice{All: true, Topic: "all"})
	spoiled := map[string]bool{}
	if err := h.store.View(func(r *storage.Reader) error {
		for _, id := range []string{"t2", ""} {
			var last []byte
			for it := range r.Walk(history.OutboxSpace, []byte("notices/"), nil) {
				if stream, is := board.StreamOf(it.Key); is && stream == id {
					last = slices.Clone(it.Key)
				}
			}
			spoiled[string(last)] = true
		}
		for it := range r.Walk(history.OutboxSpace, nil, nil) {
			if _, is := board.StreamOf(it.Key); !is && strings.HasSuffix(string(it.Key), "/t3") {
				spoiled[string(it.Key)] = true
			}
		}
		return nil
	}); err != nil || len(spoiled) < 3 {
		t.Fatal(spoiled, err)
	}
	for key := range spoiled {
		h.spoil([]byte(key))
	}
	v, err := h.read(t.Context(), delivery.Read{Epoch: 1, Terminals: []delivery.Place{{ID: "t1"}, {ID: "t2"}, {ID: "t3"}}})
	if err != nil || len(v.Own) != 3 {
		t.Fatalf("%+v, %v", v, err)
	}
	for what, c := range map[string]struct {
		page delivery.Page
		kept int
		says bool
	}{"t1": {v.Own[0], 2, false}, "t2": {v.Own[1], 1, true}, "t3": {v.Own[2], 0, true}, "all": {v.Common, 1, true}} {
		if len(c.page.Kept) != c.kept || (c.page.Unreadable != "") != c.says {
			t.Errorf("%s: %+v", what, c.page)
		}
	}
	b, err := h.begin(t.Context(), delivery.Begin{Epoch: 1, IDs: []string{"t1", "t3"}})
	if err != nil || !b.Terminals[0].Known || b.Terminals[0].Unreadable != "" || b.Terminals[1].Unreadable == "" {
		t.Errorf("%+v, %v", b, err)
	}
	had := [2]notices.Number{notices.Own: v.Own[0].Kept[0].Number}
	if _, err := h.had(t.Context(), delivery.Report{Epoch: 1, Had: []delivery.Had{{ID: "t3", Had: had}, {ID: "t1", Had: had}}}); err != nil {
		t.Error(err)
	}
	_ = h.Trim(t.Context()) // of the common stream it can't say what goes
	if p := board.Page(ignoring(h.read(t.Context(), delivery.Read{Epoch: 1, Terminals: []delivery.Place{{ID: "t1"}}})).Own[0]); len(p.Kept) != 1 {
		t.Errorf("what t1 has is not trimmed: %+v", p)
	}
	l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 10})
	if err != nil || len(l.Terminals) != 3 || l.Terminals[0].Waiting != 1 || l.Terminals[1].Unreadable == "" || l.Terminals[2].Unreadable == "" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := h.roster(t.Context(), delivery.Roster{Epoch: 1, IDs: []string{"t1", "t2", "t3", "t4"}}); err != nil {
		t.Error(err)
	}
}

// errorsSaid counts the errors in the log.
func (h *host) errorsSaid() int { return strings.Count(h.log.String(), "level=ERROR") }

// TestDamaged_StopsNoOther: bits of a notice, of what a terminal has and of a terminal are flipped in the database file. The others are told,
// each is said once, and the terminal whose "had" is damaged is told all of its notices.
func TestDamaged_StopsNoOther(t *testing.T) {
	h := newHost(t, "t1", "t2", "t3")
	h.tell(to("t1", "topic-a-of-t1"), to("t2", "topic-a-of-t2"), to("t3", "topic-a-of-t3"))
	h.tell(to("t1", "topic-b-of-t1"), to("t2", "topic-b-of-t2"), to("t3", "topic-b-of-t3"))
	ask := delivery.Read{Epoch: 1, Terminals: []delivery.Place{{ID: "t1"}, {ID: "t2"}, {ID: "t3"}}}
	v, err := h.read(t.Context(), ask)
	if err != nil || len(v.Own) != 3 || len(v.Own[2].Kept) != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	had := [2]notices.Number{notices.Own: v.Own[2].Kept[0].Number, notices.Common: {Epoch: 1, Sequence: 0x1122334455667788}}
	if _, err := h.had(t.Context(), delivery.Report{Epoch: 1, Had: []delivery.Had{{ID: "t3", Had: had}}}); err != nil {
		t.Fatal(err)
	}
	drafttest.Damage(t, h.store, h.dir, "topic-a-of-t2")
	h.damageHad("t3", had[notices.Common])
	if v, err = h.read(t.Context(), ask); err != nil || len(v.Own) != 3 {
		t.Fatalf("%+v, %v", v, err)
	}
	if len(v.Own[0].Kept) != 2 || len(v.Own[1].Kept) != 0 || v.Own[1].Unreadable == "" || len(v.Own[2].Kept) != 2 {
		t.Errorf("%+v", v.Own)
	}
	b, err := h.begin(t.Context(), delivery.Begin{Epoch: 1, IDs: []string{"t3"}})
	if err != nil || !b.Terminals[0].Known || b.Terminals[0].Unreadable != "" || b.Terminals[0].Had != ([2]notices.Number{}) {
		t.Errorf("%+v, %v", b, err)
	}
	l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 10})
	if err != nil || len(l.Terminals) != 3 || l.Terminals[1].Waiting != 2 || l.Terminals[1].Unreadable == "" || l.Terminals[2].Waiting != 2 || l.Terminals[2].Unreadable == "" {
		t.Errorf("%+v, %v", l, err)
	}
	for range 3 {
		if err := h.Trim(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := h.errorsSaid(); n != 1 {
		t.Errorf("%d errors said, want that t3's is damaged:\n%s", n, h.log.String())
	}
	// It says itself what it has: then all is well again.
	if _, err := h.had(t.Context(), delivery.Report{Epoch: 1, Had: []delivery.Had{{ID: "t3", Had: had}}}); err != nil {
		t.Fatal(err)
	}
	if b, err = h.begin(t.Context(), delivery.Begin{Epoch: 1, IDs: []string{"t3"}}); err != nil || b.Terminals[0].Had != had {
		t.Errorf("%+v, %v", b, err)
	}
}

// damageHad flips a bit of what a terminal has, which is found by a number in it.
func (h *host) damageHad(id string, n notices.Number) {
	h.t.Helper()
	drafttest.Damage(h.t, h.store, h.dir, string(binary.BigEndian.AppendUint64(nil, n.Sequence)))
	err := h.store.View(func(r *storage.Reader) error {
		if _, _, err := r.Look(history.OutboxSpace, []byte("notices/had/"+id)); !errors.Is(err, storage.ErrDamaged) {
			return fmt.Errorf("it is not damaged: %w", err)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestTrim_WhatCannotBeRead: a stream with a notice that can't be read goes on being trimmed, by number, age and by what its terminal has,
// however many come after, so that it is not full for ever.
func TestTrim_WhatCannotBeRead(t *testing.T) {
	h := newHost(t, "t1")
	h.tell(to("t1", "topic-first"))
	h.tell(to("t1", "topic-second"))
	drafttest.Damage(t, h.store, h.dir, "topic-first")
	if err := h.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := func() int {
		l, err := h.list(t.Context(), delivery.WaitingQuestion{Limit: 10})
		if err != nil || len(l.Terminals) != 1 {
			t.Fatalf("%+v, %v", l, err)
		}
		return l.Terminals[0].Own.Kept
	}
	if n := kept(); n != 2 {
		t.Errorf("%d are kept before their time", n)
	}
	// Twice its bounds, which is when nothing more is taken in, by many small ones.
	most := board.BoundsOf("t1").Notices
	many := make([]outbox.Notice, outbox.MaxNotices)
	for i := range many {
		many[i] = to("t1", "more")
	}
	for range most/len(many) + 8 {
		h.tell(many...)
	}
	if err := h.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := kept(); n > most {
		t.Errorf("%d are kept, at most %d are to be", n, most)
	}
	v, err := h.read(t.Context(), delivery.Read{Epoch: 1, Terminals: []delivery.Place{{ID: "t1"}}})
	if err != nil || v.Own[0].Unreadable != "" || len(v.Own[0].Kept) == 0 || v.Own[0].Kept[0].Count != v.Own[0].Trimmed.Count+1 {
		t.Errorf("%+v, %v", v, err)
	}
	// The last one of all, by its age.
	h.tell(to("t1", "topic-last"))
	drafttest.Damage(t, h.store, h.dir, "topic-last")
	h.now += int64(board.BoundsOf("t1").Age) + 2000
	h.tell(to("t1", "after it"))
	for range 3 {
		h.now += int64(board.BoundsOf("t1").Age) + 2000
		if err := h.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := kept(); n != 0 {
		t.Errorf("%d are kept of those that are too old", n)
	}
}

func ignoring[T any](v T, _ error) T { return v }
