// Package events is a host's part of the pair's event log: it numbers the events of main, remembers the end of the log,
// hands events on to the host that keeps the log, and spools on disk those that could not be handed on yet.
//
// The log itself is in the updater's replicated database, one entry for each event. Nothing waits for an event: adding
// one is an append in memory, and the goroutines of Recorder and Reader do the rest.
package events
