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
	c.Bools(p.Pending, p.Reads)
	c.Byte(byte(p.Terminals))
}
