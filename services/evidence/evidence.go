// Package evidence derives what dials and connections prove about one port of the other host.
//
//	silent     nobody answers, or was never seen: proves nothing
//	  │ handshake
//	connected  the process is there
//	  │ FIN or RST (any other loss: silent)
//	ended      it closed, or was closed by its kernel
//	  │ a new dial is refused             ▲
//	  ▼                                   │ a dial is accepted
//	refused    nobody listens any more ───┘
//
// A handshake leads to connected from everywhere; a dial that is accepted and then not understood leads to silent. A port
// that refuses proves something only after a connection to it has ended: a process was there and is gone. A dial that fails
// in any other way proves nothing, and changes nothing.
//
// The methods of State are these rules and nothing else: a dialler calls them and keeps the State that they return.
package evidence

import (
	"errors"
	"fmt"
	"io"
)

// ErrUnknown says that a text names no State.
var ErrUnknown = errors.New("unknown evidence")

// IsEnd reports whether the error of a read or write says that the other side has ended the connection, by FIN or RST.
func IsEnd(err error) bool {
	return errors.Is(err, io.EOF) || IsReset(err)
}

// State is what is known of one port.
type State int

const (
	// Silent: no answer, or never tried.
	Silent State = iota
	// Connected: the connection stands.
	Connected
	// Ended: the connection ended by FIN or RST, and no new dial has been refused yet.
	Ended
	// Refused: it ended, and a new dial was refused.
	Refused
)

// HandshakeDone: there is a connection, and who answered was understood.
func (State) HandshakeDone() State { return Connected }

// Lost: the connection is no more. ended says that the other side ended it, by FIN or RST; without that it fell silent, or
// this side gave it up.
func (State) Lost(ended bool) State {
	if ended {
		return Ended
	}
	return Silent
}

// DialRefused returns the state after a refused dial. It is evidence only where a process listened before.
func (s State) DialRefused() State {
	if s == Ended {
		return Refused
	}
	return s
}

// DialAccepted returns the state after an accepted dial: the port is not refused.
func (s State) DialAccepted() State {
	if s == Refused {
		return Ended
	}
	return s
}

// NotUnderstood: a dial was accepted, and no handshake came of it. ended says that the other side closed it: after a
// connection that ended so, it was taken from the backlog of a process that is just dying, and proves no more than that.
func (s State) NotUnderstood(ended bool) State {
	if ended && s == Ended {
		return Ended
	}
	return Silent
}

// String gives the word that messages, the HTTP interface and people see.
func (s State) String() string {
	switch s {
	case Connected:
		return "connected"
	case Ended:
		return "ended"
	case Refused:
		return "refused"
	}
	return "silent"
}

// MarshalText makes a State a word in JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote. The error is ErrUnknown.
func (s *State) UnmarshalText(text []byte) error {
	for _, known := range []State{Silent, Connected, Ended, Refused} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("%w: %q", ErrUnknown, text)
}
