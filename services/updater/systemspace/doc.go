// Package systemspace is the pair's own key space: the event log, the table of terminals and the list of operators, kept in the replicated database
// like what services keep there, so both hosts and the next active have the same.
//
// A change is worked out from the committed state and submitted as one update, under the condition that what it was worked out
// from is unchanged; the updater puts it into a frame like any other. Pages are read in either role, in short views: nothing
// that is committed waits for them.
//
// What it does not know: the term, the journals, the other host. The updater gives a store to read and takes commits
// (Committer).
package systemspace
