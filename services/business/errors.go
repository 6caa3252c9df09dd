package business

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Error is an answer that is not a success: part of a service's interface, told to the terminal as it is. It is an
// outcome like any other and is recorded where outcomes are.
type Error struct {
	Code    int    // bus.CodeMalformed, bus.CodeAbsent, bus.CodeConflict, …
	Message string // a sentence for whoever sent the request
}

// Error gives the sentence.
func (e *Error) Error() string { return e.Message }

// Malformed says that the request can't be understood (400).
func Malformed(format string, v ...any) *Error { return newError(bus.CodeMalformed, format, v) }

// NotFound says that what the request names is absent (404).
func NotFound(format string, v ...any) *Error { return newError(bus.CodeAbsent, format, v) }

// Conflict says that the request contradicts the present state (409).
func Conflict(format string, v ...any) *Error { return newError(bus.CodeConflict, format, v) }

// TooLarge says that the request, or the answer that it asks for, is too large (413).
func TooLarge(format string, v ...any) *Error { return newError(bus.CodeTooLarge, format, v) }

func newError(code int, format string, v []any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, v...)}
}

// fault is what a terminal is told when the reason is none of its business; the log has it.
func fault() *Error {
	return &Error{Code: bus.CodeFault, Message: "internal fault; the log of the business process has the reason"}
}
