package receipt

import (
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Key signs receipts. It is data of the pair: made by the first host that serves, replicated like any update.
type Key struct {
	Secret []byte    `json:"secret"`
	Made   time.Time `json:"made"`
}

// Known is how many keys are valid at a time: the one that signs, and the one before it, by which the receipts are known
// that terminals still hold.
const Known = 2

// Keys are those that are valid, the one that signs first. None: no host has served yet, or the updater has not read so far.
type Keys struct {
	Keys []Key `json:"keys,omitempty"`
}

// KeysQuestion asks for the keys. The updater of a host that serves makes the first one when it is asked.
type KeysQuestion struct{}

// Rotate has a new key made. It is refused while the last one is younger than Settles: of two changes within that time
// the first would make receipts unknown that terminals hold.
type Rotate struct{}

// Settles is how long a key signs at least: longer than what a terminal still shows of the time before.
const Settles = 10 * time.Minute

// Rotated says since when the pair signs with the new key.
type Rotated struct {
	Made time.Time `json:"made"` // since when it signs
}

// The calls of the updater about the keys: terminal-if asks for them, and nobody else may; main has them changed.
var (
	CallKeys   = bus.Question[KeysQuestion, Keys](bus.ProcessUpdater, bus.OfTerminalInterface+"receipts")
	CallRotate = bus.Question[Rotate, Rotated](bus.ProcessUpdater, "receipts-rotate")
)
