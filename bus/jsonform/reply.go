package jsonform

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/bus"
)

type reply struct {
	Code            int       `json:"code"`
	Message         string    `json:"message,omitempty"`
	Position        *place    `json:"position,omitempty"`
	Items           []item    `json:"items,omitempty"`
	More            bool      `json:"more,omitempty"`
	Recorded        *recorded `json:"recorded,omitempty"`
	Conflicts       []string  `json:"conflicts,omitempty"`
	ConflictsBase64 []string  `json:"conflicts_base64,omitempty"`
	Moved           []int     `json:"moved,omitempty"`
	Proof           string    `json:"proof,omitempty"`
}

type item struct {
	Key         string          `json:"key,omitempty"`
	KeyBase64   string          `json:"key_base64,omitempty"`
	Value       json.RawMessage `json:"value,omitempty"`
	ValueBase64 string          `json:"value_base64,omitempty"`
	Revision    string          `json:"revision"` // "0" too: it says that the key is absent
}

type recorded struct {
	Code       int             `json:"code"`
	Message    string          `json:"message,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
	BodyBase64 string          `json:"body_base64,omitempty"`
	Position   *place          `json:"position,omitempty"`
	Proof      string          `json:"proof,omitempty"`
}

// EncodeReply encodes a reply; with base64, keys, values and a recorded body are always in base64. A reply that exceeds
// a message is replaced by a refusal: only reads and scans get so long, so nothing was done.
func EncodeReply(r bus.DatabaseReply, base64 bool) ([]byte, error) {
	made := reply{Code: r.Code, Message: r.Message, Position: placeOf(r.Position), More: r.More, Moved: r.Moved, Proof: r.Proof}
	made.Conflicts, made.ConflictsBase64 = lists(r.Conflicts, base64)
	for _, i := range r.Items {
		one := item{Revision: strconv.FormatUint(i.Revision, 10)}
		one.Key, one.KeyBase64 = texts(i.Key, base64)
		one.Value, one.ValueBase64 = documents(i.Value, base64)
		made.Items = append(made.Items, one)
	}
	if a := r.Recorded; a != nil {
		one := recorded{Code: a.Code, Message: a.Message, Position: placeOf(a.Position), Proof: a.Proof}
		one.Body, one.BodyBase64 = documents(a.Body, base64)
		made.Recorded = &one
	}
	data, err := encode(made)
	if err == nil && len(data) > maxReply && len(r.Items) > 0 {
		return encode(reply{Code: bus.CodeTooLarge, Message: fmt.Sprintf("the reply would be %d bytes of JSON, at most %d can be sent; ask for less in one call", len(data), maxReply)})
	}
	return data, err
}

// DecodeReply reads a reply, which may have fields that are not known here. The error is ErrMalformed.
func DecodeReply(message []byte) (bus.DatabaseReply, error) {
	var r reply
	if err := bus.DecodeJSON(message, &r); err != nil {
		return bus.DatabaseReply{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var f fields
	made := bus.DatabaseReply{
		Code: r.Code, Message: r.Message, Position: f.position("position", r.Position), More: r.More, Moved: r.Moved, Proof: r.Proof,
		Conflicts: f.texts("conflicts", r.Conflicts, r.ConflictsBase64),
	}
	for i, one := range r.Items {
		f.in("items", i)
		made.Items = append(made.Items, bus.Item{
			Key: f.text("key", one.Key, one.KeyBase64), Value: f.document("value", one.Value, one.ValueBase64), Revision: f.number("revision", one.Revision),
		})
	}
	f.in("", 0)
	if a := r.Recorded; a != nil {
		made.Recorded = &bus.Reply{
			Code: a.Code, Message: a.Message, Position: f.position("recorded.position", a.Position), Proof: a.Proof,
			Body: f.document("recorded.body", a.Body, a.BodyBase64),
		}
	}
	return made, f.err
}
