// Package timers decides when what a service put off is done, and that it is done once.
//
// It only decides: no disk, no connection, no clock inside. The updater applies a [Change] to the entry of a timer and keeps what comes
// of it; whoever serves judges entries by a [Time], runs what is due, and asks [Tries] what to do about how that ended. [Count] is the
// clock that durations are counted by. It goes on through takeovers and restarts, and no wall clock that is set moves it.
//
// What must hold, whatever fails: each timer that is due takes effect once, or is parked, skipped or held by its rule; none before it is
// due, but for what the rule of the clocks allows; none is forgotten. One test tries every order of events around a run, another one every
// order of outages and clocks that are set. DESIGN.md says where the state lives, and who calls what.
package timers
