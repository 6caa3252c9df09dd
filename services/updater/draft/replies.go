package draft

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Answers are the recorded answers to requests. *storage.Reader is one.
type Answers interface {
	Answer(history.RequestID) (history.Answer, position.Position, storage.Lookup)
}

// Committed is a storage.Reader as conditions see it.
type Committed struct{ *storage.Reader }

// Revision of a key, 0 when it is absent.
func (c Committed) Revision(space string, key []byte) uint64 {
	_, revision, _ := c.Get(space, key)
	return revision
}

// Executed looks up a request that may have been executed before: it returns the recorded answer, or a refusal because
// that is unknown. known is false for a new request. digest is that of the present request.
func Executed(s Answers, id history.RequestID, digest []byte) (reply bus.DatabaseReply, known bool) {
	if id.IsZero() {
		return bus.DatabaseReply{}, false
	}
	switch answer, at, found := s.Answer(id); found {
	case storage.Found:
		return repeat(id, digest, answer, at), true
	case storage.TooOld:
		return tooOld(id), true
	case storage.TooFar:
		return tooFar(id), true
	}
	return bus.DatabaseReply{}, false
}

// repeat is the reply for a request that was executed before: what was recorded, with the position it was given. If it was
// another request that was executed under this id, nothing of its answer is told: an id names one request. That comes as
// a recorded answer too, because there is nothing for the service to try again.
func repeat(id history.RequestID, digest []byte, a history.Answer, at position.Position) bus.DatabaseReply {
	if !bytes.Equal(digest, a.Request) && id.Counter != 0 {
		return bus.DatabaseReply{Recorded: &bus.Reply{Code: bus.CodeConflict, Message: "number reused: " + id.String() +
			" was another request; this one was not executed, and the answer of the other is not disclosed. The directory of this terminal's agent was rolled back or copied: " + Anew}}
	}
	if !bytes.Equal(digest, a.Request) {
		return bus.DatabaseReply{Recorded: &bus.Reply{Code: bus.CodeConflict, Message: "request id " + id.String() +
			" was used before for another request (of another service or operation, or with another body); this one was not executed. Give each request its own id"}}
	}
	answer := bus.Answer{Code: a.Code, Message: a.Message, Body: a.Body, Revision: a.Revision}
	recorded := answer.Reply(at)
	return bus.DatabaseReply{Position: at, Recorded: &recorded}
}

// Anew is the remedy for the directory of an agent that uses numbers of another.
const Anew = "empty its HOTPAIR_DATA while it is stopped, and it gets unused numbers"

// Reused reports whether a reply says that another request had the number of this one.
func Reused(id bus.RequestID, r *bus.DatabaseReply) bool {
	return id.Counter != 0 && r.Recorded != nil && r.Position.IsZero()
}

func tooOld(id history.RequestID) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeTooOld, Message: "request " + id.String() +
		" is older than the remembered requests of its terminal: it is unknown whether it was executed"}
}

// tooFar refuses a number that no agent can have come to. The agent's directory is not the pair's, or was meddled with.
func tooFar(id history.RequestID) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf(
		"request %v is numbered more than %d above the known numbers of its terminal; it was not executed. Empty the HOTPAIR_DATA of its agent while that is stopped", id, uint64(history.Leap))}
}

// Refusal is the reply to a commit that can't be part of the history.
func Refusal(err error) bus.DatabaseReply {
	switch {
	case errors.Is(err, storage.ErrTooLarge):
		return bus.DatabaseReply{Code: bus.CodeTooLarge, Message: err.Error()}
	case errors.Is(err, storage.ErrInvalid):
		return bus.DatabaseReply{Code: bus.CodeMalformed, Message: err.Error()}
	}
	return bus.DatabaseReply{Code: bus.CodeFault, Message: err.Error()}
}
