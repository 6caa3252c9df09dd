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

// KeyAlone refuses a request that has a key but is not queued: executed at once, it would be executed again when it is
// repeated.
const KeyAlone = bus.HeaderQueueKey + " is valid only with " + bus.HeaderQueue + ": yes; to execute a request without queue once, use " + bus.HeaderRequestID

// Name returns the value of a name in a header, "" if the header is absent, or what is wrong with it.
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

// Read returns lane and key from the headers of a message with bus.HeaderQueue, or what is wrong with them.
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

// CodeOf returns the code for applications of an error of this package.
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
