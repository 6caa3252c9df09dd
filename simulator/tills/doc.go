// Package tills simulates applications at terminals that continue to sell while the network is down: they queue
// requests (Hotpair-Queue: yes), remember the outcomes that they were sent, and finally compare them with the database.
//
// Each terminal has a few lanes, whose applications use NATS and HTTP in turn, and two listeners, one for each
// protocol. An application queues the next request of its lane once the one before it was accepted, repeating it under
// its own key until it is. The requests show every fault:
//
//	kv.cas of a new key, revision 0   executed twice it is refused; lost, the key is missing; its revision is where it was executed
//	the same once more                is refused, unless it overtook the one before it in its lane
//	ledger.transfer                   executed twice or lost, the balance of the lane is wrong
//
// Now and then an application reads its last key without queueing the read, in the same lane: the key must exist,
// unless there was no answer.
//
// The caller decides how they reach an agent. Nothing is read of the internal state of agents and hosts.
//
//	t, err := tills.Start(ctx, tills.Config{Name: "q", Seed: seed, Terminals: terminals})
//	… networks fail, agents and hosts are killed; t.Cut(id, from, to) … healing …
//	verdict, err := t.Finish(ctx)
package tills
