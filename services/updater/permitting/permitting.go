// Package permitting answers terminal-if who may carry out a fenced command, and has time settle those that nobody takes or answers for.
//
// Which keys commands have is in package takings, and what becomes of them in package commands.
package permitting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/terminalif/taking"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/takings"
	"github.com/hotpair/hotpair/storage"
)

const (
	// passEvery is how often it is looked what time has changed.
	passEvery = 5 * time.Second
	// passes bounds the updates of one look.
	passes = 64
	// maxID bounds the id of a notice that a terminal says, in bytes.
	maxID = 256
)

// errTaking says that a taking can't be judged now.
var errTaking = errors.New("not judged")

// Term is the term that is served, if one is.
type Term interface {
	leaving.Term

	// PairTime is the pair's, in Unix nanoseconds.
	PairTime() int64
}

// Config describes Answers.
type Config struct {
	Store leaving.Viewer
	Term  Term
	Pair  func() string // its id
	Log   *slog.Logger
}

// Answers has commands taken, on one host. It may be used by any number of goroutines.
type Answers struct {
	Config
	life context.Context

	look atomic.Int32 // so often it is to be looked for what was not told of

	mu    sync.Mutex
	seen  bus.CommandsUnsettled
	noted noted
}

// New makes the answers of one host. No question waits any more when life ends.
func New(life context.Context, c Config) *Answers { return &Answers{Config: c, life: life} }

// Answer has questions answered, each in a goroutine of the group.
func (a *Answers) Answer(r *bus.Router, group bus.Group) {
	taking.CallTake.HandleIn(a.life, r, group, a.take)
}

// Seen is what nobody knows the outcome of, or was taken by nobody, since this process began.
func (a *Answers) Seen() bus.CommandsUnsettled {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen
}

func (a *Answers) take(ctx context.Context, q taking.Question) (notice.Taken, error) {
	t := &q.Taking
	if !bus.ValidName(q.Terminal) || len(t.ID) > maxID || !isTaker(t.Directory) || !isTaker(t.Token) {
		return notice.Taken{}, fmt.Errorf("%w: invalid request to take a command: terminal %.70q, directory %.70q, token %.70q, an id of %d bytes",
			bus.ErrMalformed, q.Terminal, t.Directory, t.Token, len(t.ID))
	}
	pair, n, err := notice.ParseID(t.ID)
	if err != nil {
		return notice.Taken{}, err
	}
	if err := a.Term.Serves(q.Epoch); err != nil {
		return notice.Taken{}, err
	}
	if pair != a.Pair() { // the terminal has it from another pair
		return notice.Taken{Verdict: commands.Void.String()}, nil
	}
	o := &takings.Order{Terminal: q.Terminal, Number: n, By: commands.Taker{Directory: t.Directory, Token: t.Token}, Done: q.Done}
	r, err := leaving.Commit(ctx, a.Term, q.Epoch, o)
	switch {
	case err != nil: // and the order may still be looked at
		a.look.Store(looks)
		return notice.Taken{}, err
	case r.Code != bus.CodeOK && (r.Code != bus.CodeTooOld || o.Verdict == 0):
		return notice.Taken{}, fmt.Errorf("%w: %s", errTaking, r.Message)
	}
	if r.Code == bus.CodeOK && o.Moved != nil {
		a.note(*o.Moved)
	}
	return o.Answer(), nil
}

func isTaker(s string) bool { return len(s) <= notice.MaxTaker && bus.ValidName(s) }

// note tells of commands of which nobody can say what came of them, and of those that came too late.
func (a *Answers) note(list ...takings.Moved) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range list {
		if m.State != commands.Unknown && m.State != commands.Late || !a.noted.first(&m) {
			continue
		}
		id, what := notice.ID(a.Pair(), m.Number), m.Service+"."+m.Topic+" of terminal "+m.Terminal
		switch m.State {
		case commands.Unknown:
			a.seen.Unknown++
			a.seen.UnknownAt = time.Now()
			a.seen.Last = what
			why := "it was taken, and no execution was reported"
			if m.Void {
				why = "a history was given up, and perhaps the taking with it"
			}
			a.Log.Error("it is unknown whether a fenced command was executed; it is not handed out again", "command", id, "terminal", m.Terminal,
				"service", m.Service, "topic", m.Topic, "reason", why)
		case commands.Late:
			a.seen.Late++
			a.seen.LateAt = time.Now()
			a.seen.LastLate = what
			a.Log.Warn("a fenced command was not taken in time; it is not executed", "command", id, "terminal", m.Terminal,
				"service", m.Service, "topic", m.Topic)
		case commands.Done, commands.Taken, commands.Open:
		}
	}
}

// Run has time change commands while this host serves, until ctx ends.
func (a *Answers) Run(ctx context.Context) error {
	tick := time.NewTicker(passEvery)
	defer tick.Stop()
	a.look.Store(looks)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if a.Term.Serves(0) != nil {
			a.look.Store(looks)
			continue
		}
		err := a.Pass(ctx)
		if n := a.look.Load(); n > 0 && err == nil {
			if err = a.catchUp(); err == nil {
				a.look.CompareAndSwap(n, n-1)
			}
		}
		if err != nil && ctx.Err() == nil {
			a.Log.Debug("fenced commands could not be expired", "error", err)
		}
	}
}

// Pass has the time that has passed change commands. The error is that of the store, or says that there is no term.
func (a *Answers) Pass(ctx context.Context) error {
	for range passes {
		p := &takings.Pass{}
		err := a.Store.View(func(r *storage.Reader) error {
			p.Keys = takings.Due(r, a.Term.PairTime())
			return nil
		})
		if err != nil || len(p.Keys) == 0 {
			return err
		}
		r, err := leaving.Commit(ctx, a.Term, 0, p)
		if err == nil && r.Code != bus.CodeOK {
			err = fmt.Errorf("%w: %s", errTaking, r.Message)
		}
		if err != nil {
			a.look.Store(looks)
			return err
		}
		a.note(p.Moved...)
		if len(p.Keys) < takings.MostPassed {
			return nil
		}
	}
	return nil
}
