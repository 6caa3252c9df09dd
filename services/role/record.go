package role

import (
	"slices"
	"time"
)

// Member is a host with the random identity made with its data directory: a replaced host that borrows a name is a
// stranger.
type Member struct {
	Host     string `json:"host"`
	Identity string `json:"identity"`
}

// Record is the pair record that the arbiter keeps. It is changed only by compare-and-set, and Version rises by one
// each time; hosts refuse a version below the highest they have seen (V12).
type Record struct {
	PairID       string        `json:"pair_id"`
	WitnessID    string        `json:"witness_id"`
	Version      uint64        `json:"version"`
	Epoch        uint64        `json:"epoch"`
	Active       Member        `json:"active"` // zero in the first record: nobody yet
	InSync       []Member      `json:"in_sync"`
	LongestLease time.Duration `json:"longest_lease_ns"` // longest that a member has used since it was last alone (V7)
	// SetVersion is the version that brought the present epoch and set; 0 is Version itself. A change of anything else
	// leaves it, and with it the notes of membership, as they are.
	SetVersion uint64 `json:"set_version,omitempty"`
	Pause      Pause  `json:"pause,omitzero"`
	// Forced is the last epoch that was taken by force: what was acknowledged in epochs below it may be lost, and binds nobody.
	Forced uint64 `json:"forced,omitempty"`
}

// Membership is the version that a note of membership must have at least.
func (r Record) Membership() uint64 {
	if r.SetVersion == 0 {
		return r.Version
	}
	return r.SetVersion
}

// Has reports whether m is in the in-sync set.
func (r Record) Has(m Member) bool { return slices.Contains(r.InSync, m) }

// Equal compares contents.
func (r Record) Equal(o Record) bool {
	return r.PairID == o.PairID && r.WitnessID == o.WitnessID && r.Version == o.Version && r.Epoch == o.Epoch &&
		r.Active == o.Active && slices.Equal(r.InSync, o.InSync) && r.LongestLease == o.LongestLease && r.SetVersion == o.SetVersion && r.Pause.Equal(o.Pause) && r.Forced == o.Forced
}
