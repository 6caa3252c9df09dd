package world

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/boards"
	"github.com/hotpair/hotpair/simulator/pair"
)

// display is a board at a terminal: it shows what it is told.
type display struct {
	t   *testing.T
	app *nats.Conn

	mu    sync.Mutex
	heard []notice.Told
}

// display begins one at a terminal.
func (h *hall) display(terminal int) *display {
	h.t.Helper()
	d := &display{t: h.t}
	var err error
	if d.app, err = h.application(fmt.Sprint("board ", terminal), terminal); err != nil {
		h.t.Fatal(err)
	}
	h.boards = append(h.boards, d)
	if _, err = d.app.Subscribe("notice.>", func(m *nats.Msg) {
		var told notice.Told
		if err := json.Unmarshal(m.Data, &told); err != nil {
			d.t.Errorf("%s: %v", m.Data, err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.heard = append(d.heard, told)
	}); err == nil {
		err = d.app.Flush()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// kept gives all that the terminal was told.
func (d *display) kept() (all []notice.Told) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	all, err := boards.Told(ctx, d.app)
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// seats gives the seats of what was told on a topic, in order, and fails the test for numbers that do not count on.
func seats(t *testing.T, list []notice.Told, topic string) (names []string) {
	t.Helper()
	for i, told := range list {
		if i > 0 && told.Number != list[i-1].Number+1 {
			t.Errorf("number %d comes after %d", told.Number, list[i-1].Number)
		}
		if told.Service != tickets.Name || told.Topic != topic {
			continue
		}
		var s tickets.Seat
		if err := json.Unmarshal(told.Body, &s); err != nil {
			t.Fatal(err)
		}
		names = append(names, s.Seat)
	}
	return names
}

func (h *hall) sell(seat string) {
	h.t.Helper()
	var s tickets.Seat
	if h.ask("sell", tickets.Request{Seat: seat, Customer: "ann"}, &s); s.State != tickets.Sold {
		h.t.Fatalf("%+v", s)
	}
}

// TestNotices_OfAPair: each board is told of each seat once, in the order in which they are sold, whoever serves by then: over kills of
// hosts, of every process that has to do with it, and a switchover. What it hears is what it finds kept.
func TestNotices_OfAPair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHall(t, tickets.Service())
		defer h.close()
		boards := []*display{h.display(0), h.display(1)}
		var want []string
		sell := func() {
			for range 4 {
				seat := fmt.Sprintf("seat-%02d", len(want))
				h.sell(seat)
				want = append(want, seat)
			}
		}
		sell()
		began := time.Now()
		h.await(time.Minute, "the boards are told", func() bool { return len(seats(t, boards[0].kept(), tickets.TopicSold)) == len(want) })
		t.Logf("measured: told %v after the last seat was sold", time.Since(began))
		for range 2 {
			first := h.active()
			h.kill(first)
			sell()
			h.Host(first).Start()
			h.paired()
			for _, process := range []string{"business.tickets", "terminal-if", "updater"} {
				h.Host(h.active()).KillProcess(process)
				sell()
			}
			h.paired()
			if _, err := operator.CallSwitchover.Ask(t.Context(), h.clients[h.active()], operator.None{}); err != nil {
				t.Fatal(err)
			}
			sell()
			h.paired()
		}
		h.reserve(2, time.Second) // and what a timer tells
		for n, b := range boards {
			h.await(time.Minute, "all are told", func() bool { return len(seats(t, b.kept(), tickets.TopicReleased)) == 2 })
			kept := b.kept()
			if got := seats(t, kept, tickets.TopicSold); !slices.Equal(got, want) {
				t.Errorf("board %d: %q, want %q", n, got, want)
			}
			b.mu.Lock()
			if heard := seats(t, b.heard, tickets.TopicSold); !slices.Equal(heard, want) {
				t.Errorf("board %d heard %q, want %q", n, heard, want)
			}
			b.mu.Unlock()
			if len(kept) != len(want)+2 {
				t.Errorf("board %d was told %d times", n, len(kept))
			}
		}
		for _, host := range pair.Hosts() {
			h.await(time.Minute, "it is told how it stands", func() bool {
				s, err := h.Status(t.Context(), host)
				return err == nil && (!s.Serves() || s.Notices.Terminals == terminals && s.Notices.Missed+s.Notices.Lost+s.Notices.Diverged == 0)
			})
		}
	})
}

// TestNotices_TakenBack: a host that was alone is lost, and the other one promoted by force. What boards were told of what only the lost
// host had is void, which they are told; what is sold from then on they are told as before.
func TestNotices_TakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHall(t, tickets.Service())
		defer h.close()
		board := h.display(1)
		told := func(topic string, number int) {
			t.Helper()
			h.await(2*time.Minute, "the board is told", func() bool { return len(seats(t, board.kept(), topic)) == number })
		}
		h.sell("both have it")
		told(tickets.TopicSold, 1)
		alone := h.active()
		other := pair.Other(alone)
		h.kill(other)
		h.await(time.Minute, "the other one goes on alone", func() bool {
			s, err := h.Status(t.Context(), alone)
			return err == nil && len(s.InSync) == 1
		})
		h.sell("void 1")
		h.sell("void 2")
		told(tickets.TopicSold, 3)
		h.kill(alone)
		h.Host(other).Start()
		h.await(2*time.Minute, "promotion by force", func() bool {
			_, err := operator.CallPromote.Ask(t.Context(), h.clients[other], operator.PromoteRequest{AcceptLoss: operator.UnknownLoss})
			return err == nil
		})
		h.sell("void 1") // nobody has it
		told(tickets.TopicSold, 4)
		list := board.kept()
		if len(list) != 5 || list[3].Service != notice.System || list[3].Topic != notice.TopicDiverged || list[3].To != list[2].ID || list[3].From == "" {
			t.Fatalf("%+v", list)
		}
		if got := seats(t, list, tickets.TopicSold); got[3] != "void 1" || list[4].ID == list[1].ID || list[4].Again {
			t.Errorf("%q, %+v", got, list[4])
		}
		h.await(time.Minute, "it is told that a terminal had what the pair has not", func() bool {
			s, err := h.Status(t.Context(), other)
			return err == nil && s.Notices.Diverged > 0
		})
	})
}
