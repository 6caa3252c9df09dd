// Package record defines the pair record: which hosts are the pair, which is active in which epoch, and which hold
// every acknowledged update. The arbiter keeps it, the role machine decides by it. All of it are values.
package record

import (
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/role/canon"
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

// NeedsNote reports whether a member must note, before r is written, that it may promote itself under it. A change of
// neither epoch nor set needs no note: it would make a host eligible that is not.
func (r Record) NeedsNote() bool { return r.SetVersion == 0 }

// Has reports whether m is in the in-sync set.
func (r Record) Has(m Member) bool { return slices.Contains(r.InSync, m) }

// Equal compares contents.
func (r Record) Equal(o Record) bool {
	return r.PairID == o.PairID && r.WitnessID == o.WitnessID && r.Version == o.Version && r.Epoch == o.Epoch &&
		r.Active == o.Active && slices.Equal(r.InSync, o.InSync) && r.LongestLease == o.LongestLease && r.SetVersion == o.SetVersion && r.Pause.Equal(o.Pause) && r.Forced == o.Forced
}

// Pause holds back automatic takeover and automatic hand-over until it ends, as for work on one of the machines. It is part
// of the pair record: from the compare-and-set on that brings it in, no takeover that does not know of it can succeed,
// because a takeover expects the revision that it has seen; and it outlives a restart of either host.
//
// Until is a wall time, for people and for hosts that restart. A host that learns of the pause counts what is left of it
// on its own clock, never more than For: a wall clock that is wrong can end a pause early, or begin it again at a
// restart, but not make it last for ever.
type Pause struct {
	Until time.Time     `json:"until"`
	For   time.Duration `json:"for_ns"` // as it was asked for
	By    string        `json:"by"`
}

// LongestPause bounds a pause: whoever needs longer says so again. ShortestPause is what both hosts are sure to notice.
const (
	LongestPause  = 24 * time.Hour
	ShortestPause = time.Second
)

// Equal compares contents.
func (p Pause) Equal(o Pause) bool { return p.Until.Equal(o.Until) && p.For == o.For && p.By == o.By }

// None reports that there is no pause.
func (p Pause) None() bool { return p.For == 0 }

// Newer orders records where no revision does: a higher epoch always wins.
func (r Record) Newer(than Record) bool {
	return r.Epoch > than.Epoch || r.Epoch == than.Epoch && r.Version > than.Version
}

// Names returns the hosts of members, separated by commas.
func Names(members []Member) string {
	hosts := make([]string, len(members))
	for i, member := range members {
		hosts[i] = member.Host
	}
	return strings.Join(hosts, ",")
}

// Canonical writes a pair record.
func (r Record) Canonical(c *canon.Writer) {
	c.VersionNumber(r.Version)
	if r.Version == 0 {
		return
	}
	c.EpochNumber(r.Epoch)
	c.Text(r.PairID)
	c.Text(r.WitnessID)
	c.Text(r.Active.Identity)
	c.VersionNumber(r.Membership())
	c.Bools(r.Forced != 0)
	c.EpochNumber(r.Forced)
	c.Bools(!r.Pause.None())
	if !r.Pause.None() {
		c.Int(int64(max(0, r.Pause.Until.Sub(c.Wall))))
	}
	c.Byte(byte(len(r.InSync)))
	for _, member := range r.InSync {
		c.Text(member.Identity)
	}
}
