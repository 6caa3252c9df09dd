package receipt

import (
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Key signs receipts. It is data of the pair: created by the first host that serves, and replicated like any update.
type Key struct {
	Secret []byte    `json:"secret"`
	Made   time.Time `json:"made"`
}

// Known is the number of valid keys: the one that signs, and its predecessor, for the receipts that terminals still
// hold.
const Known = 2

// Keys are the valid keys, the signing one first. Empty: no host has served yet, or the updater has not read them yet.
type Keys struct {
	Keys []Key `json:"keys,omitempty"`
}

// KeysQuestion asks for the keys. The updater of a host that serves creates the first one when it is asked.
type KeysQuestion struct{}

// Rotate creates a new key. It is refused while the current one is younger than Settles: two changes within that time
// would make receipts unknown that terminals still hold.
type Rotate struct{}

// Settles is the least time that a key signs: longer than terminals return receipts of the time before.
const Settles = 10 * time.Minute

// Rotated is the answer to Rotate.
type Rotated struct {
	Made time.Time `json:"made"` // when the key began to sign
}

// The updater's calls about the keys: only terminal-if may ask for them; main changes them.
var (
	CallKeys   = bus.Question[KeysQuestion, Keys](bus.ProcessUpdater, bus.OfTerminalInterface+"receipts")
	CallRotate = bus.Question[Rotate, Rotated](bus.ProcessUpdater, "receipts-rotate")
)
