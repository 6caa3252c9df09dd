package queue

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// MaxName bounds the name of a lane and a key, in bytes.
	MaxName = 128
	// maxBody bounds the body of a stored answer, in bytes.
	maxBody = 1 << 20
	// maxSentence bounds the message of a stored answer, in bytes.
	maxSentence = 1024
	digestSize  = 16
)

// Request is a request to queue.
type Request struct {
	Key       string // of the application: a request with the same key is queued once; may be empty
	Lane      string
	Service   string
	Operation string
	Body      []byte
}

// digest identifies the contents of a request, and its lane.
func (r *Request) digest() (d [digestSize]byte) {
	h := sha256.New()
	for _, part := range []string{r.Lane, r.Service, r.Operation, string(r.Body)} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	copy(d[:], h.Sum(nil))
	return d
}

// Outcome is the outcome of a request.
type Outcome struct {
	Unknown  bool              // whether it took effect
	Code     int               // of the answer
	Message  string            // if Code is not bus.CodeOK
	Body     []byte            // JSON
	Dropped  int               // size of a body that did not fit
	Position position.Position // of the update, if it wrote
	At       time.Time
}

// State is the state of a request.
type State uint8

// States.
const (
	Waiting State = iota
	Done
	Unsure // it has ended with an unknown outcome; a person must check the data
)

var stateNames = [...]string{"queued", "done", "unknown"}

// String returns the name that applications see.
func (s State) String() string { return stateNames[s] }

// item is the index entry of a request, known without reading the file.
type item struct {
	number uint64
	id     string
	key    string
	lane   string
	digest [digestSize]byte
	result uint64    // counts outcomes; 0 while it has none
	at     time.Time // by this machine's clock
	since  time.Time // it has waited since then, as far as known; by the monotonic clock if it was queued by this process
	state  State
	size   int // its size in the file, in bytes
}

// clockSet is the year below which a machine's clock was never set: machines without a battery start in 1970 until
// they get the time.
const clockSet = 2020

// year is more than a request is taken to wait across a restart: a longer time comes from a clock that was set.
const year = 365 * 24 * time.Hour

// since returns the time since when a request of the file waits. If the clock was not set, or was set back or by more
// than a year since, the recorded time is useless: then it starts now.
func since(now, at time.Time) time.Time {
	age := now.Sub(at)
	if age < 0 || age > year || at.Year() < clockSet {
		age = 0
	}
	return now.Add(-age)
}

// written is an entry in the file: a request, and its outcome if there is one, which removes the request's body.
type written struct {
	ID        string           `cbor:"1,keyasint"`
	Key       string           `cbor:"2,keyasint,omitempty"`
	Lane      string           `cbor:"3,keyasint,omitempty"`
	Service   string           `cbor:"4,keyasint"`
	Operation string           `cbor:"5,keyasint"`
	Body      []byte           `cbor:"6,keyasint,omitempty"`
	At        int64            `cbor:"7,keyasint"` // Unix nanoseconds, this machine's clock
	Digest    [digestSize]byte `cbor:"8,keyasint"`
	Outcome   *writtenOutcome  `cbor:"9,keyasint,omitempty"`
}

type writtenOutcome struct {
	Unknown  bool              `cbor:"1,keyasint,omitempty"`
	Code     int               `cbor:"2,keyasint,omitempty"`
	Message  string            `cbor:"3,keyasint,omitempty"`
	Body     []byte            `cbor:"4,keyasint,omitempty"`
	Dropped  int               `cbor:"5,keyasint,omitempty"`
	Position position.Position `cbor:"6,keyasint,omitempty"`
	At       int64             `cbor:"7,keyasint"`
	Number   uint64            `cbor:"8,keyasint,omitempty"` // counts outcomes; 0 in an entry of a version that did not count them
}

// item returns the index entry of an entry.
func (w *written) item(number uint64, size int) *item {
	it := &item{number: number, id: w.ID, key: w.Key, lane: w.Lane, digest: w.Digest, at: time.Unix(0, w.At).UTC(), size: size}
	if o := w.Outcome; o != nil {
		it.state, it.result = Done, w.number(number)
		if o.Unknown {
			it.state = Unsure
		}
	}
	return it
}

// number is that of the outcome of an entry. Entries without one have that of their request.
func (w *written) number(request uint64) uint64 {
	if n := w.Outcome.Number; n != 0 {
		return n
	}
	return request
}

// check says what can't be of an entry.
func (w *written) check() error {
	if len(w.ID) == 0 || len(w.ID) > MaxName || len(w.Key) > MaxName || len(w.Lane) > MaxName || !bus.ValidName(w.Service) || !bus.ValidName(w.Operation) {
		return fmt.Errorf("invalid entry of service %.80q", w.Service)
	}
	return nil
}

// finish gives the entry its outcome, with a number.
func (w *written) finish(o Outcome, number uint64) {
	w.Body = nil
	if len(o.Body) > maxBody {
		o.Dropped, o.Body = len(o.Body), nil
	}
	w.Outcome = &writtenOutcome{Unknown: o.Unknown, Code: o.Code, Message: sentence(o.Message), Body: o.Body,
		Dropped: o.Dropped, Position: o.Position, At: o.At.UnixNano(), Number: number}
}

// sentence bounds the message of a stored answer.
func sentence(text string) string {
	return strings.ToValidUTF8(fmt.Sprintf("%.*s", maxSentence, text), "?")
}

// Refused is the latest answer to a request that stays queued: a host answered, and a later answer may differ. It is
// not stored and not an outcome.
type Refused struct {
	Code  int       `json:"code"`
	Error string    `json:"error,omitempty"`
	At    time.Time `json:"at"`
}

// Told is the state of a request for applications.
type Told struct {
	ID         string          `json:"id"`
	State      string          `json:"state"`                   // queued, done or unknown
	Number     uint64          `json:"number,string,omitempty"` // counts outcomes, in their order
	Key        string          `json:"key,omitempty"`
	Lane       string          `json:"lane,omitempty"`
	Service    string          `json:"service"`
	Operation  string          `json:"operation"`
	QueuedAt   time.Time       `json:"queued_at"`
	AnsweredAt time.Time       `json:"answered_at,omitzero"`
	Code       int             `json:"code,omitempty"`
	Error      string          `json:"error,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
	Position   string          `json:"position,omitempty"`
	// Dropped is the size of the answer's body if it did not fit and was not stored.
	Dropped int `json:"dropped,omitempty"`
	// Refused is the reason why the request is still queued, if a host has answered.
	Refused *Refused `json:"refused,omitempty"`
	entry   uint64   // its number
}

// told is the state of an entry for applications, with the number of its request.
func (w *written) told(number uint64) Told {
	t := Told{ID: w.ID, State: Waiting.String(), Key: w.Key, Lane: w.Lane, Service: w.Service, Operation: w.Operation, QueuedAt: time.Unix(0, w.At).UTC()}
	o := w.Outcome
	if o == nil {
		return t
	}
	t.State, t.Number = w.item(number, 0).state.String(), w.number(number)
	t.AnsweredAt, t.Code, t.Error, t.Dropped = time.Unix(0, o.At).UTC(), o.Code, o.Message, o.Dropped
	if json.Valid(o.Body) {
		t.Body = o.Body
	}
	if !o.Position.IsZero() {
		t.Position = o.Position.String()
	}
	return t
}
