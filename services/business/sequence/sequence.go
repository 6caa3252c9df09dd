// Package sequence is the business process that gives out consecutive numbers, for receipts and invoices.
//
//	next {name} → {number}
//	last {name} → {number}, 0 when none was given out
//
// Each name counts for itself, from 1. A number is given out by one update that takes effect once for each request, on
// both hosts, before it is answered: no number comes twice, and none is left out. Whoever must use every number asks
// under an id of its own (see services/business/PROTOCOL.md) and repeats it until the answer is there: the answer to a call that was given
// up may have held a number.
//
// A name is text of 1 to MaxName bytes. Names are never deleted, so a number never comes back.
package sequence

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/services/business"
)

// Name of the service.
const Name = "sequence"

// MaxName bounds the name of a sequence in bytes.
const MaxName = 256

// numbers is the prefix of the keys; the rest of the key is the name, the value the last number in decimal.
const numbers = "number/"

// Service returns the service for business.Run.
func Service() business.Service {
	return business.Service{
		Name:        Name,
		Version:     "1.0.0",
		Description: "gives out consecutive numbers",
		Operations: map[string]business.Operation{
			"next": {Handler: business.Handle(next)},
			"last": {Handler: business.Handle(last), ReadOnly: true},
		},
	}
}

// Next asks for the next number of a name.
type Next struct {
	Name string `json:"name"`
}

// Last asks for the last number given out for a name.
type Last struct {
	Name string `json:"name"`
}

// Number is the answer to both. 64 bits do not run out: a million numbers a second last for 500,000 years.
type Number struct {
	Number uint64 `json:"number"`
}

func next(_ context.Context, tx *business.Tx, in Next) (any, error) {
	number, err := read(tx, in.Name)
	if err != nil {
		return nil, err
	}
	number++
	tx.Put(numbers+in.Name, strconv.AppendUint(nil, number, 10))
	return Number{number}, nil
}

func last(_ context.Context, tx *business.Tx, in Last) (any, error) {
	number, err := read(tx, in.Name)
	if err != nil {
		return nil, err
	}
	return Number{number}, nil
}

// read returns the number that a name gave out last.
func read(tx *business.Tx, name string) (uint64, error) {
	switch {
	case name == "":
		return 0, business.Malformed("field \"name\" is missing or empty")
	case len(name) > MaxName:
		return 0, business.Malformed("field \"name\" has %d bytes, at most %d are possible", len(name), MaxName)
	}
	item, err := tx.Get(numbers + name)
	if err != nil || !item.Found {
		return 0, err
	}
	number, err := strconv.ParseUint(string(item.Value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("sequence %q: %w", name, err)
	}
	return number, nil
}
