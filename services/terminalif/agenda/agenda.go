// Package agenda has the timers of services run when they are due, by the host that serves.
//
// It asks the updater what is due, makes a request of each timer, and hands it to the relay as if a terminal had sent it: so admission,
// suspects and drains apply. What becomes of a run is decided in package timers. That a timer runs once is not kept here: the update of
// a run takes its timer away, under the revision that was read. So all that is remembered here is of one term, and may be lost.
package agenda

import (
	"context"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/timers"
)

const (
	// atOnce bounds the timers that run at one time: as many requests as one terminal may have waiting do not stand before the others'.
	atOnce = 64
	// eachAtOnce bounds those of one service, so that a slow one leaves room for the others.
	eachAtOnce = 16
	// eachBeside bounds them while terminals wait for answers, whose requests have the same processor, disk and wire before them; besides is how
	// long it goes on after terminals were last seen to wait.
	eachBeside = 1
	besides    = time.Second
	// page is how many timers of each clock one look asks for.
	page = 128
	// lookAgain is the longest time between two looks. Whatever is due sooner, or changes, is looked at sooner.
	lookAgain = 5 * time.Second
	// watchFor is how long the updater lets a question wait for a change.
	watchFor = 10 * time.Second
	// runWithin is the deadline of a run. A service that has not answered outTime after it does not answer any more.
	runWithin = 30 * time.Second
	outTime   = 15 * time.Second
	// mostKnown is when what was done is forgotten before a look has come to its end.
	mostKnown = 4096
	// pagePause is how long a pass through all that is due rests before each page but the first, so that what rests or waits for room
	// costs little; pageShare is how many times as long as the page took it rests at least.
	pagePause = 20 * time.Millisecond
	pageShare = 9
	// fillPages is how often a service that has room again is asked for without finding a timer that runs.
	fillPages = 8
	// noteEvery is how often the time is noted while there are timers, for the host that takes over.
	noteEvery = time.Minute
	// Poisoned is the number of crashes of its service after which a timer is parked, however many tries it has left: each crash stops
	// what everybody else asks of the service.
	Poisoned = 3
	// askWithin bounds a question, askPause how soon one that failed is asked again.
	askWithin = 5 * time.Second
	askPause  = 100 * time.Millisecond
)

// Updater answers for one host. Its errors end nothing: it is asked again.
type Updater interface {
	Due(context.Context, Question) (Due, error)
	Order(context.Context, Orders) error
}

// Relay gives requests to services. The answer is given once, from any goroutine, or never when the term ends. It says at how many
// crashes of the service the run was out, with those that the request says already, so that a run which was given up between does not
// begin to count anew.
type Relay interface {
	Run(q bus.Request, answer func(bus.Reply))
	// Waiting counts the requests of terminals that have no answer yet.
	Waiting() int
}

// Agenda is that of one term.
type Agenda struct {
	epoch   uint64
	tries   int // after which a timer is parked
	updater Updater
	relay   Relay
	log     *slog.Logger
	tell    func(outbox.TimerState)

	known   map[name]*known
	place   *Place // where the pass through all that is due has come to; nil is its beginning
	pass    uint64
	rested  time.Time // the pass does not go on before
	soonest time.Time // what was seen in the pass is to be looked at again then
	// putOff is where to look for the first timer of a service that was due while as many ran as may; found is that of this pass.
	putOff, found map[string]*Place
	deferred      string    // what this pass has found to be held
	gaveUp        time.Time // when runs were given up last
	asked         time.Time // when terminals were last seen to wait for answers
	running       int
	of            map[string]int // of which service
	ended         chan end
	changed       chan struct{} // one token: look
	state         outbox.TimerState
	noted         time.Time
}

type name struct{ service, key string }

// known is a timer that was started in this term, and is not seen to be gone.
type known struct {
	revision uint64
	run      uint64 // its last
	running  bool
	began    time.Time // of that run
	timer    Timer
	tries    timers.Tries
	crashes  int       // of its service while it was out, since a service answered its run
	rest     time.Time // nothing is done before
	done     bool      // it was answered as if it were done: if it is there as it was, it is not
	pass     uint64    // in which it was seen last
}

// end is how a run ended.
type end struct {
	timer Timer
	run   uint64
	reply bus.Reply
}

// New makes the agenda of a term. A timer that has failed so many tries is parked. tell hears of each look; it must not block.
func New(epoch uint64, tries int, u Updater, r Relay, log *slog.Logger, tell func(outbox.TimerState)) *Agenda {
	return &Agenda{
		epoch: epoch, tries: tries, updater: u, relay: r, log: log, tell: tell,
		known: map[name]*known{}, of: map[string]int{}, putOff: map[string]*Place{}, found: map[string]*Place{}, ended: make(chan end, 2*atOnce), changed: make(chan struct{}, 1), noted: time.Now(),
	}
}

// Run looks and runs until ctx ends, with the term.
func (a *Agenda) Run(ctx context.Context) {
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		a.watch(ctx)
	}()
	defer func() { <-watching }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-a.ended:
			a.judge(ctx, e)
			for len(a.ended) > 0 { // one look for all of them
				a.judge(ctx, <-a.ended)
			}
		case <-a.changed:
		case <-timer.C:
		}
		next, err := a.look(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			a.log.Debug("the updater does not say which timers are due", "error", err)
			next = askPause
		}
		timer.Reset(next)
	}
}

// watch has a look made whenever timers change.
func (a *Agenda) watch(ctx context.Context) {
	seen := uint64(0)
	for ctx.Err() == nil {
		due, err := a.ask(ctx, Question{Epoch: a.epoch, Seen: seen, Wait: watchFor}, watchFor+askWithin)
		if err != nil {
			_ = pace.Rest(ctx, askPause)
			continue
		}
		if due.Version != seen {
			seen = due.Version
			select {
			case a.changed <- struct{}{}:
			default:
			}
			_ = pace.Rest(ctx, pagePause) // what changes meanwhile is told together
		}
	}
}

func (a *Agenda) ask(ctx context.Context, q Question, within time.Duration) (Due, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return a.updater.Due(ctx, q)
}

// codeSilent is for a run that nothing was heard of. No service says it.
const codeSilent = -1

// giveUp ends the wait for services that have not answered, long after they should have.
func (a *Agenda) giveUp(ctx context.Context) {
	if a.running == 0 || time.Since(a.gaveUp) < time.Second {
		return
	}
	a.gaveUp = time.Now()
	for _, k := range a.known {
		if k.running && time.Since(k.began) > runWithin+outTime {
			a.judge(ctx, end{k.timer, k.run, bus.Reply{Code: codeSilent, Message: "the service has not answered within " + runWithin.String()}})
		}
	}
}

// start runs a timer.
func (a *Agenda) start(t Timer) {
	id := name{t.Service, t.Key}
	k := a.known[id]
	if k == nil || k.revision != t.Revision {
		k = &known{revision: t.Revision, pass: a.pass}
		a.known[id] = k
	}
	a.running++
	a.of[t.Service]++
	a.state.Runs++
	a.state.Late = t.Late
	run := a.state.Runs
	k.running, k.run, k.began, k.timer = true, run, time.Now(), t
	a.relay.Run(bus.Request{
		Service: t.Service, Operation: t.Operation, Body: t.Body, Attempt: int(k.tries) + 1, Crashes: k.crashes, Remaining: int64(runWithin),
		Timer: &outbox.Due{Key: t.Key, Revision: t.Revision, At: t.At, Late: t.Late},
	}, func(r bus.Reply) {
		select {
		case a.ended <- end{t, run, r}:
		default: // one that was given up long ago
		}
	})
}

// judge takes how a run ended.
func (a *Agenda) judge(ctx context.Context, e end) {
	k := a.known[name{e.timer.Service, e.timer.Key}]
	if k == nil || !k.running || k.run != e.run {
		return
	}
	k.running, k.timer = false, Timer{}
	a.running--
	if a.of[e.timer.Service]--; a.of[e.timer.Service] == 0 {
		delete(a.of, e.timer.Service)
	}
	o := outcomeOf(e.reply.Code)
	switch k.crashes = max(k.crashes, e.reply.Crashes); {
	case o == timers.Done || o == timers.Moved:
	case k.crashes >= Poisoned:
		o = timers.Crashed
	case o == timers.Failed && e.reply.Code != codeSilent: // its handler answered: it was another's crash. "Busy" may be said before a handler is asked
		k.crashes = 0
	}
	a.after(ctx, k, e.timer, o, e.reply.Message)
}

// after does what follows from how a run ended.
func (a *Agenda) after(ctx context.Context, k *known, t Timer, o timers.Outcome, why string) {
	if o == timers.Unknown { // if it is still there, nothing came of it
		k.done, k.rest = true, time.Now().Add(askPause)
		return
	}
	next, pause := k.tries.After(o, a.tries)
	switch log := a.log.With("service", t.Service, "key", t.Key, "operation", t.Operation, "tries", int(k.tries), "cause", why); {
	case next == timers.Forget:
		k.done = true
		return
	case next == timers.ParkIt:
		pause = timers.LongestPause // the order may fail
		said := "a timer has failed too often: it is parked until an operator releases it or drops it"
		if o == timers.Crashed {
			said = "a timer has ended its service too often: it is parked until an operator releases it or drops it"
		}
		log.Error(said, "crashes", k.crashes)
		a.order(ctx, []Order{{Service: t.Service, Key: t.Key, Kind: timers.Park, Revision: t.Revision, Why: why}})
	case o == timers.Failed:
		log.Warn("a timer has failed; it is run again", "in", pause)
	}
	k.rest = time.Now().Add(max(pause, askPause))
}

// outcomeOf says what the answer to a run means.
func outcomeOf(code int) timers.Outcome {
	switch code {
	case bus.CodeOK:
		return timers.Done
	case bus.CodeTooOld:
		return timers.Moved
	case bus.CodeOverloaded:
		return timers.Conflict
	case bus.CodeNobody:
		return timers.Down
	case bus.CodeUnknown:
		return timers.Unknown
	}
	return timers.Failed
}

// order has the pair change timers by itself. What fails is done at another look: nothing has changed then.
func (a *Agenda) order(ctx context.Context, list []Order) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if err := a.updater.Order(ctx, Orders{Epoch: a.epoch, Orders: list}); err != nil {
		a.log.Debug("timers could not be changed", "number", len(list), "error", err)
	}
}
