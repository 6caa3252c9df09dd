// Package arbiter reads and changes the pair record: one register with compare-and-set, kept by the witness on a third
// machine, so that two hosts that lose each other can never both be right.
//
// Why a compare-and-set and not a lock: the host that must release a lock may be dead. A record that names the active
// and the in-sync set is only ever replaced by a host that has read the present one, and the loser of a race knows it.
//
// What [Register] guarantees, and every implementation must show in arbitertest.Conformance:
//   - Writes are atomic and durable before they are acknowledged; of several with the same expected revision one wins.
//   - A Read sees every write that was acknowledged before it began.
//   - [ErrConflict] and [ErrUnreachable] mean that the write did not happen and never will. After [ErrUnknown] it may
//     have happened, or may happen at any later time (R11): a Read that shows the old value settles nothing.
//   - No write reaches another witness than the one its record names (V12).
//
// Example:
//
//	v, err := register.Read(ctx)
//	next := v.Record
//	next.Version, next.Epoch, next.Active = next.Version+1, next.Epoch+1, me
//	revision, err := register.Write(ctx, next, v.Revision)
package arbiter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/strictjson"
)

var (
	// ErrConflict says that the register holds another revision than the expected one; nothing was written.
	ErrConflict = fault.New("record-revision", "pair record has another revision")
	// ErrUnknown says that the outcome of a write is unknown: it may have happened or may still happen (R11). A Read
	// gives it when no answer came; that one settles nothing and can be repeated.
	ErrUnknown = errors.New("outcome at the witness is unknown")
	// ErrUnreachable says that nothing was sent and nothing was done.
	ErrUnreachable = errors.New("witness is unreachable")
	// ErrOtherWitness says that the record names another witness than the one that answers (V12). Nothing was sent, so
	// it comes together with ErrUnreachable.
	ErrOtherWitness = errors.New("record belongs to another witness")
	// ErrDamaged says that the register holds something that is no pair record of this version.
	ErrDamaged = errors.New("register holds no readable pair record")
)

// Value is the content of the register.
type Value struct {
	Record role.Record
	// Revision rises with each write; it is what the next Write must expect. 0 in a register that was never written.
	Revision uint64
	// WitnessID is the random identity made with the witness's data directory.
	WitnessID string
	// Empty: there is no record. Revision may still not be 0, if an operator purged it.
	Empty bool
}

// Register is the one register of a pair.
type Register interface {
	// Read gives what the register holds. Errors: ErrUnreachable, ErrUnknown, ErrDamaged.
	Read(ctx context.Context) (Value, error)
	// Write replaces the record if the register's revision is the expected one, and gives the new revision. Expected 0
	// demands that it was never written. Errors: ErrConflict, ErrUnknown, ErrUnreachable, ErrOtherWitness; together with
	// ErrUnreachable record.ErrImpossible, for what no host of the pair makes of the record that is there.
	Write(ctx context.Context, record role.Record, expected uint64) (uint64, error)
}

const (
	// MaxRecord bounds an encoded record, in bytes.
	MaxRecord = 16 << 10

	// format is the version of the encoded record.
	format = 1
)

// stored is the record as it lies in the register: JSON, because people look at it with any NATS client.
type stored struct {
	Format int `json:"format"`
	role.Record
}

// Encode encodes a record for the register, in at most MaxRecord bytes.
func Encode(record role.Record) ([]byte, error) {
	data, err := json.Marshal(stored{Format: format, Record: record})
	if err != nil {
		return nil, fmt.Errorf("encode pair record: %w", err)
	}
	if len(data) > MaxRecord {
		return nil, fmt.Errorf("encode pair record: %d bytes, at most %d", len(data), MaxRecord)
	}
	return data, nil
}

// Decode decodes the output of Encode. The error is ErrDamaged.
func Decode(data []byte) (role.Record, error) {
	var s stored
	if err := strictjson.DecodeMessage(data, &s); err != nil {
		return role.Record{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if s.Format != format {
		return role.Record{}, fmt.Errorf("%w: format %d, this process knows %d", ErrDamaged, s.Format, format)
	}
	return s.Record, nil
}
