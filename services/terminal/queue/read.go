package queue

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// KeyAlone is said of a request that names a key and is not to be queued. Done at once it would be done again when it is repeated.
const KeyAlone = bus.HeaderQueueKey + " is valid only with " + bus.HeaderQueue + ": yes; to execute a request without queue once, use " + bus.HeaderRequestID

// Name gives what a header names, "" if it is not there, or says what is wrong with it.
func Name(h nats.Header, header string) (value, wrong string) {
	list, given := h[header]
	if !given {
		return "", ""
	}
	if len(list) == 1 {
		value = list[0]
	}
	if value == "" || len(value) > MaxName || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fmt.Sprintf("%s: %.80q is not valid; use 1 to %d printable bytes", header, value, MaxName)
	}
	return value, ""
}

// Read takes lane and key from the headers of a message that says bus.HeaderQueue, or says what is wrong with them.
func (r *Request) Read(h nats.Header) (wrong string) {
	for _, stray := range [...]struct{ header, why string }{
		{bus.HeaderRequestID, "gets its own id, and this one may expire before the request is sent; to queue it once, use " + bus.HeaderQueueKey},
		{bus.HeaderDeadline, "is kept until it has an outcome"},
	} {
		if _, given := h[stray.header]; given {
			return stray.header + " is not valid with " + bus.HeaderQueue + ": a queued request " + stray.why
		}
	}
	if wrong = bus.StrayHeader(h, bus.HeaderQueue, bus.HeaderQueueKey, bus.HeaderLane); wrong != "" {
		return wrong
	}
	if said := h.Get(bus.HeaderQueue); said != "yes" {
		return fmt.Sprintf("%s: want yes or no header, not %.40q", bus.HeaderQueue, said)
	}
	if r.Key, wrong = Name(h, bus.HeaderQueueKey); wrong == "" {
		r.Lane, wrong = Name(h, bus.HeaderLane)
	}
	return wrong
}

// CodeOf is the code by which an application hears of an error of this package.
func CodeOf(err error) int {
	switch {
	case errors.Is(err, ErrFull), errors.Is(err, ErrNoRoom):
		return bus.CodeFull
	case errors.Is(err, ErrOverloaded):
		return bus.CodeOverloaded
	case errors.Is(err, ErrReused), errors.Is(err, ErrWaits), errors.Is(err, ErrBeyond):
		return bus.CodeConflict
	case errors.Is(err, ErrAbsent):
		return bus.CodeAbsent
	case errors.Is(err, ErrClosed), errors.Is(err, ErrDisk):
		return bus.CodeNobody
	}
	return bus.CodeFault
}
