package business

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
)

// Bounds of one request.
const (
	// defaultDeadline is for requests that bring none.
	defaultDeadline = 30 * time.Second
	// maxCrashes: a request that was in flight at that many crashes of its process is not run again (T2).
	maxCrashes = 3
)

// unnamed says that the request can't be recorded, nor repeated. The run of a timer is identified by the timer.
func unnamed(q bus.Request) bool { return q.Ticket == "" && q.Timer == nil }

// outcome is the result of a request: an answer or an error, before it is committed.
type outcome struct {
	code    int
	message string
	body    []byte
}

func (o outcome) reply() bus.Reply { return bus.Reply{Code: o.code, Message: o.message, Body: o.body} }

func failed(err *Error) *outcome { return &outcome{code: err.Code, message: err.Message} }

// execution is one request from its arrival to its reply.
type execution struct {
	db      *database
	lanes   *lanes
	gate    *semaphore.Weighted
	term    func() uint64 // highest epoch in which a request has come
	log     *slog.Logger
	service Service
	request bus.Request
	op      Operation
	counts  *counts

	attempt   int      // also counts commits whose outcome is unknown
	conflicts int      // runs that lost to other requests
	doubts    int      // commits whose outcome is unknown
	entered   []string // lanes held
	holds     int64    // of the gate
	lost      []string // keys at which the last commit failed
	answer    bus.Reply
}

// serve runs the request to its reply. It always returns one, by the deadline unless the handler does not return.
//
// Each run results in one of these: an outcome, which is committed if it writes or must be recorded; the recorded
// answer of an earlier attempt; a conflict, after which it runs again; no updater, after which it runs again when there
// is one. An outcome that can't be committed, because it is too large or because the runs are used up, is replaced by
// an error, which is recorded like an error of the handler.
func (e *execution) serve(ctx context.Context) bus.Reply {
	limit := time.Duration(e.request.Remaining)
	if limit <= 0 {
		limit = defaultDeadline
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() { e.lanes.leave(e.entered) }()
	defer func() { e.passOut() }()

	e.attempt = max(1, e.request.Attempt)
	var fixed *outcome // set when the handler must not run again
	if e.request.Crashes >= maxCrashes {
		fixed = failed(&Error{Code: bus.CodeFault, Message: fmt.Sprintf(
			"the business process crashed %d times while this request was in flight; it is not tried again", e.request.Crashes)})
	}
	for run, pauses := 1, 1; ; run++ {
		err := e.once(ctx, run, fixed)
		var refused *refusal
		switch {
		case err == nil:
			return e.answer
		case errors.Is(err, errRecorded):
			e.counts.recorded.Add(1)
			return e.answer
		case errors.Is(err, errMoved):
			e.conflicts++
			e.counts.conflicts.Add(1)
			if e.conflicts >= maxRuns {
				fixed = failed(&Error{Code: bus.CodeOverloaded, Message: "too many other requests change the same keys; this request was not executed"})
				continue
			}
			err = e.yield(ctx)
		case errors.Is(err, errTermOver):
			return e.unserved(bus.CodeNobody, "this host is no longer active; the request was not executed")
		case errors.Is(err, errDoubt) && unnamed(e.request):
			return e.unserved(bus.CodeFault, "") // without an id a second execution can't be recognised
		case errors.Is(err, errDoubt) && e.doubts >= maxDoubts:
			if e.request.Timer != nil { // whatever became of it, it is there no more, or fails as often as it may
				return bus.Reply{Code: bus.CodeFault, Message: fmt.Sprintf("the outcome of the update is unknown after %d runs", maxDoubts)}
			}
			return e.unserved(bus.CodeFault, "")
		case errors.Is(err, errDoubt), errors.Is(err, errAway):
			pauses, err = e.db.pause(ctx, pauses)
		case errors.As(err, &refused):
			if fixed != nil || !refused.final {
				return e.refuse(refused)
			}
			fixed, err = failed(&refused.told), nil
		case ctx.Err() == nil:
			e.complain("Transaction failed", "error", err)
			fixed, err = failed(fault()), nil
		}
		if err != nil && e.request.Timer != nil && errors.Is(context.Cause(ctx), errStopping) { // which uses up none of its tries
			return bus.Reply{Code: bus.CodeNobody, Message: "this process is stopping; the run of the timer was not completed"}
		}
		if err != nil && e.request.Timer != nil {
			return bus.Reply{Code: bus.CodeFault, Message: "the run of the timer did not end within its deadline"} // or it would come again for ever
		}
		if err != nil {
			return e.unserved(bus.CodeNobody, "the deadline passed before the request could be executed")
		}
	}
}

// once makes one run: the handler, unless its outcome is fixed, and the commit. Without an error e.answer is the reply.
func (e *execution) once(ctx context.Context, run int, fixed *outcome) error {
	if err := e.passIn(ctx); err != nil {
		return err
	}
	defer e.passOut()
	tx := e.transaction(ctx, run)
	out := fixed
	if out == nil {
		out = e.handle(tx)
	}
	if tx.err != nil {
		return tx.err
	}
	return e.commit(tx, out)
}

func (e *execution) transaction(ctx context.Context, run int) *Tx {
	tx := &Tx{ctx: ctx, env: e, run: run, readOnly: e.op.ReadOnly, fired: e.request.Timer}
	if !e.op.ReadOnly {
		tx.ticket = e.request.Ticket
	}
	return tx
}

// handle runs the handler once. A panic costs this request alone: nothing of the run has left the transaction.
func (e *execution) handle(tx *Tx) (out *outcome) {
	defer func() {
		if reason := recover(); reason != nil {
			e.complain("Handler panicked", "reason", reason, "stack", string(debug.Stack()))
			out = failed(fault())
		}
	}()
	answer, err := e.op.Handler(tx.ctx, tx, json.RawMessage(e.request.Body))
	if tx.err != nil {
		return nil
	}
	var told *Error
	switch {
	case errors.As(err, &told):
		return failed(told)
	case err != nil && tx.ctx.Err() != nil:
		tx.fail(context.Cause(tx.ctx))
		return nil
	case err != nil:
		e.complain("Handler failed", "error", err)
		return failed(fault())
	}
	body, err := encodeAnswer(answer)
	if err != nil {
		e.complain("Answer can't be encoded as JSON", "error", err)
		return failed(fault())
	}
	if len(body) > maxAnswer {
		return failed(TooLarge("the answer has %d bytes, at most %d are allowed", len(body), maxAnswer))
	}
	return &outcome{body: body}
}

// recording says whether every outcome must be recorded: an earlier attempt may have been executed, or may yet be, and
// whatever is answered now must stay the only answer (R7). Reads are never recorded.
func (e *execution) recording() bool { return mayRepeat(e.op, e.current()) }

// current is the request with the attempts of this process added.
func (e *execution) current() bus.Request {
	q := e.request
	q.Attempt = e.attempt
	return q
}

// doubtful notes that a call may have been executed: if it was a commit, all after it is another attempt.
func (e *execution) doubtful(call bus.DatabaseCall) {
	if call.Commit != nil {
		e.attempt++
		e.doubts++
	}
}

// commit makes an outcome final and leaves the reply in e.answer.
func (e *execution) commit(tx *Tx, out *outcome) error {
	commit := &bus.Commit{
		Ticket: tx.ticket, Epoch: e.request.Epoch,
		Answer: bus.Answer{Code: out.code, Message: out.message, Body: out.body, Revision: e.op.Revision && out.code == bus.CodeOK},
		Record: e.recording() && tx.ticket != "",
	}
	if out.code == bus.CodeOK {
		commit.Operations, commit.Outbox = tx.writes, tx.outbox()
		if len(tx.writes) > 0 || len(tx.required) > 0 || !commit.Outbox.IsZero() {
			commit.Conditions = tx.conditions()
			if !tx.readOnly {
				commit.Ranges = tx.ranges.at(tx.at)
			}
		}
	}
	if len(commit.Operations) == 0 && len(commit.Conditions) == 0 && !commit.Record && commit.Outbox.IsZero() {
		e.answer = out.reply() // all its reads are of one position, so it is valid
		return nil
	}
	reply, err := e.ask(tx.ctx, bus.DatabaseCall{Commit: commit})
	if err != nil {
		return err
	}
	e.answer = out.reply()
	if len(commit.Operations) > 0 || commit.Record || !commit.Outbox.IsZero() {
		e.answer = commit.Answer.Reply(reply.Position)
		e.answer.Proof = reply.Proof
	}
	return nil
}

// writes reports whether the service has an operation that may write.
func (e *execution) writes(operation string) bool {
	op, known := e.service.Operations[operation]
	return known && !op.ReadOnly
}

// ask makes one trip and sorts what comes back.
func (e *execution) ask(ctx context.Context, call bus.DatabaseCall) (bus.DatabaseReply, error) {
	if size := callSize(call); size > maxCall {
		return bus.DatabaseReply{}, &refusal{told: *TooLarge("the request needs a database call of %d bytes, at most %d are allowed", size, maxCall), final: true}
	}
	if ctx.Err() != nil {
		return bus.DatabaseReply{}, context.Cause(ctx) // not sent, so there is no doubt
	}
	reply, err := e.db.call(ctx, call)
	switch {
	case errors.Is(err, errDoubt) && call.Commit == nil:
		return reply, errAway // a read leaves no doubt
	case errors.Is(err, errAway):
		return reply, err
	case err != nil:
		e.doubtful(call)
		return reply, err
	case reply.Recorded != nil:
		e.answer = *reply.Recorded
		return reply, errRecorded
	}
	switch reply.Code {
	case bus.CodeOK:
		return reply, nil
	case bus.CodeConflict:
		e.lost = e.lost[:0]
		for _, key := range reply.Conflicts {
			e.lost = append(e.lost, string(key))
		}
		demanded := rangesOf(call)
		for _, i := range reply.Moved {
			if i >= 0 && i < len(demanded) {
				e.lost = append(e.lost, lineOf(string(demanded[i].Prefix)))
			}
		}
		return reply, errMoved
	case bus.CodeOverloaded:
		return reply, errAway
	case bus.CodeNobody:
		// The updater of this term may only be on its way back, but an older term does not come back.
		if e.request.Epoch < e.term() {
			return reply, errTermOver
		}
		return reply, errAway
	case bus.CodeMalformed, bus.CodeTooLarge, bus.CodeAbsent:
		return reply, &refusal{told: Error{reply.Code, reply.Message}, final: true}
	case bus.CodeFault, bus.CodeUnknown:
		if reply.Code == bus.CodeFault {
			e.complain("Updater reports a fault", "error", reply.Message)
		}
		if call.Commit != nil { // done or not: the ticket finds it
			e.doubtful(call)
			return reply, errDoubt
		}
		return reply, &refusal{told: *fault()}
	}
	return reply, &refusal{told: Error{reply.Code, reply.Message}}
}

// refusal is an answer of the updater that trying again does not change. A final one is the outcome of the request,
// to be recorded where outcomes are; the others say that the id can't be recorded, or that the updater is ill.
type refusal struct {
	told  Error
	final bool
}

func (r *refusal) Error() string { return r.told.Message }

// unserved answers that nothing was done, or, when that is not sure, that the outcome is unknown.
func (e *execution) unserved(code int, message string) bus.Reply {
	return notNow(e.op, e.current(), code, message)
}

func (e *execution) refuse(r *refusal) bus.Reply {
	switch r.told.Code {
	case bus.CodeTooOld, bus.CodeMalformed:
		// The id itself is refused, after it was looked up: whatever an earlier attempt did is not hidden by this.
		return failed(&r.told).reply()
	}
	return e.unserved(r.told.Code, r.told.Message)
}

// complain logs what only the log may know.
func (e *execution) complain(what string, v ...any) {
	e.log.With("operation", e.request.Operation, "epoch", e.request.Epoch, "request", e.request.ID).Error(what, v...)
}
