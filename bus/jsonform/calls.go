package jsonform

import (
	"encoding/json"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
)

// form is what a call says of its reply.
type form struct {
	Base64 bool `json:"base64,omitempty"`
}

type readCall struct {
	form
	Ticket     string   `json:"ticket,omitempty"`
	Keys       []string `json:"keys,omitempty"`
	KeysBase64 []string `json:"keys_base64,omitempty"`
	Ranges     []span   `json:"ranges,omitempty"`
}

type scanCall struct {
	form
	Ticket       string      `json:"ticket,omitempty"`
	Prefix       string      `json:"prefix,omitempty"`
	PrefixBase64 string      `json:"prefix_base64,omitempty"`
	After        string      `json:"after,omitempty"`
	AfterBase64  string      `json:"after_base64,omitempty"`
	Limit        int         `json:"limit,omitempty"`
	Position     *place      `json:"position,omitempty"`
	Conditions   []condition `json:"conditions,omitempty"`
	Ranges       []span      `json:"ranges,omitempty"`
}

type commitCall struct {
	form
	Ticket     string      `json:"ticket,omitempty"`
	Epoch      string      `json:"epoch,omitempty"`
	Conditions []condition `json:"conditions,omitempty"`
	Ranges     []span      `json:"ranges,omitempty"`
	Operations []operation `json:"operations,omitempty"`
	Answer     answer      `json:"answer"`
	Record     bool        `json:"record,omitempty"`
	Outbox     *changes    `json:"outbox,omitempty"`
}

type condition struct {
	Key       string `json:"key,omitempty"`
	KeyBase64 string `json:"key_base64,omitempty"`
	Revision  string `json:"revision,omitempty"`
	Present   bool   `json:"present,omitempty"`
}

type span struct {
	Prefix        string `json:"prefix,omitempty"`
	PrefixBase64  string `json:"prefix_base64,omitempty"`
	After         string `json:"after,omitempty"`
	AfterBase64   string `json:"after_base64,omitempty"`
	Through       string `json:"through,omitempty"`
	ThroughBase64 string `json:"through_base64,omitempty"`
	Keys          uint64 `json:"keys,omitempty"`
	Sequence      string `json:"sequence,omitempty"`
}

type operation struct {
	Key         string          `json:"key,omitempty"`
	KeyBase64   string          `json:"key_base64,omitempty"`
	Value       json.RawMessage `json:"value,omitempty"`
	ValueBase64 string          `json:"value_base64,omitempty"`
	Delete      bool            `json:"delete,omitempty"`
}

type answer struct {
	Code       int             `json:"code,omitempty"`
	Message    string          `json:"message,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
	BodyBase64 string          `json:"body_base64,omitempty"`
	Revision   bool            `json:"revision,omitempty"`
}

// DecodeCall reads a call in JSON. Name is that of the call: read, scan or commit; base64 says how the reply is wanted. The error is
// ErrMalformed or ErrTooLarge; base64 is what could be read of it.
func DecodeCall(name string, message []byte) (call bus.DatabaseCall, base64 bool, err error) {
	var f fields
	switch name {
	case "read":
		var c readCall
		err = decode(message, &c)
		base64 = c.Base64
		call.Read = &bus.Read{Ticket: c.Ticket, Keys: f.texts("keys", c.Keys, c.KeysBase64), Ranges: f.ranges(c.Ranges)}
	case "scan":
		var c scanCall
		err = decode(message, &c)
		base64 = c.Base64
		call.Scan = &bus.Scan{
			Ticket: c.Ticket, Prefix: f.text("prefix", c.Prefix, c.PrefixBase64), After: f.text("after", c.After, c.AfterBase64), Limit: c.Limit,
			At: f.position("position", c.Position), Conditions: f.conditions(c.Conditions), Ranges: f.ranges(c.Ranges),
		}
	case "commit":
		var c commitCall
		err = decode(message, &c)
		base64 = c.Base64
		call.Commit = &bus.Commit{
			Ticket: c.Ticket, Epoch: f.number("epoch", c.Epoch), Record: c.Record,
			Answer: bus.Answer{
				Code: c.Answer.Code, Message: c.Answer.Message, Body: f.document("answer.body", c.Answer.Body, c.Answer.BodyBase64), Revision: c.Answer.Revision,
			},
			Conditions: f.conditions(c.Conditions), Ranges: f.ranges(c.Ranges), Operations: f.operations(c.Operations), Outbox: f.changes(c.Outbox),
		}
	default:
		err = unknown(name)
	}
	if err == nil {
		err = f.err
	}
	if err != nil {
		return bus.DatabaseCall{}, base64, err
	}
	return call, base64, nil
}

// EncodeCall writes a call; base64 asks for a reply in base64.
func EncodeCall(call bus.DatabaseCall, base64 bool) ([]byte, error) {
	switch {
	case call.Read != nil:
		c := readCall{form: form{base64}, Ticket: call.Read.Ticket, Ranges: spans(call.Read.Ranges)}
		c.Keys, c.KeysBase64 = lists(call.Read.Keys, false)
		return encode(c)
	case call.Scan != nil:
		q := call.Scan
		c := scanCall{
			form: form{base64}, Ticket: q.Ticket, Limit: q.Limit, Position: placeOf(q.At), Conditions: conditions(q.Conditions), Ranges: spans(q.Ranges),
		}
		c.Prefix, c.PrefixBase64 = texts(q.Prefix, false)
		c.After, c.AfterBase64 = texts(q.After, false)
		return encode(c)
	case call.Commit != nil:
		q := call.Commit
		c := commitCall{
			form: form{base64}, Ticket: q.Ticket, Epoch: digits(q.Epoch), Record: q.Record,
			Conditions: conditions(q.Conditions), Ranges: spans(q.Ranges), Operations: operations(q.Operations), Outbox: changesOf(&q.Outbox),
			Answer: answer{Code: q.Answer.Code, Message: q.Answer.Message, Revision: q.Answer.Revision},
		}
		c.Answer.Body, c.Answer.BodyBase64 = documents(q.Answer.Body, false)
		return encode(c)
	}
	return nil, unknown("")
}

func (f *fields) conditions(list []condition) (made []bus.Condition) {
	for i, c := range list {
		f.in("conditions", i)
		made = append(made, bus.Condition{Key: f.text("key", c.Key, c.KeyBase64), Revision: f.number("revision", c.Revision), Present: c.Present})
	}
	f.in("", 0)
	return made
}

func conditions(list []bus.Condition) (made []condition) {
	for _, c := range list {
		one := condition{Revision: digits(c.Revision), Present: c.Present}
		one.Key, one.KeyBase64 = texts(c.Key, false)
		made = append(made, one)
	}
	return made
}

func (f *fields) ranges(list []span) (made []keyrange.Range) {
	for i, s := range list {
		f.in("ranges", i)
		made = append(made, keyrange.Range{
			Prefix: f.text("prefix", s.Prefix, s.PrefixBase64), After: f.text("after", s.After, s.AfterBase64),
			Through: f.text("through", s.Through, s.ThroughBase64), Keys: s.Keys, Sequence: f.number("sequence", s.Sequence),
		})
	}
	f.in("", 0)
	return made
}

func spans(list []keyrange.Range) (made []span) {
	for _, r := range list {
		one := span{Keys: r.Keys, Sequence: digits(r.Sequence)}
		one.Prefix, one.PrefixBase64 = texts(r.Prefix, false)
		one.After, one.AfterBase64 = texts(r.After, false)
		one.Through, one.ThroughBase64 = texts(r.Through, false)
		made = append(made, one)
	}
	return made
}

func (f *fields) operations(list []operation) (made []bus.Operation) {
	for i, o := range list {
		f.in("operations", i)
		made = append(made, bus.Operation{Key: f.text("key", o.Key, o.KeyBase64), Value: f.document("value", o.Value, o.ValueBase64), Delete: o.Delete})
	}
	f.in("", 0)
	return made
}

func operations(list []bus.Operation) (made []operation) {
	for _, o := range list {
		one := operation{Delete: o.Delete}
		one.Key, one.KeyBase64 = texts(o.Key, false)
		one.Value, one.ValueBase64 = documents(o.Value, false)
		made = append(made, one)
	}
	return made
}
