package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Why a filter: the client library trusts its server. nats.go 1.55 takes the size in a MSG line as it is written, and
// one line with a size no machine has crashes the process with everything it serves; lines without an end grow without
// bound; a header of any size is parsed. A terminal is not trusted, so nothing reaches the library but lines in the
// one form that an agent's server writes them, with sizes checked as numbers.

const (
	maxLine       = 4 << 10
	maxInfo       = 64 << 10
	maxHeader     = 64 << 10
	minHeader     = len("NATS/1.0\r\n\r\n")
	maxSubject    = 1 << 10
	maxDigits     = 10 // of a subscription number
	maxSizeDigits = 8
)

var (
	errLineLong = errors.New("line without an end")
	errVerb     = errors.New("unknown line")
	errForm     = errors.New("malformed line")
	errSize     = errors.New("size out of bounds")
	errEnd      = errors.New("payload without its end")
	errFirst    = errors.New("first line is not INFO")
)

// filter follows the NATS protocol as a server speaks it to a client. It is fed what arrives, in any pieces, and passes
// whole checked lines and the payloads they announce; of a line it passes nothing before its end has come.
//
//	line ──MSG, HMSG──► payload ──size bytes, CR LF──► line
type filter struct {
	begun   []byte // a line whose end has not come
	payload int    // bytes of payload still to come
	tail    int    // bytes of the CR LF behind it still to come
	greeted bool   // INFO was seen
}

// take gives what of the data may be passed on and how many lines are in it. The result may be the data itself or share
// its memory, and is valid until the next call. After an error the filter must not be used.
func (f *filter) take(data []byte) (out []byte, lines int, err error) {
	if len(data) == 0 {
		return nil, 0, nil
	}
	at := 0
	if len(f.begun) > 0 {
		// Only the new part is searched and nothing is copied twice, however small the pieces are.
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		whole := data[end-1] == '\n'
		f.begun = append(f.begun, data[:end]...)
		if tooLong(f.begun) {
			return nil, 0, errLineLong
		}
		if !whole {
			return nil, 0, nil
		}
		if err := f.line(f.begun); err != nil {
			return nil, 0, err
		}
		at, lines = len(f.begun), 1
		data, f.begun = append(f.begun, data[end:]...), nil
	}
	for at < len(data) {
		switch {
		case f.payload > 0:
			n := min(f.payload, len(data)-at)
			f.payload -= n
			at += n
		case f.tail > 0:
			if data[at] != "\n\r"[f.tail-1] {
				return nil, lines, errEnd
			}
			f.tail--
			at++
		default:
			rest := data[at:]
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				if tooLong(rest) {
					return nil, lines, errLineLong
				}
				f.begun = append([]byte(nil), rest...)
				return data[:at], lines, nil
			}
			if tooLong(rest[:end+1]) {
				return nil, lines, errLineLong
			}
			if err := f.line(rest[:end+1]); err != nil {
				return nil, lines, err
			}
			lines++
			at += end + 1
		}
	}
	return data, lines, nil
}

var infoVerb = []byte("INFO ")

func tooLong(line []byte) bool {
	if bytes.HasPrefix(line, infoVerb) {
		return len(line) > maxInfo
	}
	return len(line) > maxLine
}

// line checks one whole line, its end included, and notes the payload it announces.
func (f *filter) line(line []byte) error {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return fmt.Errorf("%w: no CR LF", errForm)
	}
	for _, b := range text {
		if b < ' ' || b == 0x7f {
			return fmt.Errorf("%w: control character", errForm)
		}
	}
	if !f.greeted && !bytes.HasPrefix(text, infoVerb) {
		return errFirst
	}
	verb, rest, _ := bytes.Cut(text, []byte(" "))
	switch string(verb) {
	case "INFO":
		f.greeted = true
		if len(rest) == 0 || rest[0] != '{' {
			return fmt.Errorf("%w: INFO", errForm)
		}
		return nil
	case "MSG":
		return f.message(rest, false)
	case "HMSG":
		return f.message(rest, true)
	case "PING", "PONG", "+OK":
		if len(rest) > 0 || len(text) != len(verb) {
			return fmt.Errorf("%w: %s", errForm, verb)
		}
		return nil
	case "-ERR":
		if len(rest) == 0 || rest[0] == ' ' {
			return fmt.Errorf("%w: -ERR", errForm)
		}
		return nil
	}
	return errVerb
}

// message checks the arguments of MSG (subject sid [reply] size) and HMSG (subject sid [reply] header-size size).
func (f *filter) message(args []byte, header bool) error {
	least := 3
	if header {
		least = 4
	}
	fields := bytes.Split(args, []byte(" "))
	if len(fields) != least && len(fields) != least+1 {
		return fmt.Errorf("%w: %d arguments", errForm, len(fields))
	}
	for _, field := range fields {
		if len(field) == 0 || len(field) > maxSubject {
			return fmt.Errorf("%w: argument of %d bytes", errForm, len(field))
		}
	}
	if _, ok := number(fields[1], maxDigits); !ok {
		return fmt.Errorf("%w: subscription", errSize)
	}
	size, ok := number(fields[len(fields)-1], maxSizeDigits)
	if !ok || size > bus.MaxPayload {
		return fmt.Errorf("%w: message", errSize)
	}
	if header {
		n, ok := number(fields[len(fields)-2], maxSizeDigits)
		if !ok || n < minHeader || n > maxHeader || n > size {
			return fmt.Errorf("%w: header", errSize)
		}
	}
	f.payload, f.tail = size, 2
	return nil
}

// number reads a decimal number without sign or needless zeros.
func number(digits []byte, most int) (n int, ok bool) {
	if len(digits) == 0 || len(digits) > most || (digits[0] == '0' && len(digits) > 1) {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}
