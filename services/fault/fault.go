// Package fault holds errors that mean the same in every process of a pair.
//
// A sentinel that other processes must be able to test for has a code. The code and a sentence cross the wire, and the
// error on the other side is the same sentinel to [errors.Is]. There is no table of codes: an error from outside is
// compared with a sentinel by its code, so a package declares its sentinel once.
//
// A plain error (errors.New) has no code and can't be provoked from outside: errors that end a process, like that of a
// failed disk, stay plain.
//
//	var ErrStale = fault.New("stale", "a higher epoch is known")
//	…
//	codes, text := fault.Codes(err), fault.Text(err) // here
//	errors.Is(fault.From(codes, text), ErrStale)     // there: true
package fault

import (
	"context"
	"errors"
	"slices"
	"strings"
)

const (
	// Other is the code of an error that wraps no sentinel with a code.
	Other = "failed"
	// timeout is the code of context.DeadlineExceeded.
	timeout = "timeout"

	// most bounds the codes of one error, longest the letters of one, maxText the bytes of its sentence.
	most    = 8
	longest = 32
	maxText = 2000
)

// Error is a sentinel with a code. It is made once, as a variable of the package that returns it.
type Error struct{ code, text string }

// New makes a sentinel. The code is unique in the module: lower-case letters, digits and dashes.
func New(code, text string) *Error { return &Error{code: code, text: text} }

// Error returns the sentinel's text.
func (e *Error) Error() string { return e.text }

// Code returns the code, which crosses the wire.
func (e *Error) Code() string { return e.code }

// remote is an error of another process.
type remote struct {
	codes []string
	text  string
}

func (r *remote) Error() string { return r.text }

// Is compares by code.
func (r *remote) Is(target error) bool {
	if target == context.DeadlineExceeded {
		return slices.Contains(r.codes, timeout)
	}
	sentinel, ok := target.(*Error)
	return ok && slices.Contains(r.codes, sentinel.code)
}

// From returns the error of another process with these codes and this sentence. Invalid codes are ignored, and both are
// cut to a bounded length: they may come from anybody.
func From(codes []string, text string) error {
	r := &remote{text: cut(text)}
	for _, code := range codes {
		if valid(code) && len(r.codes) < most {
			r.codes = append(r.codes, code)
		}
	}
	if r.text == "" {
		r.text = "it says only: " + strings.Join(r.codes, ", ")
	}
	return r
}

// Codes returns the codes of all sentinels that an error wraps, the outermost first. An error without any has the code
// Other; nil has none.
func Codes(err error) []string {
	if err == nil {
		return nil
	}
	var codes []string
	add := func(code string) {
		if !slices.Contains(codes, code) && len(codes) < most {
			codes = append(codes, code)
		}
	}
	walk(err, func(err error) {
		switch err := err.(type) {
		case *Error:
			add(err.code)
		case *remote:
			for _, code := range err.codes {
				add(code)
			}
		default:
			if err == context.DeadlineExceeded {
				add(timeout)
			}
		}
	})
	if len(codes) == 0 {
		codes = []string{Other}
	}
	return codes
}

// Text returns an error's sentence as it crosses the wire.
func Text(err error) string { return cut(err.Error()) }

// walk visits an error and what it wraps, as errors.Is does.
func walk(err error, visit func(error)) {
	visit(err)
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			walk(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			walk(inner, visit)
		}
	}
}

func valid(code string) bool {
	return code != "" && len(code) <= longest && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// cut makes a text one line of valid UTF-8 of at most maxText bytes.
func cut(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText-len("…")], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// Remote reports whether an error is, or wraps, the answer of another process, and not a failure of the transport to
// it.
func Remote(err error) bool {
	var r *remote
	return errors.As(err, &r)
}
