package ask

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/bus"
)

// Exit codes of hotpair request.
const (
	Refused = 1 // the answer is an error: sending it again changes nothing
	Usage   = 2 // not sent: the request is malformed
	Nobody  = 3 // nothing was done: send it again
	Unknown = 4 // it may have been executed: send it again under its id
)

// Failure is a request that failed, or whose outcome is unknown.
type Failure struct {
	Question Question
	Answer   Answer // with code and message, if there was one
	Err      error  // why there was no answer
}

// Error says what happened, what it means and what to do.
func (f *Failure) Error() string {
	what := f.Question.Service + "." + f.Question.Operation
	if f.Err != nil {
		what += ": " + f.Err.Error()
	} else {
		what += fmt.Sprintf(": %d %s", f.Answer.Code, f.Answer.Said)
	}
	return what + "\n" + f.advice()
}

// Unwrap returns the reason for a missing answer.
func (f *Failure) Unwrap() error { return f.Err }

// ExitCode is the exit code of the command.
func (f *Failure) ExitCode() int {
	switch {
	case errors.Is(f.Err, ErrQuestion):
		return Usage
	case errors.Is(f.Err, ErrTerminal), f.Err == nil && (f.Answer.Code == bus.CodeOverloaded || f.Answer.Code == bus.CodeNobody || f.Answer.Code == bus.CodeFull):
		return Nobody
	case f.Err != nil, f.Answer.Code == bus.CodeUnknown:
		return Unknown
	}
	return Refused
}

// advice is the meaning of a code and what to do, as in services/terminal/APPLICATIONS.md.
func (f *Failure) advice() string {
	repeat := "hotpair request --id " + f.Answer.ID + " with the same body sends it again: it takes effect once"
	if f.Question.Queue {
		repeat = "hotpair request --queue --key " + strconv.Quote(f.Answer.ID) + " with the same body sends it again: it is queued once"
	}
	switch {
	case errors.Is(f.Err, ErrQuestion):
		return "Nothing was sent."
	case errors.Is(f.Err, ErrTerminal):
		return "Nothing was sent. Start hotpair dev or hotpair cluster, or give the directory of a cluster on other ports with --dir, or a terminal with --terminal."
	case f.Err != nil && f.Question.Queue:
		return "It may have been queued. " + repeat + "."
	case f.Err != nil:
		return "It may have been done. " + repeat + "."
	}
	switch f.Answer.Code {
	case bus.CodeMalformed:
		return "The request is malformed. Nothing was done: correct it as the message says."
	case bus.CodeAbsent:
		return "No such service, operation or object. Nothing was done."
	case bus.CodeConflict:
		return "The request conflicts with the current state, or its id was used for another request. Nothing was done."
	case bus.CodeTooOld:
		return "The id is too old to tell whether the request was executed: check the data, then decide."
	case bus.CodeTooLarge:
		return "The request or its answer is too large. Nothing was done."
	case bus.CodeOverloaded:
		return "The pair is overloaded. Nothing was done: wait a moment, then send it again."
	case bus.CodeFault:
		const fault = "A fault of the service: see its log (hotpair dev shows it). Once it is fixed, send the request again"
		if f.Question.ID == "" {
			return fault + "."
		}
		return fault + ", with another --id than " + f.Answer.ID + ", whose answer is final."
	case bus.CodeNobody:
		return "No host served this terminal, or the service was not running. Nothing was done: send it again; hotpair status shows the active host."
	case bus.CodeFull:
		return "The queue of this terminal is full. Nothing was queued: GET /v1/status there shows what waits."
	case bus.CodeUnknown:
		return "The outcome is unknown. " + repeat + "."
	}
	return "The code and the message are the service's own."
}
