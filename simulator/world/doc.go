// Package world runs a whole pair in one process whose clock is not real: two hosts with all their processes, the witness,
// and agents at terminals with applications that work, all inside a testing/synctest bubble.
//
// What runs is the product itself: mains with the role machine, updaters with bolt and JetStream on real files, terminal
// interfaces, business processes, agents. Only three things are replaced, by constructor parameters: the network is in
// memory and obeys ([Network]), a process is a group of goroutines with sockets of its own ([Endpoint]), and leases are
// counted on the bubble's clock. Minutes of faults take seconds, and time-outs mean something on a busy machine too.
//
// A [Schedule] is what befalls the pair, written down as text. Walks draw schedules from a seed; one that fails is printed,
// and kept in testdata as a story that is played at every test run.
package world
