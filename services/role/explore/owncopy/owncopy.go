// Package owncopy has the register of a host without a witness as services/notes keeps it, as a value that the exploration can
// fork: what its main knows, and what of it is certain to be on disk.
package owncopy

import (
	"time"

	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/canon"
)

// Copy is a host's own copy of the pair record, in its main.
type Copy struct {
	Known  bool        // the updater has told what is on disk
	Newest role.Record // that this main knows
	Stored role.Record // that it is certain of
}

// Revision orders records as the role machine does.
func Revision(r role.Record) uint64 { return r.Epoch<<24 | r.Version&(1<<24-1) }

// Load takes what is found on disk. What main knows does not go back.
func (c *Copy) Load(disk role.Record) {
	c.Known, c.Stored = true, disk
	c.Learn(disk)
}

// Learn takes what the other host told.
func (c *Copy) Learn(r role.Record) {
	if r.Newer(c.Newest) {
		c.Newest = r
	}
}

// Store notes that r is on disk.
func (c *Copy) Store(r role.Record) {
	c.Stored = r
	c.Learn(r)
}

// Due reports whether something has to be written.
func (c *Copy) Due() bool { return c.Known && !c.Stored.Equal(c.Newest) }

// Read is what a read answers.
func (c *Copy) Read(wall time.Time) role.RecordRead {
	return role.RecordRead{Wall: wall, Record: c.Newest, Revision: Revision(c.Newest), Empty: c.Newest.Version == 0, Failed: !c.Known}
}

// Canonical writes it.
func (c *Copy) Canonical(w *canon.Writer) {
	w.Bools(c.Known)
	c.Newest.Canonical(w)
	c.Stored.Canonical(w)
}
