package queue

import (
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/queue/lanes"
)

// write queues what has come.
func (q *Queue) write() error {
	q.mu.Lock()
	list := q.coming
	q.coming, q.bytes = nil, 0
	q.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	requests := make([]Request, len(list))
	for i, c := range list {
		requests[i] = c.request
	}
	became, err := q.store.Put(requests, time.Now(), func(number uint64) bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.lanes.Room(number)
	})
	for i := range became {
		if b := &became[i]; b.Err == nil && !b.Again {
			q.mu.Lock()
			q.lanes.Add(b.Number, requests[i].Lane)
			q.mu.Unlock()
		}
	}
	for i, c := range list {
		if i < len(became) {
			c.done(became[i])
		} else {
			c.done(Queued{Err: fmt.Errorf("%w; this one was not queued", err)})
		}
	}
	return err
}

// finish writes what has come of requests.
func (q *Queue) finish() error {
	q.mu.Lock()
	list := q.finished
	q.finished = nil
	q.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	told, err := q.store.Finish(list)
	q.mu.Lock()
	now := time.Now()
	for _, f := range list {
		if err == nil {
			q.lanes.Over(f.Number)
			delete(q.tries, f.Number)
			delete(q.doubt, f.Number)
			delete(q.refused, f.Number)
			continue
		}
		q.doubt[f.Number] = true
		q.lanes.Unwritten(f.Number, now)
	}
	loud := err != nil && now.Sub(q.complains) > complainEvery
	if loud {
		q.complains = now
	}
	q.mu.Unlock()
	if errors.Is(err, ErrNoRoom) {
		if loud {
			q.config.Log.Error("the disk is full: outcomes of queued requests can't be stored; they are requested from the pair again", "error", err)
		}
		return nil
	}
	for _, t := range told {
		q.config.Told(t)
	}
	return err
}

// forget removes a request that a person has checked.
func (q *Queue) forget() {
	q.mu.Lock()
	list := q.forgotten
	q.forgotten = nil
	q.mu.Unlock()
	for _, f := range list {
		f.done(q.store.Forget(f.id)) // an error for good shows at the next request
	}
}

// call tells guests that it is their turn.
func (q *Queue) call() {
	q.mu.Lock()
	var turns []func()
	for _, p := range q.lanes.Called() {
		if turn := q.guests[p]; turn != nil {
			turns = append(turns, turn)
			delete(q.guests, p)
		}
	}
	q.mu.Unlock()
	for _, turn := range turns {
		turn()
	}
}

// settle makes the queue's numbers those of the attached pair, even if nothing waits: later requests are for that
// pair. The host is nil if nothing can be sent.
func (q *Queue) settle() (*host, error) {
	q.mu.Lock()
	h, waits := q.host, q.lanes.Len() > 0
	q.mu.Unlock()
	if h == nil {
		return nil, nil
	}
	pair, base := q.store.Series()
	foreign := pair != "" && pair != h.pair
	switch {
	case !waits && !foreign:
		return nil, nil
	case pair == h.pair && base != 0:
		return h, nil
	case h.base == 0:
		return nil, nil // the next host will send it
	}
	if foreign {
		q.mu.Lock()
		for _, p := range q.store.Waiting() {
			q.finished = append(q.finished, Finished{p.Number, Outcome{Unknown: true, Code: bus.CodeTooOld, At: time.Now(), Message: fmt.Sprintf(
				"it was queued for pair %s, and this terminal now belongs to pair %s: it is unknown whether the former pair executed it", pair, h.pair)}})
		}
		q.mu.Unlock()
		if err := q.finish(); err != nil {
			return nil, err
		}
		if q.store.Count().Waiting > 0 {
			return nil, ErrNoRoom
		}
		q.call()
	}
	return h, q.store.Adopt(h.pair, h.base)
}

// send sends the requests that may be sent, and returns when the next one may be.
func (q *Queue) send(h *host) (again time.Time, err error) {
	_, base := q.store.Series()
	for {
		q.mu.Lock()
		if q.host != h || len(q.out) >= mostOut { // another round comes
			q.mu.Unlock()
			return again, nil
		}
		number, ok := q.lanes.Next(time.Now())
		if !ok {
			again = q.lanes.Wake()
			q.mu.Unlock()
			return again, nil
		}
		if q.tries[number] == 0 && q.doubt[number] {
			q.tries[number] = 1 // before the restart
		}
		if q.tries[number] == 0 || q.doubt[number] {
			q.tries[number]++
		}
		oldest, attempt := q.lanes.Oldest(), q.tries[number]
		q.mu.Unlock()
		r, err := q.store.Request(number)
		if err != nil {
			return again, fmt.Errorf("%w: %w", ErrDisk, err)
		}
		t := &try{number: number, request: bus.Request{
			ID: bus.RequestID{Counter: number + base}, Oldest: oldest + base, Queued: true, Attempt: attempt,
			Service: r.Service, Operation: r.Operation, Body: r.Body, Remaining: int64(q.config.Within),
		}}
		q.mu.Lock()
		if q.host != h { // it was put back
			q.mu.Unlock()
			return again, nil
		}
		t.timer = time.AfterFunc(q.config.Within+overtime, func() { q.settled(t, bus.Reply{}, bus.ErrDisconnected) })
		q.out[number] = t
		q.mu.Unlock()
		h.session.Go(t.request, func(reply bus.Reply, err error) { q.settled(t, reply, err) })
	}
}

// settled handles a session's answer, or the reason for a missing one.
func (q *Queue) settled(t *try, reply bus.Reply, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.out[t.number] != t {
		return
	}
	delete(q.out, t.number)
	t.timer.Stop()
	code := reply.Code
	switch {
	case errors.Is(err, bus.ErrNobody):
		code = bus.CodeNobody
	case err != nil:
		code = bus.CodeUnknown
	}
	if code == bus.CodeUnknown {
		q.doubt[t.number] = true
	}
	meaning, ok := q.lanes.Answered(t.number, code, !reply.Position.IsZero(), time.Now())
	switch {
	case ok && meaning != lanes.Again:
		q.finished = append(q.finished, Finished{t.number, Outcome{
			Unknown: meaning == lanes.Unknown, Code: reply.Code, Message: reply.Message, Body: reply.Body, Position: reply.Position, At: time.Now()}})
	case ok && err == nil:
		q.refused[t.number] = Refused{Code: code, Error: sentence(reply.Message), At: time.Now().UTC()}
	}
	q.wake()
}
