// Package replication carries updates from the active's updater to the standby's.
//
// The active appends each frame to its own journal and to the other host's; an acknowledgement of both is what makes an update
// committed (R2). What one host does with its own journal is package journal; here is what crosses to the other host.
// DESIGN.md in this folder tells why.
//
// The parts:
//
//   - Remote: the standing connection to the other updater, and what it proves about the other host.
//   - Sender: on the active: finds the last common position, brings the other host close, holds frames for it.
//   - Receiver: on the standby: answers the sender, keeps what it sends, knows what of it is committed.
//
// What it guarantees:
//
//   - What Offer reports as durable is on disk in the other host's journal, chained onto all before it.
//   - Nothing that only this host has is dropped before it stands in a file (R10).
package replication
