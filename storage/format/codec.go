package format

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// codec is how everything is encoded: CBOR in its core deterministic form, so that equal things have equal bytes.
type codec struct {
	enc cbor.UserBufferEncMode
	dec cbor.DecMode
}

// newCodec builds the modes. The options are constants, so an error is a fault of this file and shows at once.
func newCodec() codec {
	encoding := cbor.CoreDetEncOptions()
	enc, err := encoding.UserBufferEncMode()
	if err != nil {
		panic(err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF, // one meaning for each bytes
		IndefLength:       cbor.IndefLengthForbidden, // never written by us
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, // an unknown field needs a new version, or it would be lost silently
		MaxNestedLevels:   8,
		MaxArrayElements:  1 << 20,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return codec{enc: enc, dec: dec}
}

// coding is immutable after construction and has no state.
var coding = newCodec()

// Encode returns a version byte and the CBOR of v.
func Encode(version byte, v any) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(256) // most entries and answers
	b.WriteByte(version)
	if err := coding.enc.MarshalToBuffer(v, &b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decode reads what Encode wrote. It never panics. The error is ErrVersion or ErrMalformed.
func Decode(version byte, raw []byte, v any) error {
	switch {
	case len(raw) == 0:
		return fmt.Errorf("%w: empty", ErrMalformed)
	case raw[0] != version:
		return fmt.Errorf("%w %d, this program knows %d", ErrVersion, raw[0], version)
	}
	if err := coding.dec.Unmarshal(raw[1:], v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
