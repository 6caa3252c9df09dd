package lanes

import (
	"container/heap"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// Lanes are the positions of waiting requests. They are not safe for concurrent use.
type Lanes struct {
	lanes   map[string]*lane
	entries map[uint64]*Place // requests without an outcome
	numbers []uint64          // their numbers, rising; finished ones are dropped lazily
	last    uint64            // the highest number given
	orders  uint64
	heads   heads // requests to send after their pause
	called  []*Place
}

// lane has the entries of one lane, in order.
type lane struct {
	name   string
	places []*Place
}

// Place is the position of a request.
type Place struct {
	number uint64 // 0: a guest
	order  uint64 // of arrival
	lane   *lane
	out    bool // on its way
	judged bool // it has an outcome, which is not durable yet
	rested int  // how often
	until  time.Time
	at     int // among the heads, from 1; 0: not among them
}

// New returns empty lanes in which numbers up to last were given.
func New(last uint64) *Lanes {
	return &Lanes{lanes: map[string]*lane{}, entries: map[uint64]*Place{}, last: last}
}

// Add queues the request of a number at the end of a lane. Numbers must rise; a lower one is ignored.
func (l *Lanes) Add(number uint64, name string) bool {
	if number <= l.last || !l.Room(number) {
		return false
	}
	l.last = number
	p := &Place{number: number}
	l.entries[number] = p
	l.numbers = append(l.numbers, number)
	l.stand(p, name)
	return true
}

// Room reports whether the pair would still keep the answers of all waiting requests if a number was given.
func (l *Lanes) Room(number uint64) bool { return number-min(l.Oldest(), number) < Window }

// Guest puts a request that is not queued into a lane: it waits for the requests before it, and later ones wait for
// it. first: it is at the head and need not wait.
func (l *Lanes) Guest(name string) (p *Place, first bool) {
	p = &Place{}
	l.stand(p, name)
	if first = p.lane.places[0] == p; first {
		l.called = l.called[:len(l.called)-1]
	}
	return p, first
}

// stand puts a place at the end of a lane.
func (l *Lanes) stand(p *Place, name string) {
	in := l.lanes[name]
	if in == nil {
		in = &lane{name: name}
		l.lanes[name] = in
	}
	l.orders++
	p.order, p.lane = l.orders, in
	in.places = append(in.places, p)
	if len(in.places) == 1 {
		l.first(p)
	}
}

// first records that a place is the first of its lane.
func (l *Lanes) first(p *Place) {
	if p.number == 0 {
		l.called = append(l.called, p)
		return
	}
	heap.Push(&l.heads, p)
}

// leave takes a place out of its lane.
func (l *Lanes) leave(p *Place) {
	in := p.lane
	if in == nil {
		return
	}
	p.lane = nil
	if p.at > 0 {
		heap.Remove(&l.heads, p.at-1)
	}
	at := slices.Index(in.places, p)
	in.places = slices.Delete(in.places, at, at+1)
	switch {
	case len(in.places) == 0:
		delete(l.lanes, in.name)
	case at == 0:
		l.first(in.places[0])
	}
}

// Leave removes a guest, which has its answer or has timed out.
func (l *Lanes) Leave(guest *Place) {
	l.called = slices.DeleteFunc(l.called, func(c *Place) bool { return c == guest })
	l.leave(guest)
}

// Called returns the guests whose turn has come since the last call.
func (l *Lanes) Called() []*Place {
	c := l.called
	l.called = nil
	return c
}

// Next returns the request to send now and marks it as in flight. The oldest is the first.
func (l *Lanes) Next(now time.Time) (number uint64, ok bool) {
	if len(l.heads) == 0 || l.heads[0].until.After(now) {
		return 0, false
	}
	p := heap.Pop(&l.heads).(*Place)
	p.out = true
	return p.number, true
}

// Wake returns when the next request may be sent; the zero time if none waits for a pause or to be sent.
func (l *Lanes) Wake() time.Time {
	if len(l.heads) == 0 {
		return time.Time{}
	}
	return l.heads[0].until
}

// Answered takes the answer to a request in flight. A request to repeat pauses first. ok: it was in flight.
func (l *Lanes) Answered(number uint64, code int, recorded bool, now time.Time) (m Meaning, ok bool) {
	p := l.entries[number]
	if p == nil || !p.out {
		return Again, false
	}
	p.out = false
	if m = Judge(code, recorded); m != Again {
		p.judged = true
		return m, true
	}
	l.rest(p, now)
	return m, true
}

// Unwritten undoes an outcome that could not be made durable. The request is sent again and gets the same answer.
func (l *Lanes) Unwritten(number uint64, now time.Time) {
	if p := l.entries[number]; p != nil && p.judged {
		p.judged = false
		l.rest(p, now)
	}
}

// rest pauses a request before it is sent again.
func (l *Lanes) rest(p *Place, now time.Time) {
	p.until = now.Add(pace.Doubled(FirstRest, LongestRest, p.rested))
	p.rested++
	heap.Push(&l.heads, p)
}

// Over records that the outcome of a request is durable here.
func (l *Lanes) Over(number uint64) {
	if p := l.entries[number]; p != nil {
		delete(l.entries, number)
		l.leave(p)
	}
}

// Recall records that the host is gone or replaced: no request is in flight, and none pauses.
func (l *Lanes) Recall() {
	for _, p := range l.entries {
		if p.out {
			p.out = false
			heap.Push(&l.heads, p)
		}
		p.until, p.rested = time.Time{}, 0
	}
	heap.Init(&l.heads)
}

// Oldest is the lowest number without a durable outcome; without waiting requests, the next number. The pair may
// discard the answers below it.
func (l *Lanes) Oldest() uint64 {
	for len(l.numbers) > 0 {
		if _, waits := l.entries[l.numbers[0]]; waits {
			return l.numbers[0]
		}
		l.numbers = l.numbers[1:]
	}
	return l.last + 1
}

// Given records that numbers up to a limit were given.
func (l *Lanes) Given(last uint64) { l.last = max(l.last, last) }

// Len is the number of queued requests without an outcome.
func (l *Lanes) Len() int { return len(l.entries) }

// heads are the requests that may be sent, by the end of their pause and then by arrival.
type heads []*Place

func (h heads) Len() int { return len(h) }

func (h heads) Less(i, j int) bool {
	if h[i].until.Equal(h[j].until) {
		return h[i].order < h[j].order
	}
	return h[i].until.Before(h[j].until)
}

func (h heads) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i+1, j+1
}

// Push implements heap.Interface.
func (h *heads) Push(x any) {
	p := x.(*Place)
	*h = append(*h, p)
	p.at = len(*h)
}

// Pop implements heap.Interface.
func (h *heads) Pop() any {
	old := *h
	p := old[len(old)-1]
	*h = old[:len(old)-1]
	p.at = 0
	return p
}
