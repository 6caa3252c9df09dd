// Package events is a host's part of the pair's event log: it numbers what main tells, remembers the end of the log,
// hands events on to whoever keeps the log, and spools on disk what could not be handed on yet.
//
// The log itself is the updater's, an entry of the replicated database for each event. Nobody waits for an event: adding
// one is an append in memory, everything else is done by the goroutines of Recorder and Reader.
package events
