// Package standin has stand-ins for the agents of terminals, for measuring only: thousands in one process that cost next to
// nothing, so that what is left of a takeover is what the hosts need.
//
// An agent is a NATS server, and at a takeover takes most of a millisecond of a processor. In the field each has a machine of
// its own; a benchmark has all of them on the processors of both hosts, and measures them. A stand-in is a socket that
// listens and a goroutine for each connection: it speaks as much of a NATS server's protocol as hosts use, and is to them what
// package terminal is: who may attach, what is kept for the next host when one is lost, what is sent again, receipts.
//
// It is no terminal. What an agent never forgets, a stand-in has in memory only: nothing is flushed, and one that ends has
// forgotten its epoch. It asks nobody for a password, has no bounds but those that keep a process alive, and its one
// application lives inside it.
//
//	fleet, err := standin.Open([]string{"t1", "t2"})
//	... a pair that is told of fleet.Addresses() ...
//	answer, err := fleet.Terminal(0).Call(ctx, "kv", "put", body)
//	err = fleet.Close()
package standin
