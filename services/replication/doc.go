// Package replication carries updates from the active's updater to the standby's.
//
// The active appends each frame to its own journal and to the other host's; an acknowledgement of both is what makes an
// update committed (R2). A host's own journal is package journal; this package is what crosses to the other host.
// DESIGN.md in this folder explains why.
//
// The parts:
//
//   - Remote: the standing connection to the other updater, and its evidence about the other host.
//   - Sender: on the active: finds the last common position, brings the other host close, holds frames for it.
//   - Receiver: on the standby: answers the sender, stores its frames, knows how many of them are committed.
//
// What it guarantees:
//
//   - What Offer reports as durable is on disk in the other host's journal, chained onto all before it.
//   - Updates that only this host has are in a file before they are dropped (R10).
package replication
