// Package delivery sends notices to the attached terminals, in a term of the active host.
//
// A commit only wakes it: then it reads the notices that a terminal does not have, of its own stream and the common one
// at one committed position, and sends them; the next batch follows when the terminal has stored the one before.
// Package notices decides the order. No state outlives the term: a terminal itself says where its notices continue, and
// that is checked against the history.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// watchFor is how long the updater lets a question wait for a change.
	watchFor = 10 * time.Second
	// askWithin bounds a call, askPause the pause before a failed call is repeated.
	askWithin = 5 * time.Second
	askPause  = 100 * time.Millisecond
	// storeWithin bounds how long a terminal may take to store a batch.
	storeWithin = 30 * time.Second
	// firstRest and longestRest bound the pauses after a batch that a terminal did not take.
	firstRest   = 500 * time.Millisecond
	longestRest = time.Minute
	// reportEvery is how often what terminals have is noted, in bulk.
	reportEvery = 30 * time.Second
	// mostOut bounds what is on its way to all terminals at one time, in bytes of notices.
	mostOut = 64 << 20
	// reportSoon is the number of bytes sent after which positions are reported soon, so that stored notices can be
	// discarded.
	reportSoon  = time.Second
	reportBytes = 1 << 20
	// maxPair bounds the name of a pair that a terminal says, in bytes.
	maxPair = 128
)

// Updater is the updater of one host. Its errors end nothing: the call is repeated.
type Updater interface {
	Watch(context.Context, Watch) (Changed, error)
	Begin(context.Context, Begin) (Begun, error)
	Read(context.Context, Read) (View, error)
	Had(context.Context, Report) error
	Roster(context.Context, Roster) error
}

// Send sends a batch to a terminal, and returns when the terminal has stored it. The error is that of the connection.
type Send func(context.Context, notice.Batch) (notice.Stored, error)

// Config describes a Delivery.
type Config struct {
	Epoch   uint64
	Updater Updater
	// Right reports whether data may leave in this term (R6).
	Right func() bool
	// Roster returns the terminals of the pair, and the revision of their table; 0: the environment lists them.
	Roster func() (ids []string, revision uint64)
	// Tell is called for each change of the state; it must not block.
	Tell func(outbox.NoticeState)
	Log  *slog.Logger
}

// Delivery sends the notices of one term. Attach and Listed may be called from any goroutine.
type Delivery struct {
	Config
	woken   chan struct{} // one token
	changes chan Changed
	stored  chan outcome

	mu       sync.Mutex
	arrivals []*recipient
	listed   bool // the roster has changed

	recipients map[string]*recipient
	out        int // bytes on their way
	unreported int // bytes that were stored since what terminals have was noted
	lost       uint64
	reported   time.Time
	rosterRest time.Time
	state      outbox.NoticeState
	spoiled    string // the last reported fault of the notices to all
	sends      sync.WaitGroup
}

// recipient is a terminal that is attached.
type recipient struct {
	id     string
	cursor notices.Cursor
	send   Send
	gone   <-chan struct{}

	sender   *notices.Sender  // nil until it is known where its notices continue
	resumed  *notices.Resumed // which it has not been told yet
	due      bool             // there may be something for it
	more     bool             // there is, beyond what is on its way
	sending  bool             // a batch is on its way
	failures int
	rest     time.Time         // nothing is done before
	had      [2]notices.Number // as was noted last
	diverged bool              // its resumption says so, and it has not stored that yet
	spoiled  [2]string         // why its notices can't be read, by stream
}

// outcome is what came of a batch.
type outcome struct {
	r     *recipient
	bytes int
	sent  int    // notices
	gone  uint64 // those that it misses by the gaps sent
	said  notice.Stored
	err   error
}

// New returns the delivery of a term.
func New(c Config) *Delivery {
	return &Delivery{
		Config: c, woken: make(chan struct{}, 1), changes: make(chan Changed), stored: make(chan outcome, 64),
		recipients: map[string]*recipient{}, listed: true, reported: time.Now(),
	}
}

// Attach adds a terminal with the cursor c. It gets notices until gone is closed, or it attaches again.
func (d *Delivery) Attach(id string, c notices.Cursor, send Send, gone <-chan struct{}) {
	bound(&c)
	d.mu.Lock()
	d.arrivals = append(d.arrivals, &recipient{id: id, cursor: c, send: send, gone: gone, due: true})
	d.mu.Unlock()
	d.wake()
}

// Listed records that the roster has changed.
func (d *Delivery) Listed() {
	d.mu.Lock()
	d.listed = true
	d.mu.Unlock()
	d.wake()
}

// bound limits a terminal's cursor: it is kept for as long as the terminal is attached.
func bound(c *notices.Cursor) {
	if len(c.Pair) > maxPair {
		*c = notices.Cursor{}
	}
	c.Starts = slices.Clone(c.Starts[max(0, len(c.Starts)-notices.MaxStarts):])
}

func (d *Delivery) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends, with the term.
func (d *Delivery) Run(ctx context.Context) {
	var watching sync.WaitGroup
	watching.Go(func() { d.watch(ctx) })
	defer watching.Wait()
	defer d.sends.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-d.changes:
			d.mark(c)
		case o := <-d.stored:
			d.settle(o)
			for len(d.stored) > 0 { // one look for all of them
				d.settle(<-d.stored)
			}
		case <-d.woken:
		case <-timer.C:
		}
		d.admit()
		next := d.step(ctx)
		d.tell()
		timer.Reset(next)
	}
}

// watch reports updates with notices.
func (d *Delivery) watch(ctx context.Context) {
	seen, lost := uint64(0), uint64(0)
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, watchFor+askWithin)
		c, err := d.Updater.Watch(within, Watch{Epoch: d.Epoch, Seen: seen, Wait: watchFor})
		cancel()
		if err != nil {
			_ = pace.Rest(ctx, askPause)
			continue
		}
		if c.Version == seen && c.Lost == lost {
			continue
		}
		seen, lost = c.Version, c.Lost
		select {
		case d.changes <- c:
		case <-ctx.Done():
		}
	}
}

// mark notes for whom there may be something.
func (d *Delivery) mark(c Changed) {
	if c.Lost > d.lost {
		d.state.Lost += c.Lost - d.lost
		d.state.MissedAt = time.Now()
	}
	d.lost = c.Lost
	if c.All {
		for _, r := range d.recipients {
			r.due = true
		}
		return
	}
	for _, id := range c.Terminals {
		if r := d.recipients[id]; r != nil {
			r.due = true
		}
	}
}

// admit adds terminals that have attached, and removes those that are gone.
func (d *Delivery) admit() {
	d.mu.Lock()
	arrivals := d.arrivals
	d.arrivals = nil
	d.mu.Unlock()
	for _, r := range arrivals {
		d.recipients[r.id] = r
	}
	for id, r := range d.recipients {
		select {
		case <-r.gone:
			delete(d.recipients, id)
		default:
		}
	}
}

// settle handles the result of a batch.
func (d *Delivery) settle(o outcome) {
	r := o.r
	d.out -= o.bytes
	r.sending = false
	err := o.err
	switch {
	case err != nil:
	case o.said.Why != "":
		err = errors.New(o.said.Why)
		if o.said.Cursor != nil {
			r.cursor = *o.said.Cursor
			bound(&r.cursor)
		}
	default:
		err = r.sender.Confirm(o.said.Serial)
	}
	if err == nil {
		r.failures = 0
		r.due = r.due || r.more
		d.unreported += o.bytes
		d.state.Sent += uint64(o.sent)
		if o.gone > 0 {
			d.state.Missed += o.gone
			d.state.MissedAt = time.Now()
		}
		if r.diverged {
			d.state.Diverged++
			r.diverged = false
		}
		return
	}
	r.sender, r.due = nil, true
	d.failed(r)
	if d.recipients[r.id] == r { // otherwise its connection has ended, and it starts again
		d.Log.Warn("a terminal does not accept its notices; they are sent again", "terminal", r.id, "failures", r.failures, "error", err)
	}
}

// failed has a terminal rest, longer each time.
func (d *Delivery) failed(r *recipient) time.Duration {
	r.failures++
	rest := pace.Doubled(firstRest, longestRest, r.failures-1)
	r.rest = time.Now().Add(rest)
	return rest
}

// tell says how it stands.
func (d *Delivery) tell() {
	s := &d.state
	s.Terminals, s.Behind, s.Failing, s.Unreadable = len(d.recipients), 0, 0, ""
	for _, r := range d.recipients {
		said := ""
		if why := r.spoiled[notices.Common]; why != "" {
			said = "notices to all terminals: " + why
		} else if why := r.spoiled[notices.Own]; why != "" {
			said = "notices to " + r.id + " alone: " + why
		}
		if said != "" && (s.Unreadable == "" || said < s.Unreadable) {
			s.Unreadable = said
		}
		if r.due || r.sending {
			s.Behind++
		}
		if r.failures > 0 {
			s.Failing++
		}
	}
	d.Tell(*s)
}
