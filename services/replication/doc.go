// Package replication carries updates from the active's updater to the standby's, and keeps each host's journal.
//
// The journal is a JetStream stream in each updater, on the durable replication subject. The active appends each frame to
// its own and to the other's; an acknowledgement of both is what makes an update committed (R2). JetStream promises
// "stored on disk", not more, so everything else stands in the messages themselves: positions, chained digests,
// checksums, and the markers by which a journal's owner says what no longer counts. DESIGN.md in this folder tells why.
//
// The parts, from the bottom:
//
//   - Message: frame, fence or cut, and their bytes.
//   - Tail: the pure fold that turns a journal's messages into the end of a history.
//   - Journal: the owner's side of a stream: append, read, fence, grant.
//   - Log: a Journal read into a Tail.
//   - Remote: the standing connection to the other updater (P16), and what it proves about the other host.
//   - Sender: on the active: finds the last common position, brings the other host close, holds frames for it.
//   - Receiver: on the standby: answers the sender, keeps what it sends, knows what of it is committed.
//
// What it guarantees:
//
//   - What Append or Offer reports as durable is on disk in that journal, chained onto all before it.
//   - After Fence returns, nothing of an older epoch or session counts in that journal, however late it arrives (R5).
//   - A position is never taken for another update than the one it was first given to (V2).
//   - Nothing that only this host has is dropped before it stands in a file (R10).
package replication
