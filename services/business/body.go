package business

import (
	"bytes"
	"encoding/json"

	"github.com/hotpair/hotpair/services/strictjson"
)

// maxAnswer bounds the body of an answer in bytes. It leaves room for the other answers in a batch below the largest
// message of the bus.
const maxAnswer = 4 << 20

// DecodeBody reads the JSON body of a request strictly (package strictjson): one value, in UTF-8, with exactly the
// field names of v, each once. An empty body is {}. The error is a 400 that says what to correct.
func DecodeBody(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if err := strictjson.Decode(body, v); err != nil {
		return Malformed("the body: %v", err)
	}
	return nil
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
