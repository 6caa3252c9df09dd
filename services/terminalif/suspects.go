package terminalif

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/route"
)

// A request that crashes its business process must end, and must not take others with it (T2). After a crash all
// requests in flight are suspects: they are sent again one at a time, with nothing else in flight. A further crash then
// has one culprit, and only that request is counted: its third crash leads to its answer 500 and no other's. New
// requests wait meanwhile.
//
// A process that was killed says little against its requests: they are sent again together, once, as one at a time
// takes long with many terminals. Those that were in flight at another crash run alone, whatever ended it: the kernel
// also kills a process whose request took all memory. It counts against each of them.

const (
	// aloneWithin is how long a suspect has the service to itself; then others are let in beside it, so that a slow request
	// that was out at a crash does not stop everybody. It doubles with each crash at which nobody was alone.
	aloneWithin = time.Second
	aloneLonger = 5 // doublings at most
)

// waits reports whether f is still to be sent. The lock is held.
func (r *relay) waits(f *flight) bool { return r.flights[f.request.ID] == f && f.place == waiting }

// crashed takes back the requests in flight at the service: they may have been executed, so they are sent again as
// further attempts. The caller holds the lock; the route must be failed after the lock is released.
func (d *directory) crashed(s *service, killed bool) route.Route {
	r, planned := d.relay, s.state == leaving
	s.state = down
	var had []*flight
	for _, f := range r.flights {
		if f.service == s && f.place == out {
			had = append(had, f)
		}
	}
	for _, f := range had {
		if planned { // its end was ordered, which says nothing against its unfinished requests
			f.request.Attempt++
			f.sending++
			r.move(f, waiting)
			s.waiting = append(s.waiting, f)
			continue
		}
		again := f.trusted
		f.trusted = killed && f.request.Crashes == 0
		f.request.Attempt++
		f.sending++
		if len(had) == 1 || again { // with new requests beside it the culprit is unknown; the third crash counts all the same
			f.request.Crashes++
		} else {
			f.request.Crashes = max(f.request.Crashes, 1)
			f.doubts++
		}
		r.move(f, waiting)
		// Of the run of a timer there is no id under which a service could record that.
		if (!s.description.Batches || f.request.Timer != nil) && f.request.Crashes >= poisoned {
			r.deliver(f, bus.Reply{Code: bus.CodeFault, Message: fmt.Sprintf(
				"service %s crashed %d times while it executed this request; the outcome is unknown", s.name, f.request.Crashes)})
			continue
		}
		s.waiting = append(s.waiting, f)
	}
	level := slog.LevelWarn
	if planned {
		level = slog.LevelInfo
	}
	d.log.Log(context.Background(), level, "service ended, its requests wait", "service", s.name, "planned", planned, "killed", killed, "out", len(had), "waiting", len(s.waiting))
	return s.route
}

// ready returns the waiting requests that may be sent now: the next suspect, or all if there is none. The caller holds
// the lock.
func (d *directory) ready(s *service) (sends []*sending) {
	if !s.up() || s.alone != nil {
		return nil
	}
	r := d.relay
	s.waiting = slices.DeleteFunc(s.waiting, func(f *flight) bool { return !r.waits(f) })
	if i := slices.IndexFunc(s.waiting, (*flight).suspect); i >= 0 {
		f := s.waiting[i]
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.alone = f
		d.limit(f)
		return []*sending{r.dispatch(f)}
	}
	for _, f := range s.waiting {
		sends = append(sends, r.dispatch(f))
	}
	s.waiting = nil
	return sends
}

// turnSoon sends the next requests, from a goroutine of its own, because its caller holds the lock.
func (d *directory) turnSoon(s *service) {
	if !s.up() || s.alone != nil {
		return // it is looked at when that changes
	}
	d.run(func() {
		d.relay.mu.Lock()
		sends := d.ready(s)
		d.relay.mu.Unlock()
		for _, send := range sends {
			d.send(send)
		}
	})
}

// limit ends the turn of a suspect that takes too long. The lock is held.
func (d *directory) limit(f *flight) {
	number, within := f.sending+1, aloneWithin<<min(f.doubts, aloneLonger)
	d.run(func() {
		select {
		case <-time.After(within):
		case <-d.ctx.Done():
			return
		}
		r := d.relay
		r.mu.Lock()
		defer r.mu.Unlock()
		if s := f.service; s.alone == f && f.sending == number {
			d.log.Warn("a request repeated after a crash is slow; other requests are admitted", "service", s.name, "waiting", len(s.waiting))
			s.alone = nil
			d.turnSoon(s)
		}
	})
}
