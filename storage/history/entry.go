package history

import (
	"fmt"
	"iter"
	"time"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/requestid"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/position"
)

// OutboxSpace is the key space of the outbox: the notices, timers and emissions of services. The pair makes
// its keys.
const OutboxSpace = "_outbox"

// OutboxLevel is the level of a pair from which on entries may have an Outbox.
const OutboxLevel level.Level = 2

// The leading byte of an encoded entry says its form.
const (
	entryVersion  = 1
	outboxVersion = 2 // of an entry with an Outbox, which programs of level 1 don't know
)

// Bounds of an entry, in bytes. They are checked where entries are made (Validate, NewStored), never when stored ones
// are read back: a bound that falls later must not make a history unreadable.
const (
	// MaxEntry bounds one encoded entry.
	MaxEntry = 1 << 20
	// MaxKey bounds a key within its space. bolt would take 32,768; the rest is left for what we may add in front.
	MaxKey = 16 << 10
	// MaxSpace bounds the name of a space.
	MaxSpace = 128
	// MaxTerminal bounds the name of a terminal in a request id.
	MaxTerminal = 128
	// MaxDigest bounds the digest of a request.
	MaxDigest = 32
	// AnswerWindow bounds the recorded answers of one terminal: a counter so far below the highest recorded one of
	// that terminal is too old, even if the terminal never says so. It keeps a terminal that never raises its
	// lowest unanswered counter from filling the database, and is far above what an agent may have in flight.
	AnswerWindow = 1 << 16
	// Leap bounds how far a request's number may be above its terminal's floor: more than an agent that only reads for years
	// can come to, since reads raise no floor, and so little of all numbers that a terminal which claims others
	// spoils its own future only by millions of executed requests.
	Leap = 1 << 40
)

// RequestID names one request, so that it takes effect at most once (R7).
//
// With App empty the id is the agent's: the terminal as authenticated and the agent's counter, which starts at 1. With
// App set the app chose it, in a form of package requestid; it is still scoped by the terminal, so that no terminal can name
// another's requests. The zero RequestID is "no id": nothing is recorded.
type RequestID struct {
	Terminal string `cbor:"1,keyasint,omitempty"`
	Counter  uint64 `cbor:"2,keyasint,omitempty"`
	App      string `cbor:"3,keyasint,omitempty"`
}

// IsZero reports whether r names no request.
func (r RequestID) IsZero() bool { return r == RequestID{} }

// String gives "terminal/17" or "terminal/2026-01-02T15:04:05Z/abc", for logs.
func (r RequestID) String() string {
	if r.App != "" {
		return r.Terminal + "/" + r.App
	}
	return fmt.Sprintf("%s/%d", r.Terminal, r.Counter)
}

// Issued gives the time of issue that an app's id carries. The error is ErrInvalid when it is not as package requestid has it;
// ids of agents have no time.
func (r RequestID) Issued() (time.Time, error) {
	issued, err := requestid.Issued(r.App)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return issued, nil
}

// Validate refuses an id that can't be recorded. The zero id is valid. The error is ErrInvalid or ErrTooLarge.
func (r RequestID) Validate() error {
	switch {
	case r.IsZero():
		return nil
	case r.Terminal == "":
		return fmt.Errorf("%w: request id without a terminal", ErrInvalid)
	case len(r.Terminal) > MaxTerminal || len(r.App) > requestid.Max:
		return fmt.Errorf("%w: request id of %d and %d bytes", ErrTooLarge, len(r.Terminal), len(r.App))
	case r.App != "" && r.Counter != 0:
		return fmt.Errorf("%w: request id with a counter and an id of the app", ErrInvalid)
	case r.App != "":
		_, err := r.Issued()
		return err
	case r.Counter == 0:
		return fmt.Errorf("%w: request id without a counter", ErrInvalid)
	}
	return nil
}

// Effect is one change of one key within the entry's space. It is unconditional: conditions were evaluated before the
// entry was made. Value is ignored when Delete is set.
type Effect struct {
	Key    []byte `cbor:"1,keyasint"`
	Value  []byte `cbor:"2,keyasint,omitempty"`
	Delete bool   `cbor:"3,keyasint,omitempty"`
}

// Answer is the answer to a request, recorded so that a repeated request gets the same.
type Answer struct {
	// Code is 0 for success, otherwise the code of the service error (400, 404, 409, …).
	Code int `cbor:"1,keyasint,omitempty"`
	// Message is the sentence that goes with a Code other than 0.
	Message string `cbor:"2,keyasint,omitempty"`
	// Body is the answer's body; the storage never looks into it.
	Body []byte `cbor:"3,keyasint,omitempty"`
	// Revision says that the runtime adds the revision, which is known only by the entry's position, to the body.
	Revision bool `cbor:"4,keyasint,omitempty"`
	// Request is a digest of the request. An id names one request: another request under it gets no answer.
	Request []byte `cbor:"5,keyasint,omitempty"`
}

// Kind is the kind of an entry.
type Kind uint8

const (
	// KindUpdate is one update by a business process: effects, and the answer of its request.
	KindUpdate Kind = 1
	// KindBegan opens an epoch: it is the first entry of each, and no other entry has this kind.
	KindBegan Kind = 2
)

// String gives "update" or "began".
func (k Kind) String() string {
	switch k {
	case KindUpdate:
		return "update"
	case KindBegan:
		return "began"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Entry is one entry of the update history: one update, or the beginning of an epoch.
type Entry struct {
	Position position.Position `cbor:"1,keyasint"`
	Kind     Kind              `cbor:"2,keyasint"`
	// Time is the pair time at which the entry was made, in Unix nanoseconds. All ages are counted in it.
	Time int64 `cbor:"3,keyasint"`
	// Space is the key space of all Effects, the service that wrote them. Required when there are any.
	Space string `cbor:"4,keyasint,omitempty"`
	// Request is the request that caused the update; zero for what no terminal asked for.
	Request RequestID `cbor:"5,keyasint,omitzero"`
	// Oldest is the lowest unanswered counter of the agent of Request.Terminal: its recorded answers below it go,
	// and counters below it are too old from here on. It is never above Request.Counter, which is unanswered itself when it
	// is asked: so no request forgets more than its terminal has given numbers for, and one under an app's id forgets none.
	// 0 says nothing.
	Oldest  uint64   `cbor:"6,keyasint,omitempty"`
	Effects []Effect `cbor:"7,keyasint,omitempty"`
	// Answer is recorded under Request if HasAnswer is set.
	Answer    Answer `cbor:"8,keyasint,omitzero"`
	HasAnswer bool   `cbor:"9,keyasint,omitempty"`
	// Host, Identity and RecordVersion are those of the host that begins its term, for KindBegan only.
	Host          string `cbor:"10,keyasint,omitempty"`
	Identity      string `cbor:"11,keyasint,omitempty"`
	RecordVersion uint64 `cbor:"12,keyasint,omitempty"`
	// Forgotten says what is forgotten from here on: answers under ids of apps that were issued before it, in Unix nanoseconds.
	// Whether such a request was executed is not known any more, to nobody who has this entry, whatever he is set to. It never
	// falls; 0 says nothing new.
	Forgotten int64 `cbor:"14,keyasint,omitempty"`
	// Level is the level that the pair is at from here on. It never falls; 0 says nothing new.
	Level level.Level `cbor:"15,keyasint,omitempty"`
	// Outbox are changes in OutboxSpace, part of the same update.
	Outbox []Effect `cbor:"16,keyasint,omitempty"`
}

// Changes returns each effect with its space.
func (e *Entry) Changes() iter.Seq2[string, *Effect] {
	return func(yield func(string, *Effect) bool) {
		for i := range e.Effects {
			if !yield(e.Space, &e.Effects[i]) {
				return
			}
		}
		for i := range e.Outbox {
			if !yield(OutboxSpace, &e.Outbox[i]) {
				return
			}
		}
	}
}

// Floor is the counter below which the entry makes all requests of its terminal too old; 0 when it changes no floor.
func (e *Entry) Floor() uint64 {
	floor := e.Oldest
	if e.HasAnswer && e.Request.Counter > AnswerWindow {
		floor = max(floor, e.Request.Counter-AnswerWindow)
	}
	return floor
}

// Validate refuses an entry that must not enter a frame, so that one bad update never fails its neighbours. It does
// not look at the position, which the updater gives last. The error is ErrInvalid or ErrTooLarge. The bound of the
// whole entry, MaxEntry, is checked by NewStored.
func (e *Entry) Validate() error {
	switch e.Kind {
	case KindUpdate:
		if e.Host != "" || e.Identity != "" || e.RecordVersion != 0 {
			return fmt.Errorf("%w: an update names no host", ErrInvalid)
		}
	case KindBegan:
		if e.Host == "" || e.Identity == "" {
			return fmt.Errorf("%w: the beginning of an epoch names host and identity", ErrInvalid)
		}
		if len(e.Effects) > 0 || len(e.Outbox) > 0 || e.HasAnswer || !e.Request.IsZero() || e.Oldest != 0 {
			return fmt.Errorf("%w: the beginning of an epoch changes nothing", ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: %v", ErrInvalid, e.Kind)
	}
	if e.Forgotten < 0 || e.Forgotten > e.Time {
		return fmt.Errorf("%w: at time %d, everything up to %d is forgotten", ErrInvalid, e.Time, e.Forgotten)
	}
	if err := e.Request.Validate(); err != nil {
		return err
	}
	if (e.HasAnswer || e.Oldest != 0) && e.Request.Terminal == "" {
		return fmt.Errorf("%w: an answer without a request", ErrInvalid)
	}
	if e.Oldest > e.Request.Counter {
		return fmt.Errorf("%w: request %v can't have %d as the lowest unanswered number of its terminal", ErrInvalid, e.Request, e.Oldest)
	}
	if n := len(e.Answer.Request); n > MaxDigest {
		return fmt.Errorf("%w: digest of a request of %d bytes, at most %d", ErrTooLarge, n, MaxDigest)
	}
	if len(e.Space) > MaxSpace {
		return fmt.Errorf("%w: space of %d bytes", ErrTooLarge, len(e.Space))
	}
	if len(e.Effects) > 0 && e.Space == "" {
		return fmt.Errorf("%w: effects without a space", ErrInvalid)
	}
	if e.Space == OutboxSpace {
		return fmt.Errorf("%w: no service is called %s", ErrInvalid, OutboxSpace)
	}
	for _, f := range e.Changes() {
		switch n := len(f.Key); {
		case n == 0:
			return fmt.Errorf("%w: empty key", ErrInvalid)
		case n > MaxKey:
			return fmt.Errorf("%w: key of %d bytes, at most %d", ErrTooLarge, n, MaxKey)
		}
	}
	return nil
}

// Encode gives the bytes by which the entry is stored, sent and digested: a version byte, then CBOR in core
// deterministic form. It does not validate.
func (e *Entry) Encode() ([]byte, error) {
	version := byte(entryVersion)
	if len(e.Outbox) > 0 {
		version = outboxVersion
	}
	raw, err := format.Encode(version, e)
	if err != nil {
		return nil, fmt.Errorf("encode entry %v: %w", e.Position, err)
	}
	return raw, nil
}

// DecodeEntry reads what Encode wrote. It never panics, whatever the bytes; the entry shares no memory with them. It
// checks the form only, neither bounds nor Validate. The error is ErrVersion for an entry of an unknown form or level,
// otherwise ErrMalformed.
func DecodeEntry(raw []byte) (Entry, error) {
	var e Entry
	version := byte(entryVersion)
	if len(raw) > 0 && raw[0] == outboxVersion {
		version = outboxVersion
	}
	if err := format.Decode(version, raw, &e); err != nil {
		return Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	if (version == outboxVersion) != (len(e.Outbox) > 0) {
		return Entry{}, fmt.Errorf("decode entry: %w: form %d with %d changes of the outbox", format.ErrMalformed, version, len(e.Outbox))
	}
	if newest := level.Own().Newest; e.Level > newest {
		return Entry{}, fmt.Errorf("decode entry: %w: it raises the pair to level %d, this program supports levels up to %d: upgrade it", format.ErrVersion, e.Level, newest)
	}
	return e, nil
}
