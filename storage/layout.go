package storage

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
	bucketMeta    = "meta"    // "state" → state
	bucketHistory = "history" // sequence → digest, pair time, stored bytes
	bucketEpochs  = "epochs"  // epoch → EpochStart
	bucketAnswers = "answers" // answerKey → position and Answer
	bucketFloors  = "floors"  // terminal → lowest counter whose answer may still be asked for
	bucketIssued  = "issued"  // time of issue, answerKey → nothing: answers under ids of apps by age
	bucketData    = "data"    // one sub-bucket for each space: key → revision, value
)

const (
	keyState = "state"
	// stateVersion is the version of the whole file's layout.
	stateVersion = 1
	// answerVersion leads recorded answers, epochVersion epoch starts.
	answerVersion = 1
	epochVersion  = 1
	// historyHeader is the length of what precedes the stored bytes of an entry: digest and pair time.
	historyHeader = 32 + 8
	// dataHeader is the length of what precedes a value: revision and checksum.
	dataHeader = 8 + 4
)

// sequenceKey orders by number.
func sequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// dataValue is a value as bolt holds it.
func dataValue(key []byte, revision uint64, value []byte) []byte {
	b := make([]byte, 0, dataHeader+len(value))
	b = binary.BigEndian.AppendUint64(b, revision)
	b = binary.BigEndian.AppendUint32(b, format.Sum(b, key, value))
	return append(b, value...)
}

// readDataValue reads what dataValue wrote. The value is part of stored. The error is ErrDamaged.
func readDataValue(key, stored []byte) (revision uint64, value []byte, err error) {
	if len(stored) < dataHeader {
		return 0, nil, fmt.Errorf("%w: value of %d bytes", ErrDamaged, len(stored))
	}
	value = stored[dataHeader:]
	if format.Sum(stored[:8], key, value) != binary.BigEndian.Uint32(stored[8:]) {
		return 0, nil, fmt.Errorf("%w: checksum of key %q", ErrDamaged, key)
	}
	return binary.BigEndian.Uint64(stored), value, nil
}

// historyValue is an entry as bolt holds it.
func historyValue(s *history.Stored) []byte {
	b := make([]byte, 0, historyHeader+len(s.Raw))
	b = append(b, s.Digest[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Entry.Time))
	return append(b, s.Raw...)
}

// readHistoryHeader gives digest, pair time and stored bytes of an entry. The bytes are part of value. It is the
// digest that shows whether the bytes are whole.
func readHistoryHeader(value []byte) (d history.Digest, time int64, raw []byte, err error) {
	if len(value) <= historyHeader {
		return d, 0, nil, fmt.Errorf("%w: history entry of %d bytes", ErrDamaged, len(value))
	}
	copy(d[:], value)
	return d, int64(binary.BigEndian.Uint64(value[len(d):])), value[historyHeader:], nil
}

// recorded is an answer as bolt holds it.
type recorded struct {
	Position position.Position `cbor:"1,keyasint"`
	Answer   history.Answer    `cbor:"2,keyasint"`
}

const (
	answerByCounter = 'c'
	answerByApp     = 'i'
)

// answerPrefix is what the answers of a terminal under ids of one sort begin with.
func answerPrefix(terminal string, sort byte) []byte {
	b := append(make([]byte, 0, len(terminal)+10), byte(len(terminal)))
	return append(append(b, terminal...), sort)
}

// answerKey is the key of a recorded answer. Counters of a terminal lie in order.
func answerKey(id history.RequestID) []byte {
	if id.App != "" {
		return append(answerPrefix(id.Terminal, answerByApp), id.App...)
	}
	return binary.BigEndian.AppendUint64(answerPrefix(id.Terminal, answerByCounter), id.Counter)
}

// parseAnswerKey reads what answerKey wrote.
func parseAnswerKey(key []byte) (id history.RequestID, err error) {
	bad := fmt.Errorf("%w: key of an answer %q", ErrDamaged, key)
	if len(key) == 0 || len(key) < 2+int(key[0]) {
		return id, bad
	}
	id.Terminal = string(key[1 : 1+key[0]])
	rest := key[2+key[0]:]
	switch key[1+key[0]] {
	case answerByCounter:
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

// issuedKey orders the answers under ids of apps by their time of issue.
func issuedKey(issued int64, answer []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(answer)), uint64(issued)), answer...)
}

// floorValue is a terminal's floor as bolt holds it.
func floorValue(terminal string, floor uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, floor)
	return binary.BigEndian.AppendUint32(b, format.Sum([]byte(terminal), b))
}

// readFloor reads what floorValue wrote; no value is floor 0.
func readFloor(terminal string, value []byte) (uint64, error) {
	if value == nil {
		return 0, nil
	}
	if len(value) != 12 || format.Sum([]byte(terminal), value[:8]) != binary.BigEndian.Uint32(value[8:]) {
		return 0, fmt.Errorf("%w: floor of terminal %q", ErrDamaged, terminal)
	}
	return binary.BigEndian.Uint64(value), nil
}

// dataPath is the name of a space's bucket in a copy.
func dataPath(space string) string { return bucketData + "/" + space }

// spaceOf is the reverse of dataPath.
func spaceOf(path string) (space string, ok bool) { return strings.CutPrefix(path, bucketData+"/") }
