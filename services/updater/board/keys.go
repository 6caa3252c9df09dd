package board

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/position"
)

// Keys, and what they begin with.
const (
	prefix     = "notices/"
	terminals  = prefix + "terminal/"
	had        = prefix + "had/"
	own        = prefix + "own/"
	common     = prefix + "common/"
	commonHead = prefix + "head"
)

func terminalKey(id string) []byte { return []byte(terminals + id) }
func hadKey(id string) []byte      { return []byte(had + id) }

// streamPrefix is what the keys of a stream begin with: that of a terminal, or with "" the common one. Ids have no slash.
func streamPrefix(id string) []byte {
	if id == "" {
		return []byte(common)
	}
	return []byte(own + id + "/")
}

// noticeKey is the place of a notice in its stream.
func noticeKey(id string, n notices.Number) []byte { return n.Append(streamPrefix(id)) }

// numberOf is noticeKey backwards.
func numberOf(id string, key []byte) (notices.Number, error) {
	n, ok := position.ParseNumber(key[min(len(key), len(streamPrefix(id))):])
	if !ok {
		return n, fmt.Errorf("%w: %q is not the key of a notice", bus.ErrMalformed, key)
	}
	return n, nil
}

// StreamOf says which stream a key of the outbox is a notice of: the id of its terminal, or "" for the common one.
func StreamOf(key []byte) (id string, ok bool) {
	text := string(key)
	switch {
	case len(text) == len(common)+position.NumberBytes && text[:len(common)] == common:
		return "", true
	case len(text) > len(own)+position.NumberBytes+1 && text[:len(own)] == own:
		return text[len(own) : len(text)-position.NumberBytes-1], true
	}
	return "", false
}

// number is the value of a notices.Number.
type number struct {
	Epoch    uint64 `cbor:"1,keyasint,omitempty"`
	Sequence uint64 `cbor:"2,keyasint,omitempty"`
	Index    uint32 `cbor:"3,keyasint,omitempty"`
}

// place is the value of a notices.Mark that is not rough.
type place struct {
	Number number `cbor:"1,keyasint"`
	Count  uint64 `cbor:"2,keyasint,omitempty"`
}

func (p place) mark() notices.Mark {
	return notices.Mark{Number: notices.Number(p.Number), Count: p.Count}
}

func placeOf(m notices.Mark) place { return place{number(m.Number), m.Count} }

// head is what is known of a stream without a look at its notices.
type head struct {
	Total   uint64 `cbor:"1,keyasint,omitempty"` // that it has had
	Kept    int    `cbor:"2,keyasint,omitempty"`
	Bytes   int    `cbor:"3,keyasint,omitempty"` // of those that are kept
	Trimmed place  `cbor:"4,keyasint"`           // the last one that is not
}

// terminal is the value of a terminal that notices may be for.
type terminal struct {
	Head  head  `cbor:"1,keyasint"` // of its own stream
	Begin place `cbor:"2,keyasint"` // in the common stream
	// BeganOwn is how many its own stream had had by then.
	BeganOwn uint64 `cbor:"4,keyasint,omitempty"`
	// Leaving: it is not one of the pair's any more, and what it has is taken away piece by piece.
	Leaving bool `cbor:"3,keyasint,omitempty"`
}

// confirmed is the value of what a terminal roughly has.
type confirmed struct {
	Own    number `cbor:"1,keyasint"`
	Common number `cbor:"2,keyasint"`
}

// stored is the value of a notice.
type stored struct {
	Count   uint64 `cbor:"1,keyasint"`
	Service string `cbor:"2,keyasint"`
	Topic   string `cbor:"3,keyasint"`
	Body    []byte `cbor:"4,keyasint,omitempty"`
	At      int64  `cbor:"5,keyasint,omitempty"` // pair time
	// Until is of a fenced one, which has no body here: pair time after which nobody takes it.
	Until int64 `cbor:"6,keyasint,omitempty"`
}

// overhead is what a notice counts beside its body, in bytes.
const overhead = 256

func (s *stored) size() int { return overhead + len(s.Body) }

// decode reads a value, and says of what it is if it can't be read, or was not given because it is damaged.
func decode(key, value []byte, damaged error, v any) error {
	err := damaged
	if err == nil {
		err = bus.Decode(value, v)
	}
	if err != nil {
		return fmt.Errorf("%q in the outbox: %w", key, err)
	}
	return nil
}

// get reads what a key holds; there is false when it is not there.
func get(g leaving.Getter, key []byte, v any) (there bool, err error) {
	value, revision, err := g.Get(key)
	if err == nil && revision == 0 {
		return false, nil
	}
	return true, decode(key, value, err, v)
}
