// Package numbers has terminal-if's question to the updater for the numbers of requests, when an agent's directory is
// new.
package numbers

import "github.com/hotpair/hotpair/bus"

// Call asks for the first number.
var Call = bus.Question[Question, Base](bus.ProcessUpdater, bus.OfTerminalInterface+"numbers")

// Question names a terminal in a term. Seen is the highest number that terminal-if has received from it.
type Question struct {
	Epoch    uint64 `json:"epoch"`
	Terminal string `json:"terminal"`
	Seen     uint64 `json:"seen,omitempty"`
}

// Base is the answer: far above every number that the pair may still know, so that no request gets another request's
// answer.
type Base struct {
	Base  uint64 `json:"base"`
	Queue uint64 `json:"queue,omitempty"` // the base for the numbers of its queue
}
