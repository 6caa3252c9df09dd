// Package numbers says what terminal-if asks the updater about the numbers of requests, for an agent whose directory is new.
package numbers

import "github.com/hotpair/hotpair/bus"

// Call asks where they begin.
var Call = bus.Question[Question, Base](bus.ProcessUpdater, bus.OfTerminalInterface+"numbers")

// Question is of a terminal in a term. Seen is the highest number that terminal-if has had from it.
type Question struct {
	Epoch    uint64 `json:"epoch"`
	Terminal string `json:"terminal"`
	Seen     uint64 `json:"seen,omitempty"`
}

// Base answers it: far above every number that the pair may still know, so that none gets another request's answer.
type Base struct {
	Base  uint64 `json:"base"`
	Queue uint64 `json:"queue,omitempty"` // the same of the numbers of its queue
}
