// Package requestid says what an id is that an application gives to a request itself: for the agent that takes it in, for
// terminal-if, which trusts no agent, and for the store, which remembers the answer under it. There is one rule, so what the first of
// them takes, all of them take.
//
// An id carries the time at which the application issued it. When the pair has forgotten the answers of that time it knows by it that it
// can't tell whether the request was executed, and says so (410) instead of executing it a second time. Two forms do:
//
//	2026-01-02T03:04:05.678Z/order-17          a time of RFC 3339 in UTC, a slash, and 1 or more characters
//	2026-01-02T03:04:05.678+00:00/order-17     the same, as Python's isoformat writes UTC
//	019b7c3e-9a2e-7c41-8d7e-5f0c8a3b2e11       a UUID of version 7, which has the time in it
package requestid

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Max bounds an id, in bytes, its time included.
const Max = 128

// Years of issue. Beyond the last one nanoseconds have no meaning.
const (
	firstYear = 1970
	lastYear  = 2200
)

// ErrInvalid says that a text is no id; what wraps it says what is wrong and how ids look.
var ErrInvalid = errors.New("not a request id")

// like is how ids look, for whoever gave something else.
const like = "an id is a time of RFC 3339 in UTC, a slash and text of your own, such as 2026-01-02T03:04:05.678Z/order-17, or a UUID of version 7"

// Issued gives the time of issue that stands in an id. The error is ErrInvalid.
func Issued(id string) (time.Time, error) {
	if len(id) > Max {
		return time.Time{}, fmt.Errorf("%w: it has %d bytes, at most %d; shorten the part after the time", ErrInvalid, len(id), Max)
	}
	issued, err := timeOf(id)
	if err != nil {
		return time.Time{}, err
	}
	if y := issued.Year(); y < firstYear || y > lastYear {
		return time.Time{}, fmt.Errorf("%w: %q was issued in the year %d, which can't be; set the clock of the application", ErrInvalid, id, y)
	}
	return issued, nil
}

func timeOf(id string) (time.Time, error) {
	if issued, version, ok := uuid(id); ok {
		if version != 7 {
			return time.Time{}, fmt.Errorf("%w: %q is a UUID of version %d, which does not say when it was issued; make one of version 7, or put the time and a slash before it (%s/%s)",
				ErrInvalid, id, version, "2026-01-02T03:04:05Z", id)
		}
		return issued, nil
	}
	text, own, found := strings.Cut(id, "/")
	if !found || own == "" {
		return time.Time{}, fmt.Errorf("%w: %.80q; %s", ErrInvalid, id, like)
	}
	if !utf8.ValidString(own) || strings.ContainsFunc(own, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return time.Time{}, fmt.Errorf("%w: %q has a character that can't be printed; %s", ErrInvalid, own, like)
	}
	issued, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %.80q begins with no time of RFC 3339; %s", ErrInvalid, id, like)
	}
	if _, offset := issued.Zone(); offset != 0 {
		return time.Time{}, fmt.Errorf("%w: the time of %.80q is not in UTC; write it as %s", ErrInvalid, id, issued.UTC().Format(time.RFC3339Nano))
	}
	return issued.UTC(), nil
}

// uuid reads the version of a UUID, and the time of one of version 7: 48 bits of milliseconds at the front.
func uuid(id string) (issued time.Time, version int, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return issued, 0, false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(raw) != 16 {
		return issued, 0, false
	}
	ms := int64(0)
	for _, b := range raw[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC(), int(raw[6] >> 4), true
}
