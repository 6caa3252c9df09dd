// Package world runs a whole pair in one process with a simulated clock: two hosts with all their processes, the
// witness, and agents at terminals with working applications, all inside a testing/synctest bubble.
//
// What runs is the product itself: mains with the role machine, updaters with bolt and JetStream on real files,
// terminal interfaces, business processes, agents. Only three things are replaced, by constructor parameters: the
// network is in memory and controllable ([Network]), a process is a group of goroutines with its own sockets
// ([Endpoint]), and leases run on the bubble's clock. Minutes of faults take seconds, and time-outs are exact on a
// busy machine too.
//
// A [Schedule] is the faults of a pair, written as text. Walks draw schedules from a seed; a failing one is printed,
// and kept in testdata as a story that every test run plays.
package world
