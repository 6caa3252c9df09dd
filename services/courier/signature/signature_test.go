package signature_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/courier/signature"
)

func post() http.Header {
	h := http.Header{}
	for name, v := range map[string]string{signature.Emission: "p/1/2/0", signature.Order: "a", signature.Target: "billing", signature.Lane: "l", signature.Service: "kv"} {
		h.Set(name, v)
	}
	return h
}

// A receiver computes the same in any language. This one was checked with openssl:
//
//	printf 'v1\n1800000000\np/1/2/0\na\nbilling\nl\nkv\n{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
func ExampleSign() {
	h := post()
	signature.Sign([]byte("0123456789abcdef"), h, []byte(`{"a":1}`), time.Unix(1800000000, 0))
	fmt.Println(h.Get(signature.Timestamp), h.Get(signature.Signature))
	// Output: 1800000000 v1=0599b677a6137bb766b356810b02be77642da732d196afe0eabc57b4b527a79b
}

func TestVerify_RefusesWhatIsNotOfThePair(t *testing.T) {
	secret, body, now := []byte("0123456789abcdef"), []byte(`{"a":1}`), time.Unix(1800000000, 0)
	for what, c := range map[string]struct {
		change func(h http.Header)
		secret string
		body   string
		after  time.Duration
		good   bool
	}{
		"as it was sent":    {good: true},
		"a little later":    {after: time.Minute, good: true},
		"another secret":    {secret: "0123456789abcdeg"},
		"no secret":         {secret: "-"},
		"another body":      {body: `{"a":2}`},
		"later":             {after: time.Hour},
		"before":            {after: -time.Hour},
		"another lane":      {change: func(h http.Header) { h.Set(signature.Lane, "m") }},
		"another emission":  {change: func(h http.Header) { h.Set(signature.Emission, "p/1/3/0") }},
		"another order":     {change: func(h http.Header) { h.Set(signature.Order, "b") }},
		"another time":      {change: func(h http.Header) { h.Set(signature.Timestamp, "1800000001") }},
		"no time":           {change: func(h http.Header) { h.Set(signature.Timestamp, "now") }},
		"not signed":        {change: func(h http.Header) { h.Del(signature.Signature) }},
		"two signatures":    {change: func(h http.Header) { h.Add(signature.Signature, "v1=") }},
		"half a signature":  {change: func(h http.Header) { h.Set(signature.Signature, h.Get(signature.Signature)[:20]) }},
		"another algorithm": {change: func(h http.Header) { h.Set(signature.Signature, "v0"+h.Get(signature.Signature)[2:]) }},
	} {
		h := post()
		signature.Sign(secret, h, body, now)
		if c.change != nil {
			c.change(h)
		}
		by, got := secret, body
		switch {
		case c.secret == "-":
			by = nil
		case c.secret != "":
			by = []byte(c.secret)
		}
		if c.body != "" {
			got = []byte(c.body)
		}
		err := signature.Verify(by, h, got, now.Add(c.after), 5*time.Minute)
		if (err == nil) != c.good || err != nil && !errors.Is(err, signature.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
