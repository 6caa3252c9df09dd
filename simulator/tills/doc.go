// Package tills is applications at terminals that go on selling while the line is cut: they queue what is to be done (Hotpair-Queue: yes),
// remember what they were told, and judge it in the end by what is in the database.
//
// Each terminal has a few lanes, whose applications come in over NATS and over HTTP by turns, and two that listen, one at each door. An
// application queues the next request of its lane once the one before it was accepted, under a key of its own, until it is. What it queues
// shows whatever goes wrong:
//
//	kv.cas of a new key, revision 0   done twice it is refused; lost, the key is not there; its revision is where it was done
//	the same once more                is refused, unless it overtook the one before it in its lane
//	ledger.transfer                   done twice or lost, the balance of the lane is another one
//
// Now and then an application asks for its last key without queueing that, in the same lane: it must be there, unless nobody could answer.
//
// How they reach an agent is the caller's business. Nothing is read of what agents or hosts keep for themselves.
//
//	t, err := tills.Start(ctx, tills.Config{Name: "q", Seed: seed, Terminals: terminals})
//	… lines are cut, agents and hosts are killed; t.Cut(id, from, to) … healing …
//	verdict, err := t.Finish(ctx)
package tills
