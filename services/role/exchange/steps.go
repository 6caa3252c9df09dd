package exchange

// Step names one step of a takeover (services/DESIGN.md lists them).
type Step string

// The steps of a takeover, switchover or hand-over: where each happens, what it is, and what undoes it. The machine reports by
// these names; log, events and operators show them.
const (
	B1 Step = "B1" // active: a process ended abnormally and is restarted in place; needs no undoing
	B2 Step = "B2" // active: restarting does not help, the host is faulty; undone when the process recovers
	B3 Step = "B3" // active: the other host is told to make ready; undone: the active goes on
	B4 Step = "B4" // active: own processes become standby; undone: the active takes the next epoch itself
	B5 Step = "B5" // active: terminals are released; undone as B4
	B6 Step = "B6" // active: all have switched, the other host is told, with the last position; undone as B4
	B7 Step = "B7" // standby: own processes become active, under the next epoch; undone: the journal is released, standby again
	B8 Step = "B8" // standby: terminals are attached; not undone, the epoch is taken
	B9 Step = "B9" // standby: all have switched, the takeover is complete
)

// Role of a host.
type Role string

// Roles. Entered and left:
//
//	starting  a new main, until the updater has told what is on disk → standby
//	standby   → takeover (evidence, hand-over), → stopped
//	takeover  journal fenced, then the compare-and-set submitted → active (won), → standby (lost, unfit, the active lives)
//	active    → handover (drain), → standby (a higher epoch was seen), → takeover (its updater can't resume the term)
//	handover  drained for the other host → standby (it took the next epoch), → takeover (it did not, T3)
//	stopped   resigned or handed over; main ends
const (
	Starting Role = "starting"
	Standby  Role = "standby"
	Takeover Role = "takeover"
	Active   Role = "active"
	Handover Role = "handover"
	Stopped  Role = "stopped"
)

// Mode is what the pair can do now, as this host sees it.
type Mode string

// Modes.
const (
	Paired     Mode = "paired"      // both hosts hold every acknowledged update
	Solo       Mode = "solo"        // this host serves alone
	Waiting    Mode = "waiting"     // it may not serve and nobody does, or it can't join
	CatchingUp Mode = "catching-up" // out of the set, receiving history
	Receiving  Mode = "copying"     // out of the set, receiving the database
)
