package jsonform

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/strictjson"
)

// Bounds of a message, each far above any call that the updater accepts.
const (
	// MaxBytes bounds a call.
	MaxBytes = 4 << 20
	// MaxElements bounds each list of a call. What a document holds is not counted.
	MaxElements = 1 << 14
	// MaxDepth bounds how deep lists and objects of a message lie in one another: readers in many languages go down by calling themselves.
	MaxDepth = 256
	// maxDocument is how deep a value may be that a call brings.
	maxDocument = MaxDepth - 3
	// maxReply leaves room around the largest message of the bus.
	maxReply = bus.MaxPayload - 4096
)

var (
	// ErrMalformed says that a message can't be understood.
	ErrMalformed = fault.New("json", "invalid JSON message")
	// ErrTooLarge says that a message is larger than any can be.
	ErrTooLarge = fault.New("json-size", "the JSON is too large")
)

// Spoken reports whether a message is JSON.
func Spoken(message []byte) bool { return len(message) > 0 && message[0] == '{' }

// Writer writes the reply to a call in the form of the call.
type Writer func(bus.DatabaseReply) ([]byte, error)

// Read decodes a call that came as one message, in either form. Name is that of the call: read, scan or commit. The
// Writer encodes the reply and is set also with an error, which Refusal turns into a reply.
func Read(name string, message []byte) (bus.DatabaseCall, Writer, error) {
	if Spoken(message) {
		call, base64, err := DecodeCall(name, message)
		return call, func(r bus.DatabaseReply) ([]byte, error) { return EncodeReply(r, base64) }, err
	}
	write := func(r bus.DatabaseReply) ([]byte, error) { return bus.Encode(r) }
	var call bus.DatabaseCall
	var into any
	switch name {
	case "read":
		call.Read = new(bus.Read)
		into = call.Read
	case "scan":
		call.Scan = new(bus.Scan)
		into = call.Scan
	case "commit":
		call.Commit = new(bus.Commit)
		into = call.Commit
	default:
		return call, write, unknown(name)
	}
	return call, write, bus.Decode(message, into)
}

// Refusal is the reply to a call that could not be read.
func Refusal(err error) bus.DatabaseReply {
	code := bus.CodeMalformed
	if errors.Is(err, ErrTooLarge) {
		code = bus.CodeTooLarge
	}
	return bus.DatabaseReply{Code: code, Message: err.Error()}
}

func unknown(name string) error {
	return fmt.Errorf("%w: unknown call %.70q; the calls are read, scan and commit", ErrMalformed, name)
}

// decode reads a message strictly.
func decode(message []byte, into any) error {
	if err := bounded(message); err != nil {
		return err
	}
	if err := strictjson.Decode(message, into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// bounded refuses messages that would take much more memory than they have bytes, before they are decoded. They need
// not be JSON.
func bounded(message []byte) error {
	if len(message) > MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d; do less in one call", ErrTooLarge, len(message), MaxBytes)
	}
	// Lists of calls lie in the call or in its outbox. A list in the answer is part of a document.
	var elements [4]int
	depth, answer := 0, false
	for at := 0; at < len(message); at++ {
		switch message[at] {
		case '"':
			end := textEnd(message, at)
			if depth == 1 {
				answer = string(message[at:end]) == `"answer"`
			}
			at = end - 1
		case '{', '[':
			if depth++; depth > MaxDepth {
				return fmt.Errorf("%w: lists and objects are nested more than %d deep; send such a value in base64", ErrMalformed, MaxDepth)
			}
			if depth < len(elements) {
				elements[depth] = 0
			}
		case '}', ']':
			depth = max(depth-1, 0)
		case ',':
			if depth < 2 || depth >= len(elements) || answer {
				continue
			}
			if elements[depth]++; elements[depth] >= MaxElements {
				return fmt.Errorf("%w: a list of more than %d elements; do less in one call", ErrTooLarge, MaxElements)
			}
		}
	}
	return nil
}

// textEnd is the place after the text that begins at a place, or after all.
func textEnd(data []byte, at int) int {
	for at++; at < len(data); at++ {
		switch data[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(data)
}

// depthOf is how deep a document is.
func depthOf(document []byte) (deepest int) {
	depth := 0
	for at := 0; at < len(document); at++ {
		switch document[at] {
		case '"':
			at = textEnd(document, at) - 1
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}
