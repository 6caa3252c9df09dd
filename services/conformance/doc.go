// Package conformance tests the program of a service against the rules of ../business/PROTOCOL.md: "hotpair service
// check".
//
// It runs the program on a separate host (package stand), plays terminal-if, main and the agent, and injects the faults
// of a service's life: the updater or its answer is lost, a commit conflicts, a request is repeated, the program is
// killed at work. It reports the result for each rule. A rule that lacks its preconditions is not tested, and the
// report says what is missing.
//
// It can't know the requests of the service: cases describe them. Without cases each operation that the program
// announces is called with {}.
package conformance
