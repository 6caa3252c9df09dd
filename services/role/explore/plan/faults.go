// Package plan says what an exploration explores: what may go wrong and how often, which promises the driver breaks on purpose, and the
// scenarios.
package plan

// Faults is what may still go wrong: a total, and a bound for each kind.
type Faults struct {
	Total uint8
	Left  [kinds]uint8
}

// Kind of a fault.
type Kind uint8

const (
	Crash         Kind = iota // of a host, at any moment; it may start again at any later one
	Freeze                    // of a host with all its processes
	CutLink                   // both directions of the link, or one
	CutPeer                   // link and replication: the cable
	CutRepl                   // replication only
	CutWitness                // between one host and the arbiter
	Loss                      // of one beat or reply
	Lateness                  // time goes on although something is on its way
	Delay                     // one thing on its way arrives at any later time
	OldRead                   // the answer to a read of the record arrives at any later time, with what stood there then
	Doubling                  // a message arrives twice
	ArbiterDoubt              // the sender gives up waiting; the request may be applied at any later time
	UpdaterCrash              // within a living main
	SessionEnd                // the standby falls out of replication
	SlowClock                 // the clock of one host goes slower, as much as the margin allows for
	Lie                       // something refuses connections in the place of a living host (V8)
	Switchover                // an operator's
	Stop                      // a clean end
	ProcessFailed             // the restart policy gives up on a process
	Pause                     // an operator's, of ten ticks
	Lost                      // the arbiter loses the record: it is deleted or absent, it went back, or another witness answers
	Force                     // of a host that may lack what was acknowledged
	Unkept                    // the disk of a host does not take its own copy of the record
	CopyGone                  // a host that is down has lost that copy
	CutTerminal               // between one host and one terminal
	Disorder                  // something else happens than what is next in the order of a quiet pair
	kinds
)

var names = [kinds]string{"crash", "freeze", "cut-link", "cut-peer", "cut-replication", "cut-witness", "loss", "lateness", "delay", "old-read", "doubling",
	"arbiter-doubt", "updater-crash", "session-end", "slow-clock", "lie", "switchover", "stop", "process-failed", "pause", "lost", "force", "unkept", "copy-gone",
	"cut-terminal", "disorder"}

// Has reports whether one of a kind may still happen.
func (f *Faults) Has(k Kind) bool { return f.Total > 0 && f.Left[k] > 0 }

// Spend takes one of a kind.
func (f *Faults) Spend(k Kind) { f.Total--; f.Left[k]-- }

// AnyOrder is a bound of disorder that is none: all orders are tried.
const AnyOrder = 255

// Rules is what is explored: the faults that may happen, how much is written, and what the driver breaks on purpose.
type Rules struct {
	Writes int // how far logs may differ before no more is written
	Broken string
	Forces bool // an operator may promote by force
	Losses bool // the arbiter may lose the record
	// Witnessless: there is no arbiter.
	Witnessless bool
	Terminals   int  // that are played; 0: one is told of and that is all
	Split       bool // terminals may be split between hosts that don't hear each other: what one acknowledges then may be kept as divergent
}

// String names a kind.
func (k Kind) String() string { return names[k] }
