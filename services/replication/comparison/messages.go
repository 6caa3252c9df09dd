package comparison

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
)

// Calls that the leading host makes, on bus.ComparisonCall(answerer, call).
const (
	callBuckets = "buckets" // request → reply
	callSection = "section"
	callRepair  = "repair"
)

var (
	// ErrRefused says that the other host is not the standby of this term.
	ErrRefused = errors.New("the other host refuses to be compared")
	// ErrBehind says that the other host did not reach the position in time.
	ErrBehind = errors.New("the other host does not get to that position")
	// ErrDiverged says that the histories of both hosts are not one: keys can't be compared.
	ErrDiverged = errors.New("the hosts hold different histories")
	// errRemote is what has no sentinel here.
	errRemote = errors.New("the other host failed")
)

// request is what any call asks. Epoch is the term of the caller.
type request struct {
	Epoch   uint64          `cbor:"1,keyasint"`
	Section storage.Section `cbor:"2,keyasint,omitzero"`
	At      storage.Mark    `cbor:"3,keyasint,omitzero"`
	Time    int64           `cbor:"4,keyasint,omitempty"`
	Detail  storage.Detail  `cbor:"5,keyasint,omitempty"`
	Content storage.Content `cbor:"6,keyasint,omitzero"` // of a repair
}

// reply answers it.
type reply struct {
	Code    string          `cbor:"1,keyasint,omitempty"`
	Text    string          `cbor:"2,keyasint,omitempty"`
	Buckets []string        `cbor:"3,keyasint,omitempty"`
	Content storage.Content `cbor:"4,keyasint,omitzero"`
	Changed int             `cbor:"5,keyasint,omitempty"`
}

// codes pair what crosses the wire with sentinels.
func codes() map[string]error {
	return map[string]error{
		"passed": storage.ErrPassed, "absent": storage.ErrAbsent, "diverged": storage.ErrDiverged, "trimmed": storage.ErrTrimmed,
		"copying": storage.ErrCopying, "damaged": storage.ErrDamaged, "malformed": storage.ErrMalformed, "refused": ErrRefused,
		"behind": ErrBehind,
	}
}

// refusal is the reply that carries an error.
func refusal(err error) reply {
	r := reply{Code: "failed", Text: err.Error()}
	for code, sentinel := range codes() {
		if errors.Is(err, sentinel) {
			r.Code = code
		}
	}
	return r
}

// err is the inverse of refusal.
func (r *reply) err() error {
	if r.Code == "" {
		return nil
	}
	sentinel, known := codes()[r.Code]
	if !known {
		sentinel = errRemote
	}
	return fmt.Errorf("%w (the other host says: %s)", sentinel, r.Text)
}

// ask makes one call.
func ask(ctx context.Context, conn *bus.Conn, host, call string, q request) (reply, error) {
	raw, err := bus.Encode(q)
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	m, err := conn.Request(ctx, bus.ComparisonCall(host, call), raw)
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", call, err)
	}
	var r reply
	if err := bus.Decode(m.Data, &r); err != nil {
		return reply{}, fmt.Errorf("%s: %w", call, err)
	}
	return r, r.err()
}
