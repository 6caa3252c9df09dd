package bus

import (
	"encoding/json"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/strictjson"
)

// form is the first byte of every binary message: the encoding of what follows, not its meaning. Fields may be added at
// any level; a reader skips fields that it does not know.
const form = 1

var (
	// ErrVersion says that a message is written down in another form.
	ErrVersion = fault.New("version", "message of another version")
	// ErrMalformed says that a message could not be read.
	ErrMalformed = fault.New("malformed", "malformed message")
)

// Encode encodes a message between a host's own processes: a byte for the form, then CBOR.
func Encode(v any) ([]byte, error) {
	body, err := cbor.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return append([]byte{form}, body...), nil
}

// Decode decodes the output of Encode. Errors: ErrVersion, ErrMalformed.
func Decode(data []byte, v any) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: empty", ErrMalformed)
	}
	if data[0] != form {
		return fmt.Errorf("%w: %d, this process uses %d", ErrVersion, data[0], form)
	}
	if err := cbor.Unmarshal(data[1:], v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// EncodeJSON encodes a message of the control, link and agent subjects, which people can read when they look for a
// fault.
func EncodeJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		// Messages are structs of this package; a field that can't be written is a mistake of ours, found by any test.
		return nil
	}
	return data
}

// DecodeJSON decodes such a message strictly (package strictjson), but ignores unknown fields. The error is
// ErrMalformed.
func DecodeJSON(data []byte, v any) error {
	if err := strictjson.DecodeMessage(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
