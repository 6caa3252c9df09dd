package business

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Error is an answer that is not a success: part of a service's interface, sent unchanged to the terminal. It is an
// outcome like any other and is recorded like one.
type Error struct {
	Code    int    // bus.CodeMalformed, bus.CodeAbsent, bus.CodeConflict, …
	Message string // for the sender of the request
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Malformed returns an error for a malformed request (400).
func Malformed(format string, v ...any) *Error { return newError(bus.CodeMalformed, format, v) }

// NotFound returns an error for an absent object that the request names (404).
func NotFound(format string, v ...any) *Error { return newError(bus.CodeAbsent, format, v) }

// Conflict returns an error for a request that conflicts with the current state (409).
func Conflict(format string, v ...any) *Error { return newError(bus.CodeConflict, format, v) }

// TooLarge returns an error for a request or an answer that is too large (413).
func TooLarge(format string, v ...any) *Error { return newError(bus.CodeTooLarge, format, v) }

func newError(code int, format string, v []any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, v...)}
}

// fault is the answer for internal reasons, which are only logged.
func fault() *Error {
	return &Error{Code: bus.CodeFault, Message: "internal fault; the log of the business process has the reason"}
}
