// Package dispatch keeps the emissions of services in the pair's outbox: which keys they have, how an update changes them, and what is sent
// next.
//
//	emissions/queue/TARGET/LANE/NUMBER     an emission that waits
//	emissions/parked/TARGET/LANE/NUMBER    one that is parked, with why
//	emissions/lane/TARGET/LANE             how many of a lane wait and are parked, and which parked one blocks it; none of an empty lane
//	emissions/ready/TARGET/LANE            lanes with something to send
//	emissions/blocked/TARGET/LANE          lanes that are blocked
//	emissions/target/TARGET                how a target is set, its secret among that
//	emissions/count/TARGET                 how much of a target waits and is parked
//	emissions/targets                      how many targets there are
//	emissions/held, emissions/released     epochs: a history was taken back before it; an operator released what was held
//
// What becomes of a lane is decided as package emissions says. At most one parked emission of a lane blocks it: nothing is sent, and so
// nothing else is parked, until that one is passed, released or dropped. So a lane needs no scan when an update is drafted: its record
// names the one.
package dispatch
