package accounting

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/courier/signature"
	"github.com/hotpair/hotpair/services/emissions"
)

// post is a parsed post of service tickets.
type post struct {
	emission string
	order    emissions.Number
	entry    tickets.Entry
	sum      uint64
}

// parseOrder parses the order of an emission in its lane.
func parseOrder(text string) (n emissions.Number, ok bool) {
	read, err := fmt.Sscanf(text, "%016x-%016x-%08x", &n.Epoch, &n.Sequence, &n.Index)
	return n, err == nil && read == 3 && text == fmt.Sprintf("%016x-%016x-%08x", n.Epoch, n.Sequence, n.Index)
}

// serve answers a post.
func (f *Office) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		http.Error(w, "incomplete request", http.StatusRequestTimeout)
		return
	}
	p, err := f.read(r.Header, body)
	if err != nil {
		f.mu.Lock()
		f.note("%v", err)
		f.mu.Unlock()
		http.Error(w, "not an emission for accounting", http.StatusUnauthorized)
		return
	}
	f.answer(w, p)
}

// read parses a post.
func (f *Office) read(h http.Header, body []byte) (p post, err error) {
	if err := signature.Verify([]byte(f.secret), h, body, time.Now(), tolerance); err != nil {
		return p, err
	}
	p.emission, p.sum = h.Get(signature.Emission), maphash.Bytes(f.seed, body)
	var ok bool
	if p.order, ok = parseOrder(h.Get(signature.Order)); !ok {
		return p, fmt.Errorf("%s has the invalid order %.80q", p.emission, h.Get(signature.Order))
	}
	if h.Get(signature.Target) != Target || h.Get(signature.Service) != tickets.Name {
		return p, fmt.Errorf("%s is for %.80q of service %.80q", p.emission, h.Get(signature.Target), h.Get(signature.Service))
	}
	if err := json.Unmarshal(body, &p.entry); err != nil {
		return p, fmt.Errorf("%s is not an entry: %w", p.emission, err)
	}
	return p, nil
}

// answer accepts a post, or fails in one of the ways in which receivers fail.
func (f *Office) answer(w http.ResponseWriter, p post) {
	if !f.mine(p.entry.Seat) || p.entry.Seat == "" {
		return
	}
	f.mu.Lock()
	f.counts.Posts++
	fault := 0
	if f.options.Fails > 0 && f.counts.Posts%f.options.Fails == 0 {
		f.counts.Failed++
		fault = 1 + f.counts.Failed%3
	}
	if fault != 1 {
		f.take(p)
	}
	f.mu.Unlock()
	switch fault {
	case 1: // not accepted
		http.Error(w, "not now", http.StatusServiceUnavailable)
	case 2: // accepted, but the answer denies it
		http.Error(w, "who knows", http.StatusInternalServerError)
	case 3: // accepted, without an answer
		panic(http.ErrAbortHandler)
	}
}

// take records what is new by its order, and nothing else.
func (f *Office) take(p post) {
	seat := p.entry.Seat
	l := f.lanes[seat]
	if l == nil {
		if len(f.lanes) >= mostLanes {
			f.note("more than %d seats: %s is ignored", mostLanes, seat)
			return
		}
		l = &lane{}
		f.lanes[seat] = l
	}
	known := slices.Index(l.keys[:], p.emission)
	if known >= 0 && l.sums[known] != p.sum {
		f.note("seat %s: %s was sent again with another body", seat, p.emission)
	}
	if !l.rule.Takes(p.order) {
		f.counts.Again++
		return
	}
	if known >= 0 { // above the accepted ones
		f.counts.Again++
		if !released(p) {
			f.note("seat %s: %s was sent again as %+v", seat, p.emission, p.order)
		}
		return
	}
	l.keys[l.written%lastKeys], l.sums[l.written%lastKeys] = p.emission, p.sum
	l.written++
	f.counts.Taken++
	l.seat.Late = l.seat.Late || l.seat.Sold > 0
	switch p.entry.Event {
	case "free":
		l.seat.Free++
	case "sold":
		l.seat.Sold++
	default:
		f.note("seat %s: event %.80q", seat, p.entry.Event)
	}
}

// released reports whether an emission was deferred since a history was taken back, and is sent under the epoch of
// its release: then it may come a second time.
func released(p post) bool {
	_, first, err := notice.ParseID(p.emission)
	return err == nil && p.order.Epoch > first.Epoch
}
