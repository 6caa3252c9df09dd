package exchange

import (
	"slices"

	"github.com/hotpair/hotpair/services/role/canon"
)

// Canonical writes what the other main said of itself.
func (p PeerView) Canonical(c *canon.Writer) {
	c.ID(p.Incarnation)
	if p.Incarnation == 0 {
		return
	}
	rank, _ := slices.BinarySearch(c.Steps[p.Host], p.Steps)
	c.Byte(byte(rank))
	c.Text(string(p.Role))
	c.EpochNumber(p.Epoch)
	c.EpochNumber(p.Known)
	p.Record.Canonical(c)
	c.RevisionNumber(p.Revision)
	c.VersionNumber(p.Seen)
	c.Position(p.Committed)
	c.Position(p.Position)
	c.Bools(p.Empty, p.Fresh, p.Fit, p.Stopping, p.Resigned, p.Serving, p.PairID != "", p.WitnessID != "")
	c.Bools(p.Pending, p.Reads, p.Unserved)
	c.Byte(byte(p.Terminals))
}

// CanonicalOrder writes an order to the updater.
func CanonicalOrder(c *canon.Writer, a Action) {
	switch a := a.(type) {
	case Prepare:
		c.Byte(1)
		c.ID(a.Serial)
		c.EpochNumber(a.Epoch)
		c.Position(a.AtLeast)
	case Release:
		c.Byte(2)
	case Serve:
		c.Byte(3)
		c.EpochNumber(a.Epoch)
		c.Bools(a.RequirePeer, a.Resume)
	case Require:
		c.Byte(4)
		c.ID(a.Serial)
		c.Bools(a.Peer)
		c.Note(a.Membership)
	case Drain:
		c.Byte(5)
		c.ID(a.Serial)
		c.Note(a.Membership)
	case BecomeStandby:
		c.Byte(6)
		c.EpochNumber(a.Epoch)
	}
}
