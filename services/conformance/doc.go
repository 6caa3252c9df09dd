// Package conformance tries whether the program of a service keeps the rules of ../business/PROTOCOL.md: "hotpair service check".
//
// It runs the program on a host of its own (package stand), plays terminal-if, main and the agent towards it, and lets happen what can
// happen to a service: the updater or its answer is lost, a commit loses to another one, a request comes again, the program is killed in
// the middle. What it finds it says for each rule. A rule that needs more than it was given is not tried, and it says what is missing.
//
// What a request of the service looks like it can't know: cases say it. Without cases each operation that the program announces is asked
// with {}.
package conformance
