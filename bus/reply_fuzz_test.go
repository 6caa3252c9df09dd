package bus

import (
	"testing"

	"github.com/nats-io/nats.go"
)

type (
	fuzzQuestion struct {
		N int `json:"n" cbor:"1,keyasint"`
	}
	fuzzAnswer struct {
		Sum int `json:"sum" cbor:"1,keyasint"`
	}
)

// FuzzCall_ReplyOfAnybody: whatever a reply holds, it is an answer or an error, never a panic.
func FuzzCall_ReplyOfAnybody(f *testing.F) {
	f.Add([]byte(`{"sum":1}`), "", "")
	f.Add([]byte{form, 0xa1, 1, 7}, "test-full,,x", "a\nb")
	f.Add([]byte(nil), ",", "")
	f.Fuzz(func(t *testing.T, data []byte, codes, text string) {
		m := &nats.Msg{Data: data, Header: nats.Header{HeaderErrorCode: []string{codes}, HeaderError: []string{text}}}
		for _, e := range []Endpoint[fuzzQuestion, fuzzAnswer]{Call[fuzzQuestion, fuzzAnswer]("x"), BinaryCall[fuzzQuestion, fuzzAnswer]("x")} {
			if _, err := e.read(m); codes != "" && err == nil {
				t.Fatal("an error came as an answer")
			}
		}
	})
}
