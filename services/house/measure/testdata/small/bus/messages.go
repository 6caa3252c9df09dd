// Package bus has messages.
package bus

import "io"

// Done is an answer.
type Done struct {
	Error string `json:"error,omitempty"`
	Count int    `json:"count"`
}

type refusal struct {
	Code string `cbor:"1,keyasint"`
	Text string `cbor:"2,keyasint"`
}

// Note has a text, but no error.
type Note struct {
	Text string `json:"text"`
}

type local struct {
	Error string // crosses nothing
}

// Reader embeds one of the library's and one of ours.
type Reader interface {
	io.Reader
	Closer
	Name() string
}

// Closer ends.
type Closer interface{ Close(local, refusal) }
