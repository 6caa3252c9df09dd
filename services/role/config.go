package role

import "time"

// Config is the configuration of a Machine. All times follow from Lease.
type Config struct {
	Host string
	// PairID is proposed when two empty hosts agree to be a pair.
	PairID          string
	Lease           time.Duration
	StandbyPatience time.Duration
	RefusedIsDead   bool
	// Witnessless: there is no arbiter. Each host keeps its own copy of the record, and terminals are asked instead; see
	// witnessless.go for what that can't promise.
	Witnessless bool
	// Hold says why this host may do nothing at all, whatever is on its disk; it is given no facts then. "" for all others.
	Hold string
}

// promise is how long a host that granted a lease does not take over on silence: longer than the lease by a margin for
// clocks that run differently.
func promise(lease time.Duration) time.Duration { return lease + lease/10 + 10*time.Millisecond }

// soloRight is how far a solo active renews its right at each interval of lease/8.
func (c Config) soloRight() time.Duration { return c.Lease / 4 }

// unanswered is when an active whose own beats get no reply gives the standby up.
func (c Config) unanswered() time.Duration { return c.Lease / 2 }

// longestRetry bounds how often the wait after a takeover that came to nothing is doubled: from a quarter of the lease to eight.
const longestRetry = 5

// handOverDeadline of each half: to drain, and for the successor to take the epoch.
func handOverDeadline(lease time.Duration) time.Duration { return max(lease, 500*time.Millisecond) }

// vetoWait is how long warm terminals are waited for when the other host refuses: no answer is no veto.
const vetoWait = 10 * time.Millisecond

// readInterval is how often the record is read again.
const readInterval = time.Second

// retryInterval of an attempt whose outcome is unknown or that could not be sent.
const retryInterval = 50 * time.Millisecond

// unreachableFor is how long an active that reaches no terminal waits before it hands over.
const unreachableFor = 2 * time.Second

// Times are the times that follow from the settings, each from the function that the machine uses.
type Times struct {
	Lease       time.Duration
	Heartbeat   time.Duration // Tick and beat
	Unanswered  time.Duration // an active whose beats get no reply gives the standby up
	Promise     time.Duration // a standby does not take over on silence before
	Patience    time.Duration // an update that the standby does not confirm, or the own disk
	SoloRight   time.Duration // how long a solo active may answer without renewing
	Read        time.Duration // how often the record is read
	Veto        time.Duration // terminals are waited for when the other host refuses
	HandOver    time.Duration // each half of a hand-over
	Unreachable time.Duration // an active that reaches no terminal
}

// Times returns the times that the settings imply.
func (c Config) Times() Times {
	return Times{
		Lease: c.Lease, Heartbeat: c.Lease / 8, Unanswered: c.unanswered(), Promise: promise(c.Lease), Patience: c.StandbyPatience,
		SoloRight: c.soloRight(), Read: readInterval, Veto: vetoWait, HandOver: handOverDeadline(c.Lease), Unreachable: unreachableFor,
	}
}
