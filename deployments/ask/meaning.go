package ask

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/bus"
)

// Exit codes of hotpair request.
const (
	Refused = 1 // the answer is an error: asking again changes nothing
	Usage   = 2 // not sent: the request itself is wrong
	Nobody  = 3 // nothing was done: ask again
	Unknown = 4 // it may have been done: repeat it under its id
)

// Failure is a request that was not done, or of which that is not known.
type Failure struct {
	Question Question
	Answer   Answer // with the code and the sentence, if there was one
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

// Unwrap gives why there was no answer.
func (f *Failure) Unwrap() error { return f.Err }

// ExitCode is that of the command.
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

// advice is what a code means and what to do, as services/terminal/APPLICATIONS.md has it.
func (f *Failure) advice() string {
	repeat := "hotpair request --id " + f.Answer.ID + " with the same body repeats it: it takes effect once"
	if f.Question.Queue {
		repeat = "hotpair request --queue --key " + strconv.Quote(f.Answer.ID) + " with the same body repeats it: it is queued once"
	}
	switch {
	case errors.Is(f.Err, ErrQuestion):
		return "Nothing was sent."
	case errors.Is(f.Err, ErrTerminal):
		return "Nothing was sent. Start hotpair dev or hotpair cluster, name the directory of a pair on other ports with --dir, or the terminal's agent with --terminal."
	case f.Err != nil && f.Question.Queue:
		return "It may have been queued. " + repeat + "."
	case f.Err != nil:
		return "It may have been done. " + repeat + "."
	}
	switch f.Answer.Code {
	case bus.CodeMalformed:
		return "It can't be understood. Nothing was done: fix what the sentence names."
	case bus.CodeAbsent:
		return "There is no such service, operation or thing. Nothing was done."
	case bus.CodeConflict:
		return "It contradicts what is there, or its id was used for another request. Nothing was done."
	case bus.CodeTooOld:
		return "The id is too old to know whether it was done: look at the data, then decide."
	case bus.CodeTooLarge:
		return "It is too large. Nothing was done."
	case bus.CodeOverloaded:
		return "The pair is busy. Nothing was done: ask again in a moment."
	case bus.CodeFault:
		const fault = "A fault of the service: its log says which (hotpair dev shows it). Once it is fixed ask anew"
		if f.Question.ID == "" {
			return fault + "."
		}
		return fault + ", with another --id than " + f.Answer.ID + ", which keeps its answer."
	case bus.CodeNobody:
		return "No host served this terminal, or no process the service, in time. Nothing was done: ask again; hotpair status says who serves."
	case bus.CodeFull:
		return "There is no room in the queue of this terminal. Nothing was queued: GET /v1/status there says what waits."
	case bus.CodeUnknown:
		return "The outcome is unknown. " + repeat + "."
	}
	return "The service says so; the code is its own."
}
