// Package role decides which host is active. It is a pure machine: Step takes one input with the time it happened and
// returns the actions to perform. It has no clock, no I/O and no goroutine, so that every order of events can be tried.
package role
