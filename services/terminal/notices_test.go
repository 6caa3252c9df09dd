package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/inbox"
)

// telling is a host that tells a terminal notices, one after the other.
type telling struct {
	*host
	session string
	epoch   uint64
	cursor  notices.Cursor
	serial  uint64
	count   uint64
	began   bool
	service string // whose notices they are
}

// tells attaches a host that answers every request, and begins its session of notices.
func tells(t testing.TB, a *running, name string, epoch uint64) *telling {
	t.Helper()
	h := newHost(t, a, name)
	got := h.attach(epoch, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`"done"`)}) })
	if !got.OK || got.Notices == nil {
		t.Fatalf("%+v", got)
	}
	c := *got.Notices
	return &telling{host: h, session: fmt.Sprintf("%s-%d-1", name, epoch), epoch: epoch, cursor: c, count: c.Marks[notices.Own].Count, service: "shop"}
}

// batch sends one as it is.
func (h *telling) batch(data []byte) notice.Stored {
	h.t.Helper()
	answer, err := h.asked(data)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer
}

// asked is batch of which nothing may come but an error.
func (h *telling) asked(data []byte) (answer notice.Stored, err error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := h.conn.Request(ctx, notice.Subject(h.session), data)
	if err != nil {
		return notice.Stored{}, err
	}
	if err := bus.Decode(reply.Data, &answer); err != nil {
		h.t.Fatal(err)
	}
	return answer, nil
}

// next is a batch of what follows, with a body each.
func (h *telling) next(bodies ...string) []byte {
	h.t.Helper()
	b := notice.Batch{Epoch: h.epoch}
	if !h.began {
		said := h.cursor
		h.cursor.Pair = "pair"
		b.Resume = &notices.Resumed{From: said, Cursor: h.cursor}
		h.began = true
	}
	for _, body := range bodies {
		h.serial++
		h.count++
		b.Messages = append(b.Messages, notice.Message{
			Message: notices.Message{Serial: h.serial, Notice: notices.Notice{Number: notices.Number{Epoch: h.epoch, Sequence: h.count}, Count: h.count}},
			Content: notice.Content{Service: h.service, Topic: "price", Body: []byte(body)},
		})
	}
	data, err := bus.Encode(b)
	if err != nil {
		h.t.Fatal(err)
	}
	return data
}

func (h *telling) tell(bodies ...string) {
	h.t.Helper()
	if answer := h.batch(h.next(bodies...)); answer.Why != "" || answer.Serial != h.serial {
		h.t.Fatalf("%+v, want %d", answer, h.serial)
	}
}

// hears subscribes to notices.
func hears(t testing.TB, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// wantHeard waits for a notice, and wants it to be of a number and body.
func wantHeard(t testing.TB, sub *nats.Subscription, number uint64, body string) (told notice.Told) {
	t.Helper()
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatalf("notice %d: %v", number, err)
	}
	if err := json.Unmarshal(m.Data, &told); err != nil || told.Number != number || string(told.Body) != body || m.Subject != notice.AppSubject(told.Service, told.Topic) {
		t.Errorf("on %s %s, want %d %s", m.Subject, m.Data, number, body)
	}
	return told
}

func keptAfter(t testing.TB, nc *nats.Conn, after string) (k notice.Kept) {
	t.Helper()
	m := request(t, nc, notice.SubjectAfter, after)
	wantCode(t, m, bus.CodeOK)
	if err := json.Unmarshal(m.Data, &k); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNotices_ReachApplicationsAndAreKept(t *testing.T) {
	dir := t.TempDir()
	a := start(t, dir, nil)
	nc := app(t, a)
	prices, every := hears(t, nc, "notice.shop.price"), hears(t, nc, "notice.>")
	if k := keptAfter(t, nc, ""); k.First != 1 || k.Last != 0 {
		t.Errorf("before any: %+v", k)
	}
	h := tells(t, a, "x", 1)
	if len(h.cursor.Starts) != 0 || h.cursor.Last != (notices.Number{}) {
		t.Errorf("it says %+v", h.cursor)
	}
	if _, err := os.Stat(filepath.Join(dir, inbox.FileName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of no notices: %v", err)
	}
	h.tell(`{"n":1}`, `{"n":2}`)
	for n := uint64(1); n <= 2; n++ {
		for _, sub := range []*nats.Subscription{prices, every} {
			if told := wantHeard(t, sub, n, fmt.Sprintf(`{"n":%d}`, n)); told.ID != fmt.Sprintf("pair/1/%d/0", n) || told.Again {
				t.Errorf("%+v", told)
			}
		}
	}
	if !strings.HasSuffix(a.says(), "; last notice 2") {
		t.Errorf("it says %q", a.says())
	}
	a.stop()

	a = start(t, dir, nil)
	nc = app(t, a)
	every = hears(t, nc, "notice.>")
	h = tells(t, a, "y", 2)
	if h.cursor.Last.Sequence != 2 || h.cursor.Pair != "pair" {
		t.Errorf("after a restart it says %+v", h.cursor)
	}
	// What was told before is not told again; what comes is. A gap is told too.
	h.began = true
	said := h.cursor
	h.cursor.Starts = []notices.Start{{Epoch: 1, Sequence: 1}, {Epoch: 2, Sequence: 3}}
	gap := notices.Gap{Range: notices.Range{From: notices.Number{Epoch: 1, Sequence: 2}, To: notices.Number{Epoch: 2, Sequence: 5}}, Missing: 3, Count: 5}
	data, err := bus.Encode(notice.Batch{Epoch: 2, Resume: &notices.Resumed{From: said, Cursor: h.cursor}, Messages: []notice.Message{{Message: notices.Message{Serial: 1, Gap: gap}}}})
	if err != nil {
		t.Fatal(err)
	}
	if answer := h.batch(data); answer.Serial != 1 {
		t.Errorf("%+v", answer)
	}
	if told := wantHeard(t, every, 3, ""); told.Topic != notice.TopicGap || told.Missing != 3 {
		t.Errorf("%+v", told)
	}
	h.serial, h.count = 1, 5
	h.tell(`{"n":6}`)
	wantHeard(t, every, 4, `{"n":6}`)
	k := keptAfter(t, nc, `{"number":"1","limit":2}`)
	if len(k.Notices) != 2 || k.Notices[0].Number != 2 || !k.More || k.First != 1 || k.Last != 4 {
		t.Errorf("%+v", k)
	}
	for body, code := range map[string]int{`{"number":"5"}`: bus.CodeConflict, `{"number":1}`: bus.CodeMalformed, `{"Number":"1"}`: bus.CodeMalformed,
		`[`: bus.CodeMalformed, `{"number":"-1"}`: bus.CodeMalformed, `{"number":"99999999999999999999"}`: bus.CodeMalformed} {
		wantCode(t, request(t, nc, notice.SubjectAfter, body), code)
	}
}

// Only the attached session tells anything, and what it can't mean is refused with a sentence. The agent goes on.
func TestNotices_FromTheAttachedSessionOnly(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	old := tells(t, a, "x", 1)
	old.tell("1")
	h := tells(t, a, "y", 2)
	said := h.cursor
	over := old.next("2")
	if answer := old.batch(over); answer.Serial != 0 || !strings.Contains(answer.Why, "is not attached") {
		t.Errorf("a session that is over: %+v", answer)
	}
	old.session = h.session // whoever knows the name of the session
	if answer := old.batch(over); !strings.Contains(answer.Why, "epoch is lower") {
		t.Errorf("of a lower epoch: %+v", answer)
	}
	for what, data := range map[string][]byte{
		"nothing": nil, "another form": {9}, "no batch": []byte("\x01\xff\xff"), "a batch cut off": h.next("2")[:20],
		"too much": make([]byte, notice.MaxBatch+1),
	} {
		if answer := h.batch(data); answer.Why == "" || answer.Cursor == nil || answer.Cursor.Last.Sequence != 1 {
			t.Errorf("%s: %+v", what, answer)
		}
	}
	if a.refused.Load() != 7 {
		t.Errorf("%d were counted", a.refused.Load())
	}
	// One that names no inbox is not answered, and a batch is not taken by way of it.
	h.cursor, h.began, h.serial, h.count = said, false, 0, 1
	for _, reply := range []string{"", "agent.changed"} {
		if err := h.conn.PublishMsg(&nats.Msg{Subject: notice.Subject(h.session), Reply: reply, Data: h.next("2")}); err != nil {
			t.Fatal(err)
		}
	}
	h.cursor, h.began, h.serial, h.count = said, false, 0, 1
	h.tell("2")
	if k := keptAfter(t, nc, ""); k.Last != 2 {
		t.Errorf("%+v", k)
	}
	wantServed(t, nc)
}

// A disk that takes its time over notices keeps neither requests nor a host that attaches waiting. What it was at is not lost, and not told twice.
func TestNotices_ASlowDiskHoldsUpNothingElse(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	every := hears(t, nc, "notice.>")
	old := tells(t, a, "x", 1)
	slow, entered := make(chan struct{}), make(chan struct{})
	a.table.attached().notices, _ = a.inbox.Session("pair", 1, func(uint64) error {
		close(entered)
		<-slow
		return nil
	})
	if err := old.conn.PublishRequest(notice.Subject(old.session), old.conn.NewInbox(), old.next(`"slow"`)); err != nil {
		t.Fatal(err)
	}
	<-entered
	wantServed(t, nc)
	h := tells(t, a, "y", 2) // and it is told what the terminal had before
	wantServed(t, nc)
	if k := keptAfter(t, nc, ""); k.Last != 0 || h.count != 0 {
		t.Errorf("%+v, %+v", k, h.cursor)
	}
	first := h.next(`"slow"`, `"next"`)
	close(slow)
	wantHeard(t, every, 1, `"slow"`)
	answer := h.batch(first)
	if answer.Cursor == nil || answer.Cursor.Last != (notices.Number{Epoch: 1, Sequence: 1}) {
		t.Fatalf("%+v", answer)
	}
	h.cursor, h.count, h.serial, h.began = *answer.Cursor, 1, 0, false
	h.tell(`"next"`)
	wantHeard(t, every, 2, `"next"`)
}

// A terminal whose notices can't be written says so to the host, and its agent ends, as it does when its other facts can't be. The client
// library drops an answer that comes together with the end of its connection, so the host may have to be told again, by the next agent.
func TestNotices_FailedDisk(t *testing.T) {
	for what, fail := range map[string]func(a *Agent, dir string) error{
		"of the notices": func(_ *Agent, dir string) error {
			return os.MkdirAll(filepath.Join(dir, inbox.FileName+".new", "x"), 0o700)
		},
		"of the facts": func(a *Agent, _ string) error { return a.store.file.Close() },
	} {
		told := false
		for range 20 {
			if told = toldOfFailedDisk(t, what, fail); told {
				break
			}
		}
		if !told {
			t.Errorf("%s: no host is told", what)
		}
	}
}

// toldOfFailedDisk lets the disk of an agent fail, awaits its end and tells whether its host was told why.
func toldOfFailedDisk(t *testing.T, what string, fail func(a *Agent, dir string) error) bool {
	t.Helper()
	dir := t.TempDir()
	a := &running{Agent: New(Config{ID: "t1", Listen: processtest.Address(t), Apps: processtest.Address(t), Key: "key", Data: dir})}
	done := make(chan error, 1)
	go func() { done <- a.Run(t.Context()) }()
	<-a.Started()
	h := tells(t, a, "x", 1)
	if err := fail(a.Agent, dir); err != nil {
		t.Fatal(err)
	}
	answer, failed := h.asked(h.next("1"))
	if failed == nil && (answer.Why == "" || answer.Serial != 0) || failed != nil && !errors.Is(failed, bus.ErrDisconnected) {
		t.Errorf("%s: %+v, %v", what, answer, failed)
	}
	if err := <-done; !errors.Is(err, ErrDisk) && !errors.Is(err, inbox.ErrDisk) {
		t.Errorf("%s: it ended with %v", what, err)
	}
	return failed == nil
}

// A file of notices that can't be read keeps no terminal from working: it is quarantined, everything comes again, and no number is given twice.
func TestNotices_AfterADamagedFile(t *testing.T) {
	dir := t.TempDir()
	a := start(t, dir, nil)
	tells(t, a, "x", 1).tell("1", "2", "3")
	a.stop()
	if err := os.WriteFile(filepath.Join(dir, inbox.FileName), []byte("this is none"), 0o600); err != nil {
		t.Fatal(err)
	}
	a = start(t, dir, nil)
	nc := app(t, a)
	h := tells(t, a, "x", 2)
	if h.count != 0 {
		t.Errorf("it says %+v", h.cursor)
	}
	h.tell("1", "2")
	k := keptAfter(t, nc, `{"number":"3"}`)
	if len(k.Notices) != 2 || k.First != k.Notices[0].Number || k.First <= 3 {
		t.Errorf("%+v", k)
	}
	if _, err := os.Stat(filepath.Join(dir, inbox.QuarantinedName)); err != nil {
		t.Error(err)
	}
}

// Agents of one process keep their notices in one file, each its own.
func TestNotices_OfManyAgents(t *testing.T) {
	dir := t.TempDir()
	for round := range uint64(2) {
		d, err := OpenDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all []*running
		for i := range 3 {
			a := start(t, filepath.Join(dir, fmt.Sprint(i)), func(c *Config) { c.ID, c.Disk = fmt.Sprint("t", i), d })
			all = append(all, a)
			h := tells(t, a, "x", round+1)
			if h.count != round*uint64(i+1) {
				t.Errorf("terminal %d says %+v", i, h.cursor)
			}
			h.tell(slices.Repeat([]string{"1"}, i+1)...)
			if k := keptAfter(t, app(t, a), ""); k.Last != (round+1)*uint64(i+1) {
				t.Errorf("terminal %d: %+v", i, k)
			}
		}
		for _, a := range all {
			a.stop()
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Who does not read what it hears loses its connection, however often it subscribes; the others hear everything.
func TestNotices_ADeafApplicationCostsItself(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	h := tells(t, a, "x", 1)
	honest := app(t, a)
	every := hears(t, honest, "notice.>")
	const subscriptions = 64
	deaf := raw(t, a)
	for i := range subscriptions {
		if _, err := fmt.Fprintf(deaf, "SUB notice.> %d\r\n", i+1); err != nil {
			t.Fatal(err)
		}
	}
	processtest.Await(t, "the subscriptions", func() bool { return a.doors.apps.NumSubscriptions() > subscriptions })
	ended := func() bool {
		list, err := a.doors.apps.Connz(&server.ConnzOptions{State: server.ConnClosed})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.Conns, func(c *server.ConnInfo) bool { return c.Reason == server.Kicked.String() })
	}
	body := `"` + strings.Repeat("x", 512<<10) + `"`
	for n := uint64(1); !ended(); n++ {
		if n > 100 {
			t.Fatal("the connection that reads nothing stays")
		}
		h.tell(body)
		wantHeard(t, every, n, body)
	}
	wantServed(t, honest)
	if held := heap(); held > 3*unreadAnswers {
		t.Errorf("%d MB of heap", held>>20)
	}
}

// A terminal that its operator moves to another pair goes on with its numbers, also when its notices are lost with that: what an application
// remembers stays right. The epochs of the other pair begin anew.
func TestNotices_NumbersGoOnInAnotherPair(t *testing.T) {
	for _, lost := range []bool{false, true} {
		dir := t.TempDir()
		a := start(t, dir, nil)
		tells(t, a, "x", 9).tell("1", "2", "3")
		a.stop()
		if lost {
			if err := os.Remove(filepath.Join(dir, inbox.FileName)); err != nil {
				t.Fatal(err)
			}
		}
		a = start(t, dir, func(c *Config) { c.PairID = "moved" })
		nc := app(t, a)
		every := hears(t, nc, "notice.>")
		h := newHost(t, a, "y")
		answer := h.attachTo("moved", 1, 1, func(bus.Request, func(bus.Reply)) {})
		if !answer.OK || answer.Notices == nil || lost != (answer.Notices.Pair == "") {
			t.Fatalf("lost %t: %+v", lost, answer)
		}
		b := notice.Batch{Epoch: 1, Resume: &notices.Resumed{From: *answer.Notices, Cursor: notices.Cursor{Pair: "moved"}}}
		if !lost {
			b.Resume.Void = &notices.Range{To: answer.Notices.Last}
		}
		b.Messages = []notice.Message{{
			Message: notices.Message{Serial: 1, Notice: notices.Notice{Number: notices.Number{Epoch: 1, Sequence: 1}, Count: 1}},
			Content: notice.Content{Service: "shop", Topic: "price"},
		}}
		data, err := bus.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		one := &telling{host: h, session: "y-1-1", epoch: 1}
		if said := one.batch(data); said.Serial != 1 {
			t.Fatalf("lost %t: %+v", lost, said)
		}
		for number := uint64(3); ; {
			m, err := every.NextMsg(patience)
			if err != nil {
				t.Fatal(err)
			}
			var told notice.Told
			if err := json.Unmarshal(m.Data, &told); err != nil || told.Number <= number {
				t.Errorf("lost %t: %s, %v", lost, m.Data, err)
			}
			number = told.Number
			if told.ID == "moved/1/1/0" {
				break
			}
			if told.Topic != notice.TopicDiverged || told.To != "pair/9/3/0" {
				t.Errorf("lost %t: %s", lost, m.Data)
			}
		}
		a.stop()
	}
}

// A host that does not wait for answers fills no memory, and keeps nobody from being served.
func TestNotices_AHostThatFloods(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	h := tells(t, a, "x", 1)
	slow, entered := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a.table.attached().notices, _ = a.inbox.Session("pair", 1, func(uint64) error {
		once.Do(func() { close(entered) })
		<-slow
		return nil
	})
	inbox, first, large := h.conn.NewInbox(), h.next("1"), make([]byte, notice.MaxBatch)
	if err := h.conn.PublishRequest(notice.Subject(h.session), inbox, first); err != nil {
		t.Fatal(err)
	}
	<-entered
	before := heap()
	const flood = 200
	for range flood {
		if err := h.conn.PublishRequest(notice.Subject(h.session), inbox, large); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	wantServed(t, nc)
	if grown := heap() - before; grown > 4*mostBatches*notice.MaxBatch {
		t.Errorf("%d MB of heap for %d batches that nobody waits for", grown>>20, flood)
	}
	close(slow)
	processtest.Await(t, "the refusals", func() bool { return a.refused.Load() > 0 })
	wantServed(t, nc)
	if k := keptAfter(t, nc, ""); k.Last != 1 {
		t.Errorf("%+v", k)
	}
}
