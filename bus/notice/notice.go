// Package notice defines how notices travel: from the serving host to an agent, and from the agent to the applications
// of its terminal.
//
// Decisions about notices are in package notices. The agent gives its cursor with the answer to an attach; from then on
// the host sends one [Batch] after the other, and the next one only when the agent has stored the one before.
package notice

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/notices"
)

// Subject is where an agent takes batches from the session attached with this id, each a request: Batch → Stored, as CBOR.
func Subject(session string) string { return "session." + session + ".notices" }

// MaxBatch bounds what an agent takes in one batch, in bytes as it is sent: a full window, one large notice more, and what names them.
const MaxBatch = 1 << 20

// MaxMessages bounds the messages of one batch.
const MaxMessages = 1024

// Batch is what a terminal stores, in order, all of it or nothing. Messages are numbered through the batches of a
// session from 1, and from 1 again after a Resume. A batch that comes again, because the answer was lost, is confirmed
// again.
type Batch struct {
	Epoch uint64 `cbor:"1,keyasint"`
	// Resume comes with the first batch of a session. It is worked out from the cursor that the agent said last, at the attach or with a Why.
	Resume   *notices.Resumed `cbor:"2,keyasint,omitempty"`
	Messages []Message        `cbor:"3,keyasint,omitempty"`
}

// DecodeBatch decodes a batch. One that is too long is refused unread. The errors are those of [bus.Decode].
func DecodeBatch(data []byte, b *Batch) error {
	if len(data) > MaxBatch {
		return fmt.Errorf("%w: a batch of %d bytes, at most %d", bus.ErrMalformed, len(data), MaxBatch)
	}
	if err := bus.Decode(data, b); err != nil {
		return fmt.Errorf("a batch of notices: %w", err)
	}
	if len(b.Messages) > MaxMessages {
		return fmt.Errorf("%w: %d messages in one batch, at most %d", bus.ErrMalformed, len(b.Messages), MaxMessages)
	}
	return nil
}

// Message is a notice with its content, or a gap.
type Message struct {
	notices.Message `cbor:"1,keyasint"`

	Content Content `cbor:"2,keyasint"`
}

// Content is the content of a notice; empty for a gap.
type Content struct {
	Service string `cbor:"1,keyasint"`
	Topic   string `cbor:"2,keyasint"`
	Body    []byte `cbor:"3,keyasint,omitempty"` // JSON
	At      int64  `cbor:"4,keyasint,omitempty"` // pair time of the update, in Unix nanoseconds
	// Fenced is of a fenced notice. Its topic and body are not where those of others are, so that a program which knows no fence tells
	// applications nothing that they could act on.
	Fenced *Fenced `cbor:"5,keyasint,omitempty"`
}

// Stored answers a Batch: everything up to the message Serial is stored and flushed. With a Why nothing of the batch
// is, and the session of notices must begin again from Cursor.
type Stored struct {
	Serial uint64          `cbor:"1,keyasint,omitempty"`
	Why    string          `cbor:"2,keyasint,omitempty"`
	Cursor *notices.Cursor `cbor:"3,keyasint,omitempty"` // with a Why
}

// What applications are told beside what services say, on the subjects of a service of that name.
const (
	System        = "hotpair"
	TopicGap      = "gap"
	TopicDiverged = "diverged"
)

// AppSubject is the subject of a topic for applications.
func AppSubject(service, topic string) string { return "notice." + service + "." + topic }

// AppSubjects matches the subjects of all topics.
const AppSubjects = "notice.>"

// SubjectAfter is where an application asks for what is kept: After → Kept, as JSON. What is refused has a code and a sentence in headers.
const SubjectAfter = "notices.after"

// Told is what an application hears: what a service says, or on the topics of System what is missing or not to be believed.
type Told struct {
	// Number counts what this terminal was told, from 1. It never falls.
	Number  uint64          `json:"number,string"`
	Service string          `json:"service"`
	Topic   string          `json:"topic"`
	Body    json.RawMessage `json:"body,omitempty"`
	At      time.Time       `json:"at,omitzero"` // pair time of the update
	// ID names the notice in the pair: pair, epoch, sequence and index. A terminal whose disk was set back is told it again under it.
	ID    string `json:"id,omitempty"`
	Again bool   `json:"again,omitempty"` // the terminal had confirmed it before
	// Fenced: it is a command, which has no body until it is taken; until then by pair time. State is what became of it here, in Kept.
	Fenced bool      `json:"fenced,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	State  string    `json:"state,omitempty"`
	// From and To say of a gap, or of what is void, that it is what comes after the notice From up to To: ids.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Missing is how many notices a gap has; AtLeast: there may be more.
	Missing uint64 `json:"missing,omitempty"`
	AtLeast bool   `json:"at_least,omitempty"`
}

// After asks for what was told after a number. Limit ≤ 0 is the default.
type After struct {
	Number uint64 `json:"number,string"`
	Limit  int    `json:"limit,omitempty"`
	// Fenced: those too that are commands, which else are left out.
	Fenced bool `json:"fenced,omitempty"`
}

// Kept answers it, in order.
type Kept struct {
	Notices []Told `json:"notices"`
	// First is the lowest number that is kept, or the next one when none is: who asked after a lower one than the one before it has missed
	// some. Last is the highest that there was, 0 of a terminal that was told nothing yet.
	First uint64 `json:"first,string"`
	Last  uint64 `json:"last,string"`
	More  bool   `json:"more,omitempty"`
}

// Number names a notice of a pair.
type Number = notices.Number

// ParseID reads what ID wrote. The error is bus.ErrMalformed.
func ParseID(id string) (pair string, n Number, err error) {
	parts := strings.Split(id, "/")
	if len(parts) == 4 {
		epoch, err1 := strconv.ParseUint(parts[1], 10, 64)
		sequence, err2 := strconv.ParseUint(parts[2], 10, 64)
		index, err3 := strconv.ParseUint(parts[3], 10, 32)
		if parts[0] != "" && err1 == nil && err2 == nil && err3 == nil {
			return parts[0], Number{Epoch: epoch, Sequence: sequence, Index: uint32(index)}, nil
		}
	}
	return "", Number{}, fmt.Errorf("%w: %.80q is not a notice id", bus.ErrMalformed, id)
}

// ID is that of a notice, as applications and people see it.
func ID(pair string, n notices.Number) string {
	return fmt.Sprintf("%s/%d/%d/%d", pair, n.Epoch, n.Sequence, n.Index)
}
