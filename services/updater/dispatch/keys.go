package dispatch

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/position"
)

// Keys, and what they begin with.
const (
	queue      = "emissions/queue/"
	parked     = "emissions/parked/"
	lanes      = "emissions/lane/"
	ready      = "emissions/ready/"
	blocked    = "emissions/blocked/"
	targets    = "emissions/target/"
	counts     = "emissions/count/"
	howMany    = "emissions/targets"
	deferredAt = "emissions/held"
	releasedAt = "emissions/released"
	everything = "emissions/"
)

// Concerns reports whether a key of the outbox is of emissions.
func Concerns(key []byte) bool { return strings.HasPrefix(string(key), everything) }

// where is a lane in keys. Names of targets and lanes have no slash.
func where(target, lane string) string { return target + "/" + lane }

func key(under, name string) []byte { return []byte(under + name) }

// entryKey is that of one emission in its lane, in the order of numbers.
func entryKey(under, target, lane string, n emissions.Number) []byte {
	return n.Append(append(key(under, where(target, lane)), '/'))
}

// split is entryKey backwards.
func split(under string, k []byte) (target, lane string, n emissions.Number, err error) {
	rest, of := strings.CutPrefix(string(k), under)
	target, rest, here := strings.Cut(rest, "/")
	lane, number, there := strings.Cut(rest, "/")
	n, whole := position.ParseNumber([]byte(number))
	if !of || !here || !there || !whole {
		return "", "", emissions.Number{}, fmt.Errorf("%w: %q is not the key of an emission", bus.ErrMalformed, k)
	}
	return target, lane, n, nil
}

// stored is the value of an emission. Target, lane and number are in its key.
type stored struct {
	Service string `cbor:"1,keyasint"`
	Body    []byte `cbor:"2,keyasint,omitempty"`
	At      int64  `cbor:"3,keyasint"` // counted, of when it was emitted or released last
	Wall    int64  `cbor:"4,keyasint"` // Unix nanoseconds
	Why     string `cbor:"5,keyasint,omitempty"`
	// First is the number under which it was emitted, when it was released behind the rest of its lane since.
	First emissions.Number `cbor:"6,keyasint,omitzero"`
}

// lane is what is kept of a lane.
type lane struct {
	Waiting int   `cbor:"1,keyasint"`
	Parked  int   `cbor:"2,keyasint,omitempty"`
	Bytes   int64 `cbor:"3,keyasint,omitempty"`
	// Blocked is the parked one that blocks it.
	Blocked emissions.Number `cbor:"4,keyasint,omitzero"`
}

func (l lane) blocks() bool { return l.Blocked != emissions.Number{} }

// count is what a target has.
type count struct {
	Waiting int   `cbor:"1,keyasint"`
	Parked  int   `cbor:"2,keyasint,omitempty"`
	Bytes   int64 `cbor:"3,keyasint,omitempty"`
}

// Target is how a target is set.
type Target struct {
	URL    string        `cbor:"1,keyasint"`
	Secret []byte        `cbor:"2,keyasint,omitempty"` // by which what is sent is signed; empty: it is not
	Skip   bool          `cbor:"3,keyasint,omitempty"`
	Age    time.Duration `cbor:"4,keyasint,omitempty"`
	Roots  []byte        `cbor:"5,keyasint,omitempty"` // certificates to believe, in PEM; empty: the system's
	// Closing: it is being removed, and takes nothing more.
	Closing bool `cbor:"6,keyasint,omitempty"`
}

// epoch is a value that is one.
type epoch struct {
	Epoch uint64 `cbor:"1,keyasint"`
}

// release is when what was held was released last.
type release struct {
	Epoch   uint64 `cbor:"1,keyasint"`
	Counted int64  `cbor:"2,keyasint,omitempty"`
}

// read gives what a key holds, the zero value when it is not there, which is when the revision is 0, or can't be read.
func read[T any](g leaving.Getter, k []byte) (v T, revision uint64, err error) {
	raw, revision, err := g.Get(k)
	if err == nil && revision == 0 {
		return v, 0, nil
	}
	if err == nil {
		err = bus.Decode(raw, &v)
	}
	if err != nil {
		var none T
		return none, revision, fmt.Errorf("the value of %q: %w", k, err)
	}
	return v, revision, nil
}
