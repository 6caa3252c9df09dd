// Package journal is the log of frames on one host: a JetStream stream in its updater, on the durable replication subject.
//
// JetStream promises "stored on disk", not more, so everything else is in the messages themselves: positions, chained
// digests, checksums, and the markers by which a journal's owner voids messages. DESIGN.md in this folder explains why.
//
// The parts, from the bottom:
//
//   - Message: frame, fence or truncation, and their bytes.
//   - Tail: the pure fold that turns a journal's messages into the end of a history.
//   - Journal: the owner's side of a stream: append, read, fence, grant.
//   - Log: a Journal read into a Tail.
//
// What it guarantees:
//
//   - What Append reports as durable is on disk in that journal, chained onto all before it.
//   - After Fence returns, nothing of an older epoch or session counts in that journal, however late it arrives (R5).
//   - A position never names another update than the one it was first given to (V2).
package journal
