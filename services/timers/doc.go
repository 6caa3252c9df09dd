// Package timers decides when a timer of a service runs, and that it takes effect once.
//
// It only decides: no disk, no connection, no clock inside. The updater applies a [Change] to the entry of a timer and
// stores the result; the active host judges entries by a [Time], runs those that are due, and asks [Tries] what to do
// after a run. [Count] is the clock for durations. It continues through takeovers and restarts, and setting a wall
// clock does not change it.
//
// What must hold, whatever fails: each timer that is due takes effect once, or is parked, skipped or deferred by its
// rule; none before it is due, but for what the rule of the clocks allows; none is forgotten. One test tries every
// order of events around a run, another one every order of outages and clocks that are set. DESIGN.md says where the
// state lives, and who calls what.
package timers
