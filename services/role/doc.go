// Package role decides who is active. It is a pure machine: Step takes one input with the time it happened and gives
// the actions to perform. It has no clock, no I/O and no goroutine, so that every order of events can be tried.
package role
