// Package signature is how a receiver knows that what it was sent comes from the pair, as it was sent: what stands in the headers of a post,
// what of that is signed, and how it is verified.
//
// A receiver in Go may use it as it is:
//
//	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
//	err = signature.Verify(secret, r.Header, body, time.Now(), 5*time.Minute)
//
// In any other language it is an HMAC-SHA256, under the secret of the target, over the lines
//
//	v1
//	TIMESTAMP
//	EMISSION
//	ORDER
//	TARGET
//	LANE
//	SERVICE
//
// each as its header has it and each ended by one line feed, and then the body. Hotpair-Signature has it in hexadecimal behind "v1=".
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Headers of a post.
const (
	// Emission says who it is: pair/epoch/sequence/index. It is the same however often it is sent.
	Emission = "Hotpair-Emission"
	// Order is what the emissions of one lane are ordered by: texts of one length, to be compared as texts.
	Order   = "Hotpair-Order"
	Target  = "Hotpair-Target"
	Lane    = "Hotpair-Lane"
	Service = "Hotpair-Service"
	// Timestamp is when it was sent, in Unix seconds.
	Timestamp = "Hotpair-Timestamp"
	Signature = "Hotpair-Signature"
)

const version = "v1"

// ErrSignature says that something does not come from the pair, or not as it was sent, or not now.
var ErrSignature = errors.New("invalid signature")

// Sign signs what is sent, at a time: it sets the last two headers. Without a secret it says the time only.
func Sign(secret []byte, h http.Header, body []byte, at time.Time) {
	h.Set(Timestamp, strconv.FormatInt(at.Unix(), 10))
	if len(secret) > 0 {
		h.Set(Signature, version+"="+hex.EncodeToString(sum(secret, h, body)))
	}
}

func sum(secret []byte, h http.Header, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(version + "\n"))
	for _, name := range []string{Timestamp, Emission, Order, Target, Lane, Service} {
		mac.Write([]byte(h.Get(name) + "\n"))
	}
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify refuses what was not signed with the secret, was changed since, or was signed longer than tolerance ago or ahead of the clock: so
// nobody who has recorded it can send it again later. The error is ErrSignature.
func Verify(secret []byte, h http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	if len(secret) == 0 {
		return fmt.Errorf("%w: no secret given to verify it", ErrSignature)
	}
	for _, name := range []string{Timestamp, Emission, Order, Target, Lane, Service, Signature} {
		if n := len(h.Values(name)); n != 1 {
			return fmt.Errorf("%w: the header %s occurs %d times", ErrSignature, name, n)
		}
	}
	want := version + "=" + hex.EncodeToString(sum(secret, h, body))
	if !hmac.Equal([]byte(want), []byte(h.Get(Signature))) {
		return fmt.Errorf("%w: signed with another secret, or the message was changed", ErrSignature)
	}
	seconds, err := strconv.ParseInt(h.Get(Timestamp), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: invalid time %.30q", ErrSignature, h.Get(Timestamp))
	}
	if apart := now.Sub(time.Unix(seconds, 0)).Abs(); apart > tolerance {
		return fmt.Errorf("%w: its time differs from this clock by %s", ErrSignature, apart.Round(time.Second))
	}
	return nil
}
