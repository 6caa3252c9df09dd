// Package membership defines a host's durable note of its membership in the in-sync set.
//
// It stands alone, so that role, messages, journal and storage share one type.
package membership

// Note is a host's durable note of its membership in the in-sync set (R1, R4): a host may promote itself only if the
// pair record has it, Version is the record's, and Out is false. The zero Note is that of a host that never was a
// member.
type Note struct {
	// Version is the version of the pair record that the note is for.
	Version uint64 `json:"version" cbor:"1,keyasint"`
	// Epoch is the record's epoch at that version.
	Epoch uint64 `json:"epoch" cbor:"2,keyasint"`
	// Out says that the host has left: it resigned, or was told so.
	Out bool `json:"out,omitempty" cbor:"3,keyasint,omitempty"`
}
