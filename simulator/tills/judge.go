package tills

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/simulator/load"
	"github.com/hotpair/hotpair/storage/position"
)

// Verdict is the evidence of the applications at tills.
type Verdict struct {
	Accepted int           // orders that an agent confirmed
	Cut      int           // of these while the network was down
	Again    int           // of these whose first answer was lost
	Done     int           // executed with effect
	Refused  int           // refused as expected
	Unknown  int           // with an unknown outcome
	Heard    int           // outcomes that a listener received; each has two
	Asked    int           // outcomes that no listener received, found by asking
	Listed   int           // outcomes in the list of stored ones
	Looked   int           // last keys that a later read in their lane found
	Full     int           // refusals because the queue was full
	Moved    int           // epochs in which orders of one terminal were executed, beyond the first of each
	Caught   time.Duration // the longest time from the return of a network until everything queued meanwhile was executed
	load.Findings
}

// judge compares what the applications of a terminal were sent with the database.
func (t *till) judge(ends map[string]outcome, db database, v *Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v.Wrong = append(v.Wrong, t.wrong...)
	v.Again, v.Full, v.Looked = v.Again+t.again, v.Full+t.full, v.Looked+t.looked
	epochs, paid, sure := map[uint64]bool{}, int64(0), true
	for lane, orders := range t.orders {
		c := &checking{till: t, db: db, v: v, epochs: epochs, unsure: map[string]bool{}}
		for i := range orders {
			c.order(&orders[i], t.told(&orders[i], ends, v))
		}
		if c.doubt {
			sure = false
			continue
		}
		paid += c.paid
		if have, want := db.balances[t.account(lane)], opening-c.paid; have != want {
			c.misses(have > want, "account %s has %d, but the executed payments add up to %d", t.account(lane), have, want)
		}
	}
	if have := db.balances[t.safe()]; sure && have != paid {
		(&checking{v: v}).misses(have < paid, "account %s has %d, but the executed payments add up to %d", t.safe(), have, paid)
	}
	v.Moved += max(0, len(epochs)-1)
	t.judgeAbsent(ends, v)
	for _, l := range t.hears {
		l.judge(t.ID, ends, v)
	}
}

// told returns the agent's final state of an order or, if the agent has discarded it, the one that a listener has
// received.
func (t *till) told(o *order, ends map[string]outcome, v *Verdict) outcome {
	end := ends[o.id]
	for _, l := range t.hears {
		text, heard := l.first(o.id)
		switch {
		case heard && end.absent:
			if was, err := read(text); err == nil {
				return was
			}
		case heard:
			return end
		}
	}
	if !end.absent {
		v.Asked++
	}
	return end
}

// checking looks at the orders of one lane, one after the other.
type checking struct {
	*till
	db     database
	v      *Verdict
	epochs map[uint64]bool

	last   position.Position // of the order before
	before string            // its name
	unsure map[string]bool   // keys that may be there or not
	paid   int64
	doubt  bool // whether something was paid is not known
}

// misses records a lost or doubled effect.
func (c *checking) misses(lost bool, format string, a ...any) {
	if lost {
		c.v.Lost = append(c.v.Lost, fmt.Sprintf(format, a...))
	} else {
		c.v.Doubled = append(c.v.Doubled, fmt.Sprintf(format, a...))
	}
}

func (c *checking) wrong(format string, a ...any) {
	c.v.Wrong = append(c.v.Wrong, fmt.Sprintf(format, a...))
}

// order judges one.
func (c *checking) order(o *order, end outcome) {
	name := o.name(c.name)
	c.v.Accepted++
	if end.absent {
		c.misses(true, "order %s was accepted as %s, but the agent does not know it, and no outcome was ever reported", name, o.id)
		c.unsure[o.key], c.doubt = true, c.doubt || o.kind == pays
		return
	}
	c.line(o, end)
	if end.State == queue.Unsure.String() {
		c.v.Unknown++
		c.unsure[o.key], c.doubt = true, c.doubt || o.kind == pays
		return
	}
	if end.ID != o.id || end.Key != name {
		c.wrong("order %s, accepted as %s, has the outcome of another: %s, %s", name, o.id, end.Key, end.ID)
	}
	at, err := c.place(name, end)
	if err != nil {
		c.wrong("order %s was executed at %q: %v", name, end.Position, err)
		return
	}
	switch o.kind {
	case repeats:
		c.repeated(name, o, end)
	case pays:
		if end.Code != bus.CodeOK {
			c.wrong("order %s was refused: %d %s", name, end.Code, end.Error)
			return
		}
		c.v.Done++
		c.paid += o.amount
	default:
		c.written(name, o, end, at)
	}
}

// place gives where an order was done, which is behind the one before it.
func (c *checking) place(name string, end outcome) (at position.Position, err error) {
	if end.Position == "" {
		return at, nil
	}
	if at, err = position.Parse(end.Position); err != nil {
		return at, err
	}
	c.epochs[at.Epoch] = true
	if !c.last.Before(at) {
		c.wrong("order %s was executed at %v, but %s, queued before it in its lane, at %v", name, at, c.before, c.last)
	}
	c.last, c.before = at, name
	return at, nil
}

// repeated judges an order that had to find what the one before it wrote.
func (c *checking) repeated(name string, o *order, end outcome) {
	switch {
	case end.Code == bus.CodeConflict:
		c.v.Refused++
	case end.Code == bus.CodeOK && c.unsure[o.key]:
		c.v.Done++
	case end.Code == bus.CodeOK:
		c.wrong("order %s wrote key %s, although an order before it in its lane writes it: that order was overtaken or lost", name, o.key)
	default:
		c.wrong("order %s was answered %d %s", name, end.Code, end.Error)
	}
	delete(c.unsure, o.key) // it is there by now
}

// written judges an order that wrote a key of its own.
func (c *checking) written(name string, o *order, end outcome, at position.Position) {
	item, there := c.db.keys[o.key]
	switch {
	case end.Code == bus.CodeConflict:
		c.misses(false, "order %s found its own key, at revision %d: it was executed twice", name, item.Revision)
	case end.Code != bus.CodeOK:
		c.wrong("order %s was refused: %d %s", name, end.Code, end.Error)
	case !there:
		c.misses(true, "order %s was executed at %v, but its key is missing", name, at)
	case item.Revision != at.Sequence:
		c.misses(false, "order %s was executed at %v, but its key has revision %d", name, at, item.Revision)
	case string(item.Value) != fmt.Sprint(o.n):
		c.wrong("order %s wrote %d, but the value is %s", name, o.n, item.Value)
	default:
		c.v.Done++
	}
}

// line judges when an order was executed: not while its network was down, if it was sent after the start of that. The
// answer to an earlier one may already have passed, and an agent without a processor reads it whenever it continues.
func (c *checking) line(o *order, end outcome) {
	for _, cut := range c.cut {
		if !cut.has(o.accepted) {
			continue
		}
		c.v.Cut++
		if cut.has(o.asked) && cut.has(end.AnsweredAt) {
			c.wrong("order %s has an outcome of %v, but the network was down from %v to %v", o.name(c.name), end.AnsweredAt, cut.From, cut.To)
		}
		c.v.Caught = max(c.v.Caught, end.AnsweredAt.Sub(cut.To))
	}
}

// judge holds the outcomes that an agent lists against those that it gives one by one: each once, and the same.
func (l *listing) judge(terminal string, ends map[string]outcome, v *Verdict) {
	for _, text := range l.wrong {
		v.Wrong = append(v.Wrong, "terminal "+terminal+": "+text)
	}
	if len(l.ids) != len(l.texts) {
		v.Doubled = append(v.Doubled, fmt.Sprintf("terminal %s: of %d outcomes listed, %d are of one request", terminal, len(l.ids), 1+len(l.ids)-len(l.texts)))
	}
	gone := 0
	for id, end := range ends {
		text, listed := l.texts[id]
		switch {
		case end.absent:
			gone++
		case !listed:
			v.Lost = append(v.Lost, fmt.Sprintf("terminal %s: the outcome of %s is stored, but not listed: %s", terminal, id, end.text))
		case text != end.text:
			v.Wrong = append(v.Wrong, fmt.Sprintf("terminal %s: the outcome of %s is listed as %s, but stored as %s", terminal, id, text, end.text))
		default:
			v.Listed++
		}
	}
	if gone > 0 && l.first == 1 {
		v.Lost = append(v.Lost, fmt.Sprintf("terminal %s: %d outcomes are missing, but none was reported as discarded", terminal, gone))
	}
}

// judgeAbsent judges the keys that were not there for who asked behind them. The lock is held.
func (t *till) judgeAbsent(ends map[string]outcome, v *Verdict) {
	for _, key := range t.absent {
		for _, orders := range t.orders {
			for i := range orders {
				if o := &orders[i]; o.key == key && o.kind == writes && ends[o.id].State == queue.Done.String() {
					v.Stale = append(v.Stale, fmt.Sprintf("key %s was queued, but a later request in its lane did not find it", key))
				}
			}
		}
	}
}

// judge holds what a listener heard against the outcomes: each at most once, and the same.
func (l *listener) judge(terminal string, ends map[string]outcome, v *Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.Wrong = append(v.Wrong, l.wrong...)
	for id, w := range l.words {
		v.Heard++
		if w.times > 1 {
			v.Doubled = append(v.Doubled, fmt.Sprintf("terminal %s: the outcome of %s was sent %d times over %s: %s", terminal, id, w.times, l.door, w.first))
		}
		end, mine := ends[id]
		switch {
		case w.other != "":
			v.Wrong = append(v.Wrong, fmt.Sprintf("terminal %s: two outcomes of %s were sent over %s: %s and %s", terminal, id, l.door, w.first, w.other))
		case mine && !end.absent && w.first != end.text:
			v.Wrong = append(v.Wrong, fmt.Sprintf("terminal %s: over %s the outcome of %s was sent as %s, but stored as %s", terminal, l.door, id, w.first, end.text))
		case !mine:
			v.Wrong = append(v.Wrong, fmt.Sprintf("terminal %s: an outcome of %s, which was never accepted, was sent over %s: %s", terminal, id, l.door, w.first))
		}
	}
}

// strangers reports keys that were never queued.
func (w *Tills) strangers(db database, v *Verdict) {
	asked := map[string]bool{}
	for _, t := range w.tills {
		for _, orders := range t.orders {
			for i := range orders {
				asked[orders[i].key] = true
			}
		}
	}
	for key := range db.keys {
		if !asked[key] {
			v.Wrong = append(v.Wrong, fmt.Sprintf("key %s exists, but no accepted order wrote it", key))
		}
	}
}
