package business

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxAnswer bounds the body of an answer in bytes. It leaves room for the other answers in a pack below the largest
// message of the bus.
const maxAnswer = 4 << 20

// DecodeBody reads the JSON body of a request strictly: one value, no fields that v does not have. An empty body is {}.
// The error is a 400 that names the field.
func DecodeBody(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return malformedBody(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Malformed("the body has more than one JSON value")
	}
	return nil
}

func malformedBody(err error) error {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return Malformed("field %q can't be a JSON %s; it is a %s", wrongType.Field, wrongType.Value, wrongType.Type)
	case errors.As(err, &wrongType):
		return Malformed("the body can't be a JSON %s; it is an object", wrongType.Value)
	case errors.As(err, &syntax):
		return Malformed("the body is no JSON at byte %d: %v", syntax.Offset, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Malformed("the body is no complete JSON value")
	}
	// Unknown fields: encoding/json has no type for them, its text names the field.
	return Malformed("%s", strings.TrimPrefix(err.Error(), "json: "))
}

// encodeAnswer writes an answer. Characters that only browsers mind are left as they are, so that values come back as
// they were put.
func encodeAnswer(answer any) ([]byte, error) {
	if answer == nil {
		return []byte("{}"), nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}
