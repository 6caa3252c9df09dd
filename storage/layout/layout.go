// Package layout defines the database file: the buckets, their keys and values, and the one record of the file's
// state. Every value has a checksum that covers its key, for bolt has none; a mismatch is format.ErrDamaged.
//
// It has no state and decides nothing. Two hosts that applied the same history have the same bytes in all buckets that
// a snapshot carries (Transferred), but for answers that only wait to be deleted.
package layout

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Buckets of the database file. Keys and sub-buckets are never mixed in one bucket: bolt refuses to delete a missing
// key beside a sub-bucket.
const (
	BucketMeta    = "meta"    // "state" → state
	BucketHistory = "history" // sequence → digest, pair time, stored bytes
	BucketEpochs  = "epochs"  // epoch → EpochStart
	BucketAnswers = "answers" // answerKey → position and Answer
	BucketFloors  = "floors"  // terminal → lowest counter whose answer may still be asked for
	BucketIssued  = "issued"  // time of issue, answerKey → nothing: answers under ids of apps by age
	BucketData    = "data"    // one sub-bucket for each space: key → revision, value
)

const (
	KeyState = "state"
	// StateVersion is the version of the whole file's layout.
	StateVersion = 1
	// AnswerVersion leads recorded answers, epochVersion epoch starts.
	AnswerVersion = 1
	EpochVersion  = 1
	// HistoryHeader is the length of what precedes the stored bytes of an entry: digest and pair time.
	HistoryHeader = 32 + 8
	// dataHeader is the length of what precedes a value: revision and checksum.
	dataHeader = 8 + 4
)

// SequenceKey is the key of a sequence, in numerical order.
func SequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// DataValue encodes a value for bolt.
func DataValue(key []byte, revision uint64, value []byte) []byte {
	b := make([]byte, 0, dataHeader+len(value))
	b = binary.BigEndian.AppendUint64(b, revision)
	b = binary.BigEndian.AppendUint32(b, format.Sum(b, key, value))
	return append(b, value...)
}

// ReadDataValue decodes the output of DataValue. The value is part of stored. The error is ErrDamaged; the revision is
// then the stored one.
func ReadDataValue(key, stored []byte) (revision uint64, value []byte, err error) {
	if len(stored) < dataHeader {
		return 0, nil, fmt.Errorf("%w: value of %d bytes", format.ErrDamaged, len(stored))
	}
	value = stored[dataHeader:]
	if format.Sum(stored[:8], key, value) != binary.BigEndian.Uint32(stored[8:]) {
		return binary.BigEndian.Uint64(stored), nil, fmt.Errorf("%w: checksum of key %q", format.ErrDamaged, key)
	}
	return binary.BigEndian.Uint64(stored), value, nil
}

// HistoryValue encodes an entry for bolt.
func HistoryValue(s *history.Stored) []byte {
	b := make([]byte, 0, HistoryHeader+len(s.Raw))
	b = append(b, s.Digest[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Entry.Time))
	return append(b, s.Raw...)
}

// ReadHistoryHeader gives digest, pair time and stored bytes of an entry. The bytes are part of value. It is the
// digest that shows whether the bytes are whole.
func ReadHistoryHeader(value []byte) (d history.Digest, time int64, raw []byte, err error) {
	if len(value) <= HistoryHeader {
		return d, 0, nil, fmt.Errorf("%w: history entry of %d bytes", format.ErrDamaged, len(value))
	}
	copy(d[:], value)
	return d, int64(binary.BigEndian.Uint64(value[len(d):])), value[HistoryHeader:], nil
}

// Recorded is an answer as bolt stores it.
type Recorded struct {
	Position position.Position `cbor:"1,keyasint"`
	Answer   history.Answer    `cbor:"2,keyasint"`
}

const (
	AnswerByCounter = 'c'
	answerByApp     = 'i'
)

// AnswerPrefix is the key prefix of a terminal's answers under ids of one sort.
func AnswerPrefix(terminal string, sort byte) []byte {
	b := append(make([]byte, 0, len(terminal)+10), byte(len(terminal)))
	return append(append(b, terminal...), sort)
}

// AnswerKey is the key of a recorded answer. Counters of a terminal lie in order.
func AnswerKey(id history.RequestID) []byte {
	if id.App != "" {
		return append(AnswerPrefix(id.Terminal, answerByApp), id.App...)
	}
	return binary.BigEndian.AppendUint64(AnswerPrefix(id.Terminal, AnswerByCounter), id.Counter)
}

// ParseAnswerKey parses the output of AnswerKey.
func ParseAnswerKey(key []byte) (id history.RequestID, err error) {
	bad := fmt.Errorf("%w: key of an answer %q", format.ErrDamaged, key)
	if len(key) == 0 || len(key) < 2+int(key[0]) {
		return id, bad
	}
	id.Terminal = string(key[1 : 1+key[0]])
	rest := key[2+key[0]:]
	switch key[1+key[0]] {
	case AnswerByCounter:
		if len(rest) != 8 {
			return id, bad
		}
		id.Counter = binary.BigEndian.Uint64(rest)
	case answerByApp:
		id.App = string(rest)
	default:
		return id, bad
	}
	if id.Validate() != nil || id.IsZero() {
		return id, bad
	}
	return id, nil
}

// IssuedKey orders the answers under ids of apps by their time of issue.
func IssuedKey(issued int64, answer []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(answer)), uint64(issued)), answer...)
}

// IssuedAt returns the time of issue in a key of IssuedKey; 0 for another key.
func IssuedAt(key []byte) int64 {
	if len(key) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(key))
}

// FloorValue encodes a terminal's floor for bolt.
func FloorValue(terminal string, floor uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, floor)
	return binary.BigEndian.AppendUint32(b, format.Sum([]byte(terminal), b))
}

// ReadFloor decodes the output of FloorValue; no value is floor 0.
func ReadFloor(terminal string, value []byte) (uint64, error) {
	if value == nil {
		return 0, nil
	}
	if len(value) != 12 || format.Sum([]byte(terminal), value[:8]) != binary.BigEndian.Uint32(value[8:]) {
		return 0, fmt.Errorf("%w: floor of terminal %q", format.ErrDamaged, terminal)
	}
	return binary.BigEndian.Uint64(value), nil
}

// DataPath is the name of a space's bucket in a snapshot.
func DataPath(space string) string { return BucketData + "/" + space }

// SpaceOf is the reverse of DataPath.
func SpaceOf(path string) (space string, ok bool) { return strings.CutPrefix(path, BucketData+"/") }
