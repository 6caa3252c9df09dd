package main

import "fmt"

var sprintf = fmt.Sprintf

// faults is what may still go wrong: a total, and a bound for each kind.
type faults struct {
	total uint8
	left  [kinds]uint8
}

// kind of a fault.
type kind uint8

const (
	crash         kind = iota // of a host, at any moment; it may start again at any later one
	freeze                    // of a host with all its processes
	cutLink                   // both directions of the link, or one
	cutPeer                   // link and replication: the cable
	cutRepl                   // replication only
	cutWitness                // between one host and the arbiter
	loss                      // of one beat or reply
	lateness                  // time goes on although something is on its way
	delay                     // one thing on its way arrives at any later time
	oldRead                   // the answer to a read of the record arrives at any later time, with what stood there then
	doubling                  // a message arrives twice
	arbiterDoubt              // the sender gives up waiting; the request may be applied at any later time
	updaterCrash              // within a living main
	sessionEnd                // the standby falls out of replication
	slowClock                 // the clock of one host goes slower, as much as the margin allows for
	lie                       // something refuses connections in the place of a living host (V8)
	switchover                // an operator's
	stop                      // a clean end
	processFailed             // the restart policy gives up on a process
	pause                     // an operator's, of ten ticks
	lost                      // the arbiter loses the record: it is deleted or absent, it went back, or another witness answers
	force                     // of a host that may lack what was acknowledged
	disorder                  // something else happens than what is next in the order of a quiet pair
	kinds
)

var kindNames = [kinds]string{"crash", "freeze", "cut-link", "cut-peer", "cut-replication", "cut-witness", "loss", "lateness", "delay", "old-read", "doubling",
	"arbiter-doubt", "updater-crash", "session-end", "slow-clock", "lie", "switchover", "stop", "process-failed", "pause", "lost", "force", "disorder"}

func (f *faults) has(k kind) bool { return f.total > 0 && f.left[k] > 0 }

func (f *faults) spend(k kind) { f.total--; f.left[k]-- }

// anyOrder is a bound of disorder that is none: all orders are tried.
const anyOrder = 255

// rules is what is explored: the faults that may happen, how much is written, and what the driver breaks on purpose.
type rules struct {
	writes int // how far logs may differ before no more is written
	broken string
	forces bool // an operator may promote by force
	losses bool // the arbiter may lose the record
}
