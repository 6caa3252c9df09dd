package taking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
)

// updater answers as it is told to.
type updater func(context.Context, Question) (notice.Taken, error)

func (u updater) Take(ctx context.Context, q Question) (notice.Taken, error) { return u(ctx, q) }

// desk is one in a bubble, with what waits for its goroutines.
type desk struct {
	*Desk
	right atomic.Bool
	group sync.WaitGroup
	end   func()
}

func newDesk(t *testing.T, u updater) *desk {
	d := &desk{}
	d.right.Store(true)
	life, end := context.WithCancel(t.Context())
	d.end = end
	d.Desk = New(life, Config{Epoch: 7, Updater: u, Right: d.right.Load, Go: d.group.Go, Log: slog.New(slog.DiscardHandler)})
	return d
}

func take(operation string) bus.Request {
	return bus.Request{Own: true, Operation: operation, Body: bus.EncodeJSON(notice.Taking{ID: "p/1/2/3", Directory: "d", Token: "t"}), Remaining: int64(10 * time.Second)}
}

func TestDesk_AsksUntilThereIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []Question
		d := newDesk(t, func(_ context.Context, q Question) (notice.Taken, error) {
			if asked = append(asked, q); len(asked) < 4 {
				return notice.Taken{}, errors.New("the updater restarts")
			}
			return notice.Taken{Verdict: "first", Body: []byte(`{}`)}, nil
		})
		var replies []bus.Reply
		d.Ask("t1", take(notice.OperationTake), func(r bus.Reply) { replies = append(replies, r) })
		d.group.Wait()
		var got notice.Taken
		if len(replies) != 1 || replies[0].Code != bus.CodeOK || bus.DecodeJSON(replies[0].Body, &got) != nil || got.Verdict != "first" {
			t.Errorf("%+v", replies)
		}
		if q := asked[3]; q.Epoch != 7 || q.Terminal != "t1" || q.Done || q.Taking.ID != "p/1/2/3" || q.Taking.Token != "t" || fmt.Sprint(q) != fmt.Sprint(asked[0]) {
			t.Errorf("%+v", asked)
		}
		d.Ask("t1", take(notice.OperationDone), func(bus.Reply) {})
		d.group.Wait()
		if !asked[4].Done {
			t.Errorf("%+v", asked[4])
		}
	})
}

// TestDesk_AnswersUnderTheRightToAnswerOnly: not without it, not after the term, and not never while that lasts.
func TestDesk_AnswersUnderTheRightToAnswerOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(context.Context, Question) (notice.Taken, error) { return notice.Taken{Verdict: "first"}, nil })
		d.right.Store(false)
		var replies []bus.Reply
		ask := func() { d.Ask("t1", take(notice.OperationTake), func(r bus.Reply) { replies = append(replies, r) }) }
		ask()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(replies) != 0 {
			t.Fatalf("it answers without the right: %+v", replies)
		}
		d.right.Store(true)
		d.group.Wait()
		if len(replies) != 1 || replies[0].Code != bus.CodeOK {
			t.Errorf("%+v", replies)
		}
		d.right.Store(false)
		ask()
		d.group.Wait()
		if len(replies) != 2 || replies[1].Code != bus.CodeUnknown {
			t.Errorf("after its deadline: %+v", replies)
		}
		ask()
		d.end()
		d.group.Wait()
		if len(replies) != 2 {
			t.Errorf("after the term: %+v", replies[2:])
		}
	})
}

// TestDesk_AsksAgainWhoNeverAnswers: an updater that was killed with the question.
func TestDesk_AsksAgainWhoNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		d := newDesk(t, func(ctx context.Context, _ Question) (notice.Taken, error) {
			if tries++; tries == 1 {
				<-ctx.Done()
				return notice.Taken{}, ctx.Err()
			}
			return notice.Taken{Verdict: "first"}, nil
		})
		began, code := time.Now(), -1
		d.Ask("t1", take(notice.OperationTake), func(r bus.Reply) { code = r.Code })
		d.group.Wait()
		if code != bus.CodeOK || time.Since(began) > askWithin+time.Second {
			t.Errorf("%d after %v", code, time.Since(began))
		}
	})
}

func TestDesk_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		d := newDesk(t, func(context.Context, Question) (notice.Taken, error) {
			<-free
			return notice.Taken{Verdict: "first"}, nil
		})
		var ok, busy atomic.Int64
		ask := func(terminal string) {
			d.Ask(terminal, take(notice.OperationTake), func(r bus.Reply) {
				switch r.Code {
				case bus.CodeOK:
					ok.Add(1)
				case bus.CodeOverloaded:
					busy.Add(1)
				}
			})
		}
		for range atOnceOfOne + 3 { // one terminal has not all the room
			ask("t0")
		}
		if busy.Load() != 3 {
			t.Errorf("%d of one terminal are told busy", busy.Load())
		}
		for n := range atOnce - atOnceOfOne + 7 {
			ask(fmt.Sprint("t", 1+n/atOnceOfOne))
		}
		close(free)
		d.group.Wait()
		if ok.Load() != atOnce || busy.Load() != 3+7 {
			t.Errorf("%d are answered, %d told busy", ok.Load(), busy.Load())
		}
		for range atOnceOfOne { // there is room again
			ask("t0")
		}
		d.group.Wait()
		if ok.Load() != atOnce+atOnceOfOne || d.books.Beside("") != 0 {
			t.Errorf("%d are answered, and %d are left", ok.Load(), d.books.Beside(""))
		}
	})
}

// TestDesk_TakesWhatANewerAgentSaysMore: agents and hosts are not updated at one time.
func TestDesk_TakesWhatANewerAgentSaysMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(context.Context, Question) (notice.Taken, error) { return notice.Taken{Verdict: "first"}, nil })
		q := take(notice.OperationTake)
		q.Body = []byte(`{"id":"p/1/2/3","directory":"d","token":"t","since":7}`)
		code := -1
		d.Ask("t1", q, func(r bus.Reply) { code = r.Code })
		d.group.Wait()
		if code != bus.CodeOK {
			t.Errorf("%d", code)
		}
	})
}

func TestDesk_RefusesWhatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(context.Context, Question) (notice.Taken, error) {
			return notice.Taken{}, fmt.Errorf("%w: no id", bus.ErrMalformed)
		})
		long := take(notice.OperationTake)
		long.Body = []byte(`{"id":"` + strings.Repeat("x", maxBody) + `"}`)
		for what, q := range map[string]bus.Request{
			"another operation": take("open"), "no body": {Operation: notice.OperationTake}, "no JSON": {Operation: notice.OperationTake, Body: []byte("{")},
			"a long body": long, "what the updater refuses": take(notice.OperationTake),
		} {
			code := 0
			d.Ask("t1", q, func(r bus.Reply) { code = r.Code })
			d.group.Wait()
			if code != bus.CodeMalformed {
				t.Errorf("%s: %d", what, code)
			}
		}
	})
}
