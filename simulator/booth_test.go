package simulator

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/simulator/boards"
	"github.com/hotpair/hotpair/storage/position"
)

// theatre is service tickets in a map, whose reservations end when they are looked at late enough. It can break each of its promises.
type theatre struct {
	seats    map[string]*tickets.Seat
	sequence uint64
	broken   string
}

func (h *theatre) do(c call) answer {
	var q tickets.Reserve
	if err := json.Unmarshal(c.body, &q); err != nil {
		return answer{code: bus.CodeMalformed}
	}
	s := h.seats[q.Seat]
	if s == nil {
		s = &tickets.Seat{Seat: q.Seat, State: tickets.Free}
		h.seats[q.Seat] = s
	}
	h.end(s)
	conflict := answer{code: bus.CodeConflict, message: s.State}
	switch c.operation {
	case "reserve", "sell":
		if (s.State == tickets.Sold || s.State == tickets.Reserved && s.Customer != q.Customer) && h.broken != "sells twice" {
			return conflict
		}
		if s.State, s.Customer = tickets.Sold, q.Customer; c.operation == "reserve" {
			until := time.Now().Add(time.Duration(q.Seconds) * time.Second)
			s.State, s.Until = tickets.Reserved, &until
		}
		if h.broken == "forgets" && h.sequence%5 == 4 {
			s.State, s.Customer = tickets.Free, ""
		}
	case "give":
		if s.State != tickets.Reserved {
			return conflict
		}
		s.State, s.Customer = tickets.Free, ""
	default:
		return answer{body: encode(s)}
	}
	h.sequence++
	return answer{body: encode(s), position: position.Position{Epoch: 1, Sequence: h.sequence}}
}

// end ends a reservation by itself.
func (h *theatre) end(s *tickets.Seat) {
	until := time.Now()
	if h.broken == "ends early" {
		until = until.Add(time.Second)
	}
	if s.State != tickets.Reserved || until.Before(*s.Until) || h.broken == "never ends" {
		return
	}
	s.State, s.Customer, s.Until, s.Released = tickets.Free, "", nil, s.Released+1
	if h.broken == "ends twice" {
		s.Released++
	}
}

// play has three clients at work and reads everything back.
func play(t *testing.T, broken string) (r *run, list []outcome) {
	h := &theatre{seats: map[string]*tickets.Seat{}, broken: broken}
	r = &run{name: "r", wrongs: newFindings(), options: Options{}}
	r.told.hall = newHall(r.name, 3)
	var booths []*booth
	for i := range 3 {
		name := r.prefix() + string(rune('a'+i))
		booths = append(booths, newBooth(name, rand.New(rand.NewPCG(7, uint64(i))), &ids{run: name, now: time.Now}, r.wrongs, r.told.hall))
	}
	for n := range 3000 {
		b := booths[n%len(booths)]
		c := b.next()
		if n%500 == 499 { // it has happened, and nobody was told so
			h.do(c)
			b.doubtful()
		} else {
			b.settled(h.do(c))
		}
		time.Sleep(20 * time.Millisecond) // of the bubble: reservations end meanwhile
	}
	for _, b := range booths {
		for _, s := range b.seats {
			if s.doubt {
				continue
			}
			for tries := 0; ; tries++ {
				var got tickets.Seat
				if err := h.do(lookCall(s.name)).decode(&got); err != nil {
					t.Fatal(err)
				}
				if o, final := b.finally(s, got); final {
					o.seat = s.name
					list = append(list, o)
					break
				}
				if tries > 100 {
					r.wrongs.add(missing, "the reservation of seat %s has not ended", s.name)
					break
				}
				time.Sleep(100 * time.Millisecond) // of the bubble
			}
		}
	}
	for _, s := range r.told.hall.seats {
		var got tickets.Seat
		if err := h.do(lookCall(s.name)).decode(&got); err != nil {
			t.Fatal(err)
		}
		o := outcome{seat: s.name}
		if s.judge(got, r.wrongs) {
			o.sold = 1
		}
		list = append(list, o)
	}
	return r, list
}

// TestBooth_FindsWhatIsBroken: nothing where all is well, and every broken promise.
func TestBooth_FindsWhatIsBroken(t *testing.T) {
	for broken, want := range map[string]kind{
		"": "", "sells twice": doubled, "forgets": missing, "ends early": wrong, "never ends": missing, "ends twice": doubled,
	} {
		synctest.Test(t, func(t *testing.T) {
			r, list := play(t, broken)
			if broken == "" {
				sum := outcome{}
				for _, o := range list {
					sum.sold, sum.released, sum.given = sum.sold+o.sold, sum.released+o.released, sum.given+o.given
				}
				if len(r.wrongs.examples()) > 0 || sum.sold < 50 || sum.released < 50 || sum.given < 50 {
					t.Errorf("%+v, %q", sum, r.wrongs.examples())
				}
				return
			}
			if r.wrongs.count(want) == 0 {
				t.Errorf("%s: not found, but %q", broken, r.wrongs.examples())
			}
		})
	}
}

// TestHall_BoundsWhatIsSold: what all want comes to an end, and so does what each client sells.
func TestHall_BoundsWhatIsSold(t *testing.T) {
	h := newHall("r", 10)
	h.most = 2
	wrongs := newFindings()
	for range 2 {
		name := h.wanted()
		h.asked(name, "ann", true, wrongs)
		if again := h.wanted(); again != name {
			t.Errorf("%s, then %s", name, again)
		}
		h.asked(name, "bob", false, wrongs)
	}
	if name := h.wanted(); name != "" {
		t.Errorf("%s", name)
	}
	h.doubtful("nobody-has-named-it", "ann")
	if list := wrongs.examples(); len(list) > 0 {
		t.Error(list)
	}
	for what, c := range map[string]struct {
		seat wantedSeat
		got  tickets.Seat
		want kind
	}{
		"sold as told":         {wantedSeat{buyer: "ann"}, tickets.Seat{State: tickets.Sold, Customer: "ann"}, ""},
		"not sold any more":    {wantedSeat{buyer: "ann"}, tickets.Seat{State: tickets.Free}, missing},
		"of another":           {wantedSeat{buyer: "ann"}, tickets.Seat{State: tickets.Sold, Customer: "bob"}, missing},
		"of who does not know": {wantedSeat{refused: 2, doubts: []string{"ann"}}, tickets.Seat{State: tickets.Sold, Customer: "ann"}, ""},
		"of who was refused":   {wantedSeat{refused: 1}, tickets.Seat{State: tickets.Sold, Customer: "ann"}, wrong},
		"refused, and free":    {wantedSeat{refused: 1}, tickets.Seat{State: tickets.Free}, missing},
		"never asked for":      {wantedSeat{}, tickets.Seat{State: tickets.Free}, ""},
	} {
		wrongs := newFindings()
		c.seat.judge(c.got, wrongs)
		if list := wrongs.examples(); (c.want == "") != (len(list) == 0) || c.want != "" && wrongs.count(c.want) != 1 {
			t.Errorf("%s: %q", what, list)
		}
	}
}

func TestCompareBoard(t *testing.T) {
	list := []outcome{{seat: "a", sold: 1, released: 2}, {seat: "b", given: 1}}
	for what, c := range map[string]struct {
		sold, released map[string]int
		less, more     string
	}{
		"all":            {map[string]int{"a": 1}, map[string]int{"a": 2}, "", ""},
		"not sold":       {nil, map[string]int{"a": 2}, "seat a that it is sold: 0 times instead of 1", ""},
		"too often":      {map[string]int{"a": 1}, map[string]int{"a": 2, "b": 1}, "", "seat b that it is released: 1 times instead of 0"},
		"less and more":  {map[string]int{"a": 2}, map[string]int{"a": 1}, "seat a that it is released: 1", "seat a that it is sold: 2"},
		"of other seats": {map[string]int{"a": 1, "z": 9}, map[string]int{"a": 2}, "", ""},
	} {
		b := boards.New("")
		for seat, n := range c.sold {
			b.Sold[seat] = n
		}
		for seat, n := range c.released {
			b.Released[seat] = n
		}
		less, more := compareBoard(b, list)
		if (less == "") != (c.less == "") || !strings.HasPrefix(less, c.less) || (more == "") != (c.more == "") || !strings.HasPrefix(more, c.more) {
			t.Errorf("%s: %q, %q", what, less, more)
		}
	}
}
