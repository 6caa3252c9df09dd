package schedule

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/history"

	"github.com/hotpair/hotpair/services/timers"
)

// Keys, and what they begin with.
const (
	entries = "timers/entry/"
	order   = "timers/due/"
	parked  = "timers/parked/"
	counts  = "timers/count/"
	stampAt = "timers/stamp"
)

// prefix is what all keys of timers begin with.
const prefix = "timers/"

// Touches reports whether changes of the outbox are of timers.
func Touches(effects []history.Effect) bool {
	return slices.ContainsFunc(effects, func(f history.Effect) bool { return bytes.HasPrefix(f.Key, []byte(prefix)) })
}

// clock is one of the two that timers are due by.
type clock byte

const (
	counted clock = 'c'
	wall    clock = 'w'
)

// name is that of a timer in keys. Names of services have no slash.
func name(service, key string) string { return service + "/" + key }

// split is name backwards.
func split(text string) (service, key string, ok bool) { return strings.Cut(text, "/") }

func entryKey(name string) []byte  { return []byte(entries + name) }
func parkedKey(name string) []byte { return []byte(parked + name) }
func countKey(service string) []byte {
	return []byte(counts + service)
}

// orderPrefix is what the keys of a clock's order begin with.
func orderPrefix(c clock) []byte { return []byte(order + string(rune(c)) + "/") }

// orderKey is a timer's place in the order of its clock.
func orderKey(e *timers.Entry) []byte {
	key := binary.BigEndian.AppendUint64(orderPrefix(clockOf(e)), uint64(max(0, e.Due)))
	return append(append(key, '/'), name(e.Service, e.Key)...)
}

// ordered gives time and name of a place in the order of a clock.
func ordered(c clock, key []byte) (due int64, name string, err error) {
	rest := key[min(len(key), len(orderPrefix(c))):]
	if len(rest) < 9 || rest[8] != '/' || rest[0]&0x80 != 0 {
		return 0, "", fmt.Errorf("%w: %q is not a key in the order of timers", bus.ErrMalformed, key)
	}
	return int64(binary.BigEndian.Uint64(rest)), string(rest[9:]), nil
}

func clockOf(e *timers.Entry) clock {
	if e.Wall {
		return wall
	}
	return counted
}

// stored is the value of an entry. Service and key are in its key.
type stored struct {
	Operation  string `cbor:"1,keyasint"`
	Body       []byte `cbor:"2,keyasint,omitempty"`
	Wall       bool   `cbor:"3,keyasint,omitempty"`
	Due        int64  `cbor:"4,keyasint"`
	Skip       bool   `cbor:"5,keyasint,omitempty"`
	Generation uint64 `cbor:"6,keyasint"`
	Parked     bool   `cbor:"7,keyasint,omitempty"`
	Why        string `cbor:"8,keyasint,omitempty"` // it is parked
	At         int64  `cbor:"9,keyasint,omitempty"` // when Due is, in Unix nanoseconds, as it was expected when it was set
	Doubted    bool   `cbor:"10,keyasint,omitempty"`
	Added      int64  `cbor:"11,keyasint,omitempty"`
}

// count is what a service has.
type count struct {
	Timers int `cbor:"1,keyasint"`
	Parked int `cbor:"2,keyasint,omitempty"`
}

// stamp is the value of a timers.Stamp.
type stamp struct {
	Counted int64 `cbor:"1,keyasint"`
	Ahead   int64 `cbor:"2,keyasint,omitempty"`
	Agreed  bool  `cbor:"3,keyasint,omitempty"`
	Doubt   bool  `cbor:"4,keyasint,omitempty"`
	Added   int64 `cbor:"5,keyasint,omitempty"`
}

// Item is a timer with its revision, and what is told of it.
type Item struct {
	timers.Stored
	Why      string    // it is parked, or can't be read
	Expected time.Time // when it is due as well as the clocks could tell when it was set
	// Unreadable says why nothing but the name is known; nil when it is.
	Unreadable error
}

func (it *Item) encode() ([]byte, error) {
	e := &it.Entry
	return bus.Encode(stored{
		Operation: e.Operation, Body: e.Body, Wall: e.Wall, Due: e.Due, Skip: e.Late == timers.Skip, Generation: e.Generation, Parked: e.Parked,
		Why: it.Why, At: it.Expected.UnixNano(), Doubted: e.Doubted, Added: e.Added,
	})
}

func decode(name string, value []byte, revision uint64) (*Item, error) {
	var s stored
	service, key, ok := split(name)
	if !ok {
		return nil, fmt.Errorf("%w: timer %q", bus.ErrMalformed, name)
	}
	if err := bus.Decode(value, &s); err != nil {
		return nil, fmt.Errorf("timer %s: %w", name, err)
	}
	late := timers.Run
	if s.Skip {
		late = timers.Skip
	}
	e := timers.Entry{
		Service: service, Key: key, Operation: s.Operation, Body: s.Body, Wall: s.Wall, Due: s.Due, Late: late, Generation: s.Generation, Parked: s.Parked,
		Doubted: s.Doubted, Added: s.Added,
	}
	return &Item{Stored: timers.Stored{Entry: e, Revision: revision}, Why: s.Why, Expected: time.Unix(0, s.At)}, nil
}

func decodeStamp(value []byte) (timers.Stamp, error) {
	var s stamp
	if err := bus.Decode(value, &s); err != nil {
		return timers.Stamp{}, fmt.Errorf("stamp of timers: %w", err)
	}
	return timers.Stamp(s), nil
}

func encodeStamp(s timers.Stamp) ([]byte, error) { return bus.Encode(stamp(s)) }
