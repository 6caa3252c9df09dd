package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/tickets"
)

const (
	// openSeats is how many of its own seats a client works on at one time.
	openSeats = 8
	// mostSold bounds the seats sold in one run: each is a key that stays, and is read back. After that seats are
	// only reserved.
	mostSold = 50_000
	// longestReserved bounds a reservation, in seconds: short, so that many expire.
	longestReserved = 3
)

// seat is a seat that only one client asks for.
type seat struct {
	name     string
	state    string
	made     time.Time     // when the reservation was asked for
	lasts    time.Duration // the reservation
	left     bool          // it is left to expire
	released int           // how many reservations have expired, as far as known
	perhaps  bool          // one more may have expired before the seat was sold
	given    int           // how often it was given back
	doubt    bool          // the outcome of a call is unknown: it proves nothing any more
}

// booth is the script of one client of service tickets. It reserves its own seats, gives some back, sells some and
// lets others expire; and it sells seats that all clients want.
type booth struct {
	name   string // of the customer, and before those of its seats
	random *rand.Rand
	ids    *ids
	wrongs *findings
	hall   *hall

	seats []*seat // all; the last ones are in use
	open  []*seat
	sold  int
	last  boothCall
}

type boothCall struct {
	operation string
	seat      *seat  // nil: a seat that all want
	wanted    string // its name
	asked     time.Time
	lasts     time.Duration
}

func newBooth(name string, random *rand.Rand, ids *ids, wrongs *findings, hall *hall) *booth {
	b := &booth{name: name, random: random, ids: ids, wrongs: wrongs, hall: hall}
	for i := range openSeats {
		b.open = append(b.open, nil)
		b.replace(i)
	}
	return b
}

// replace starts with a new seat.
func (b *booth) replace(i int) {
	s := &seat{name: fmt.Sprintf("%s-%d", b.name, len(b.seats)), state: tickets.Free}
	b.seats, b.open[i] = append(b.seats, s), s
}

func lookCall(seat string) call {
	return call{service: tickets.Name, operation: "look", body: encode(tickets.Request{Seat: seat})}
}

func (b *booth) next() call {
	b.last = boothCall{asked: time.Now()}
	if b.random.IntN(8) == 0 {
		if b.last.wanted = b.hall.wanted(); b.last.wanted != "" {
			return b.write("sell", b.last.wanted)
		}
	}
	s := b.open[b.random.IntN(len(b.open))]
	b.last.seat = s
	if s.state == tickets.Free && b.random.IntN(8) > 0 {
		b.last.lasts = time.Duration(1+b.random.IntN(longestReserved)) * time.Second
		b.last.operation = "reserve"
		body := tickets.Reserve{Request: tickets.Request{Seat: s.name, Customer: b.name}, Seconds: int(b.last.lasts / time.Second)}
		return call{service: tickets.Name, operation: "reserve", body: encode(body), id: b.ids.next()}
	}
	if s.state == tickets.Reserved && !s.left {
		switch n := b.random.IntN(3); {
		case n == 0:
			return b.write("give", s.name)
		case n == 1 && b.sold < b.hall.each:
			return b.write("sell", s.name)
		}
		s.left = true
	}
	b.last.operation = "look"
	return lookCall(s.name)
}

func (b *booth) write(operation, seat string) call {
	b.last.operation = operation
	return call{service: tickets.Name, operation: operation, body: encode(tickets.Request{Seat: seat, Customer: b.name}), id: b.ids.next()}
}

func (b *booth) settled(a answer) {
	if !a.ok() && a.code != bus.CodeConflict {
		b.wrongs.add(wrong, "%s of seat %s: %s", b.last.operation, b.lastName(), a)
		b.doubtful()
		return
	}
	s := b.last.seat
	switch {
	case s == nil:
		b.hall.asked(b.last.wanted, b.name, a.ok(), b.wrongs)
	case a.ok():
		b.done(s, a)
	case b.last.operation == "give" && s.state == tickets.Reserved: // the reservation has expired
		b.ended(s)
	default:
		b.wrongs.add(wrong, "%s of seat %s, which is %s and which nobody else asks for: %s", b.last.operation, s.name, s.state, a)
		b.doubtful()
	}
}

func (b *booth) lastName() string {
	if b.last.seat != nil {
		return b.last.seat.name
	}
	return b.last.wanted
}

// done records the outcome of a call.
func (b *booth) done(s *seat, a answer) {
	var got tickets.Seat
	if err := a.decode(&got); err != nil {
		b.wrongs.add(wrong, "%s of seat %s: %v", b.last.operation, s.name, err)
		return
	}
	switch b.last.operation {
	case "reserve":
		s.state, s.left, s.made, s.lasts = tickets.Reserved, false, b.last.asked, b.last.lasts
	case "give":
		s.state, s.given = tickets.Free, s.given+1
	case "sell":
		s.state, s.perhaps = tickets.Sold, true
		b.sold++
		b.replaceOf(s)
	case "look":
		b.look(s, got)
	}
}

func (b *booth) replaceOf(s *seat) {
	for i := range b.open {
		if b.open[i] == s {
			b.replace(i)
		}
	}
}

// look judges a seat as shown while its client works.
func (b *booth) look(s *seat, got tickets.Seat) {
	switch {
	case s.state == tickets.Reserved && got.State == tickets.Free:
		b.ended(s)
	case got.State != s.state, got.State == tickets.Reserved && got.Customer != b.name:
		b.wrongs.add(stale, "seat %s is %s by %q, and was last %s by %q", s.name, got.State, got.Customer, s.state, b.name)
	}
	b.compare(s, got, stale)
}

// ended records that a reservation has expired, which must not happen early.
func (b *booth) ended(s *seat) {
	if lasted := time.Since(s.made); lasted < s.lasts {
		b.wrongs.add(wrong, "the reservation of seat %s for %s ended after %s at most", s.name, s.lasts, short(lasted))
	}
	s.state, s.left, s.released = tickets.Free, false, s.released+1
}

// compare judges how many reservations of a seat have expired.
func (b *booth) compare(s *seat, got tickets.Seat, less kind) {
	most := s.released
	if s.perhaps {
		most++
	}
	switch {
	case got.Released > most:
		b.wrongs.add(doubled, "reservations of seat %s expired %d times instead of %d", s.name, got.Released, most)
	case got.Released < s.released:
		b.wrongs.add(less, "reservations of seat %s expired %d times instead of %d", s.name, got.Released, s.released)
	}
}

func (b *booth) doubtful() {
	switch s := b.last.seat; {
	case s == nil:
		b.hall.doubtful(b.last.wanted, b.name)
	case b.last.operation != "look":
		s.doubt = true
		b.replaceOf(s)
	}
}

// the hall makes the checks, after all reservations have ended.
func (b *booth) checks() []check { return nil }
