// Package signature proves to a receiver that an emission comes from the pair, unchanged: it has the headers of a post,
// the signed text, and the verification.
//
// A receiver in Go may use it directly:
//
//	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
//	err = signature.Verify(secret, r.Header, body, time.Now(), 5*time.Minute)
//
// In other languages it is an HMAC-SHA256, under the secret of the target, over the lines
//
//	v1
//	TIMESTAMP
//	EMISSION
//	ORDER
//	TARGET
//	LANE
//	SERVICE
//
// each with the value of its header and ended by one line feed, and then the body. Hotpair-Signature is "v1=" and the
// HMAC in hexadecimal.
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
	// Emission is the id of the emission: pair/epoch/sequence/index. It is the same in every post.
	Emission = "Hotpair-Emission"
	// Order is the place of the emission in its lane: texts of one length, to be compared as texts.
	Order   = "Hotpair-Order"
	Target  = "Hotpair-Target"
	Lane    = "Hotpair-Lane"
	Service = "Hotpair-Service"
	// Timestamp is when the post was sent, in Unix seconds.
	Timestamp = "Hotpair-Timestamp"
	Signature = "Hotpair-Signature"
)

const version = "v1"

// ErrSignature says that a post does not come from the pair, was changed, or was not sent now.
var ErrSignature = errors.New("invalid signature")

// Sign signs a post at a time: it sets the last two headers. Without a secret it sets only the time.
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

// Verify refuses a post that was not signed with the secret, was changed since, or was signed more than tolerance ago
// or ahead of the clock: so a recorded post can't be sent again later. The error is ErrSignature.
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
