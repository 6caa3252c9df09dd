package arbiter

import (
	"encoding/json"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/level"
)

// User is the name with which hosts log in at the witness.
const User = "host"

// Inbox is the prefix of reply subjects of hosts.
const Inbox = "inbox." + User

// Subjects matches the subjects at which hosts may ask the witness.
const Subjects = "witness.*"

// The calls of a host to the witness. It takes writes one after the other and lets none pass that no host makes
// (role/record, Follows), so a host never has the store's own rights.
var (
	// CallHello asks for the witness's identity.
	CallHello = bus.Call[struct{}, Hello]("witness.hello")
	// CallRead asks for what the register holds, from the store and not from a copy.
	CallRead = bus.Call[struct{}, Stored]("witness.read")
	// CallWrite asks for one compare-and-set. Errors: ErrConflict, record.ErrImpossible; after any other the outcome is unknown.
	CallWrite = bus.Call[Change, Written]("witness.write")
	// CallKeys asks for the list of keys that the witness lets in, when it has certificates.
	CallKeys = bus.Call[struct{}, keyring.Ring]("witness.keys")
	// CallReplaceKeys asks to replace it. Errors: keyring.ErrChanged, keyring.ErrImpossible; after any other the outcome is unknown.
	CallReplaceKeys = bus.Call[KeysChange, struct{}]("witness.replacekeys")
)

// KeysChange is one compare-and-set of the list of keys.
type KeysChange struct {
	Ring     keyring.Ring `json:"ring"`
	Expected string       `json:"expected"` // digest of the list that is to be replaced; empty for none
}

// Hello is the witness's answer on CallHello.
type Hello struct {
	Levels    level.Range `json:"levels"` // that the witness knows
	WitnessID string      `json:"witness_id"`
}

// NewHello is the Hello of a witness with this identity.
func NewHello(id string) Hello { return Hello{Levels: level.Own(), WitnessID: id} }

// Stored is the content of the register as the witness sends it.
type Stored struct {
	Revision uint64          `json:"revision"`         // 0 in a register that was never written
	Record   json.RawMessage `json:"record,omitempty"` // as Encode wrote it; nothing when there is none
}

// Value decodes the content, without the witness's identity. The error is ErrDamaged.
func (h Stored) Value() (Value, error) {
	if len(h.Record) == 0 {
		return Value{Revision: h.Revision, Empty: true}, nil
	}
	if h.Revision == 0 {
		return Value{}, fmt.Errorf("%w: a record without a revision", ErrDamaged)
	}
	record, err := Decode(h.Record)
	if err != nil {
		return Value{}, err
	}
	return Value{Record: record, Revision: h.Revision}, nil
}

// Change is one compare-and-set.
type Change struct {
	Record   json.RawMessage `json:"record"`   // as Encode wrote it
	Expected uint64          `json:"expected"` // revision that the register must have
}

// Written is the answer to a Change that was made.
type Written struct {
	Revision uint64 `json:"revision"`
}

// identity checks that the witness can be talked to, and gives its identity.
func (h Hello) identity() (string, error) {
	if h.WitnessID == "" {
		return "", fmt.Errorf("%w: hello without an identity", ErrDamaged)
	}
	if _, err := level.Meet(level.This("this host"), level.Party{Name: "the witness", Range: h.Levels}); err != nil {
		return "", err
	}
	return h.WitnessID, nil
}
