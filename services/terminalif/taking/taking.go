// Package taking forwards the requests that agents themselves make of the pair, in a term of the active host: that a
// fenced command is taken, or was carried out.
//
// The updater decides, in an update. An agent without an answer may ask again: the next host, too.
package taking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminalif/admission"
)

const (
	// atOnce bounds the questions that are looked at at one time, and each one's body in bytes.
	// atOnceOfOne bounds those of one terminal: it can't keep the others' from being looked at.
	atOnce      = 256
	atOnceOfOne = 16
	maxBody     = 4096
	// askPause is how soon a question is asked again that failed, and rightPause how soon it is looked whether something may leave.
	// askWithin bounds one try: an updater that ends answers nothing.
	askWithin  = 5 * time.Second
	askPause   = 50 * time.Millisecond
	rightPause = 5 * time.Millisecond
	// longest bounds a question, whatever it says.
	longest = time.Minute
)

// Updater is the updater of one host. Its errors end nothing: the call is repeated.
type Updater interface {
	Take(context.Context, Question) (notice.Taken, error)
}

// Config describes a Desk.
type Config struct {
	Epoch   uint64
	Updater Updater
	// Right reports whether data may leave in this term (R6).
	Right func() bool
	Go    func(func()) // runs what is waited for at the end
	Log   *slog.Logger
}

// Desk forwards the agents' requests of one term. It is safe for concurrent use.
type Desk struct {
	Config
	life context.Context

	mu    sync.Mutex
	books *admission.Books // of questions that are looked at
}

// New returns the desk of a term, which ends with life.
func New(life context.Context, c Config) *Desk {
	return &Desk{Config: c, life: life, books: admission.NewBooks(admission.Bounds{
		PerTerminal: atOnceOfOne, InAll: atOnce, PerTerminalBytes: atOnceOfOne * maxBody, InAllBytes: atOnce * maxBody})}
}

// Ask accepts a request of a terminal's agent, and returns at once. The answer is given once, from any goroutine, or
// never if the term ends: then the agent asks the next host.
func (d *Desk) Ask(terminal string, q bus.Request, answer func(bus.Reply)) {
	t := Question{Epoch: d.Epoch, Terminal: terminal, Done: q.Operation == notice.OperationDone}
	fault := ""
	switch {
	case q.Operation != notice.OperationTake && q.Operation != notice.OperationDone:
		fault = fmt.Sprintf("the pair does not know the agent operation %.70q", q.Operation)
	case len(q.Body) > maxBody:
		fault = fmt.Sprintf("the body has %d bytes, at most %d are allowed", len(q.Body), maxBody)
	default:
		if err := bus.DecodeJSON(q.Body, &t.Taking); err != nil {
			fault = err.Error()
		}
	}
	if fault != "" {
		answer(bus.Reply{Code: bus.CodeMalformed, Message: fault})
		return
	}
	if !d.enter(terminal) {
		answer(bus.Reply{Code: bus.CodeOverloaded, Message: "too many commands are being taken at the same time; ask again"})
		return
	}
	d.Go(func() {
		defer d.leave(terminal)
		ctx, cancel := context.WithTimeout(d.life, min(max(time.Duration(q.Remaining), 0), longest))
		defer cancel()
		reply, ok := d.ask(ctx, t)
		if !ok && d.life.Err() == nil {
			reply, ok = bus.Reply{Code: bus.CodeUnknown, Message: "no answer before the deadline; ask again"}, true
		}
		if ok {
			answer(reply)
		}
	})
}

// enter reports whether there is room for a question of a terminal.
func (d *Desk) enter(terminal string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.books.Full(terminal, 0) {
		return false
	}
	d.books.Enter(terminal, 0)
	return true
}

func (d *Desk) leave(terminal string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.books.Leave(terminal, 0)
}

// ask asks until there is an answer that may leave.
func (d *Desk) ask(ctx context.Context, q Question) (reply bus.Reply, ok bool) {
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, askWithin)
		taken, err := d.Updater.Take(within, q)
		cancel()
		if errors.Is(err, bus.ErrMalformed) {
			return bus.Reply{Code: bus.CodeMalformed, Message: err.Error()}, true
		}
		if err != nil {
			d.Log.Debug("the updater does not return the state of a command", "terminal", q.Terminal, "error", err)
			_ = pace.Rest(ctx, askPause)
			continue
		}
		for !d.Right() { // after everything that the answer rests on (R6)
			if pace.Rest(ctx, rightPause) != nil {
				return reply, false
			}
		}
		reply.Body = bus.EncodeJSON(taken)
		return reply, true
	}
	return reply, false
}
