// Package notices decides which notices a terminal gets from the pair, in which order, and how it learns of those that
// it can't get.
//
// It only decides: no disk, no connection, no clock. The active host reads a terminal's own and the common notices at
// one committed position and asks a [Sender] what to send; the agent asks a [Store] what to accept. [Resume] is where
// both begin: it compares a terminal's cursor with the epochs of the history, because a forced promotion and a restore
// take numbers back. [Trim] says which notices to discard.
//
// What must hold, whatever fails: each committed notice is stored once by each terminal that it is addressed to, in
// order, unless a gap says that it was trimmed or a void range takes it back; and nothing that is not committed is
// stored. The test tries every order of events in a small pair. DESIGN.md says where the state lives, and who calls
// what.
package notices
