package tills

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/pace"
)

// kind is what an order asks for.
type kind int

const (
	writes  kind = iota // a new key
	repeats             // the last key once more, which is refused
	pays                // an amount, from the lane's account to the terminal's
)

const (
	// opening is what the account of a lane is opened with: more than it ever pays.
	opening = 1_000_000_000
	// Of so many orders of a lane one pays, and one repeats what is before it; after one of so many its lane is asked for the last key.
	payEvery, repeatEvery, lookEvery = 4, 7, 16
	// lookWithin is how long that may wait for what is queued before it.
	lookWithin = 2 * time.Second
)

// order is what an application queues.
type order struct {
	lane     int // of its terminal
	n        int // place in the lane, from 0
	kind     kind
	key      string    // that is written, or written again
	amount   int64     // that is paid
	id       string    // from the agent; "": not accepted yet
	asked    time.Time // for the first time
	accepted time.Time
}

// name is that of an order, in the pair.
func (o *order) name(till string) string { return fmt.Sprintf("%s/%d/%06d", till, o.lane, o.n) }

// till is the applications of one terminal.
type till struct {
	Terminal
	name    string // in the pair
	lanes   []door
	hears   []*listener
	closing []func()

	mu     sync.Mutex
	orders [][]order // by lane, in the order in which they were queued
	cut    []Span
	looked int      // last keys that were there
	absent []string // and those that were not
	again  int      // orders that were accepted, and whose first answer was lost
	full   int      // times that there was no room
	wrong  []string
}

// account is the account of a lane, and the one that it pays to.
func (t *till) account(lane int) string { return fmt.Sprintf("%s/%d", t.name, lane) }
func (t *till) safe() string            { return t.name + "/safe" }

func (t *till) say(format string, a ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, "terminal "+t.ID+": "+fmt.Sprintf(format, a...))
}

// drive queues the orders of a lane until working is over. ctx ends what has no answer.
func (t *till) drive(ctx context.Context, working func() bool, lane int, pause time.Duration, random *rand.Rand) {
	last := ""
	for n := 0; working() && ctx.Err() == nil; n++ {
		o := order{lane: lane, n: n}
		switch {
		case n%repeatEvery == repeatEvery-1 && last != "":
			o.kind, o.key = repeats, last
		case n%payEvery == payEvery-1:
			o.kind, o.amount = pays, 1+random.Int64N(9)
		default:
			o.key = o.name(t.name)
		}
		if !t.queue(ctx, &o) {
			return
		}
		if o.kind == writes {
			last = o.key
		}
		t.mu.Lock()
		t.orders[lane] = append(t.orders[lane], o)
		t.mu.Unlock()
		if n%lookEvery == lookEvery-1 && last != "" {
			t.look(ctx, lane, last)
		}
		_ = pace.Rest(ctx, time.Duration(random.Int64N(int64(2*pause))))
	}
}

// question is what an order asks for.
func (t *till) question(o *order) question {
	q := question{header: map[string]string{bus.HeaderQueue: "yes", bus.HeaderLane: fmt.Sprint("lane-", o.lane), bus.HeaderQueueKey: o.name(t.name)}}
	if o.kind == pays {
		q.service, q.operation, q.body = ledger.Name, "transfer", ledger.Transfer{From: t.account(o.lane), To: t.safe(), Amount: o.amount}
		return q
	}
	absent := uint64(0)
	q.service, q.operation, q.body = kv.Name, "cas", kv.CompareAndSet{Key: o.key, Value: json.RawMessage(fmt.Sprint(o.n)), Revision: &absent}
	return q
}

// queue has the agent keep an order, and asks until it has said so.
func (t *till) queue(ctx context.Context, o *order) bool {
	q := t.question(o)
	o.asked = time.Now()
	for ; ctx.Err() == nil; _ = pace.Rest(ctx, again) {
		r, err := t.lanes[o.lane].ask(ctx, q)
		switch {
		case errors.Is(err, errNoAnswer), err == nil && (r.code == bus.CodeNobody || r.code == bus.CodeOverloaded || r.code == bus.CodeUnknown):
			continue // it was killed, or is ending; whether it has this is not known
		case err == nil && r.code == bus.CodeFull:
			t.mu.Lock()
			t.full++
			t.mu.Unlock()
			continue
		case err != nil || r.code != bus.CodeOK && r.code != bus.CodeQueued:
			t.say("order %s can't be queued: %d %s %v", o.name(t.name), r.code, r.message, err)
			return false
		}
		var kept struct {
			ID    string
			Again bool
		}
		if err := json.Unmarshal(r.body, &kept); err != nil || kept.ID == "" {
			t.say("order %s is accepted without an id: %.200s", o.name(t.name), r.body)
			return false
		}
		t.mu.Lock()
		if o.id, o.accepted = kept.ID, time.Now(); kept.Again {
			t.again++
		}
		t.mu.Unlock()
		return true
	}
	t.say("order %s was not accepted until the end", o.name(t.name))
	return false
}

// look asks for the last key of a lane, behind what is queued there.
func (t *till) look(ctx context.Context, lane int, key string) {
	r, err := t.lanes[lane].ask(ctx, question{service: kv.Name, operation: "get", body: kv.Get{Key: key},
		header: map[string]string{bus.HeaderLane: fmt.Sprint("lane-", lane), bus.HeaderDeadline: lookWithin.String()}})
	switch {
	case err != nil, r.code == bus.CodeNobody, r.code == bus.CodeUnknown, r.code == bus.CodeOverloaded, r.code == bus.CodeFault:
	case r.code == bus.CodeOK:
		t.mu.Lock()
		t.looked++
		t.mu.Unlock()
	case r.code == bus.CodeAbsent:
		t.mu.Lock()
		t.absent = append(t.absent, key)
		t.mu.Unlock()
	default:
		t.say("key %s can't be read: %d %s", key, r.code, r.message)
	}
}

// close ends the connections.
func (t *till) close() {
	for _, d := range t.lanes {
		d.close()
	}
	for _, c := range t.closing {
		c()
	}
}
