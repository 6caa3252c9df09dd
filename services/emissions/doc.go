// Package emissions decides what leaves the pair for the outside world, in which order, and what follows from each answer.
//
// It only decides: no disk, no connection, no clock. An update puts an emission into a lane of its target; whoever serves asks the
// [Lane] what to send and tells it what came of that by a [Change], which the updater applies. Nothing can be done once at both ends of a
// wire that breaks: so an emission is sent until an answer is recorded, and a [Receiver] drops what it has by its order.
//
// What must hold, whatever fails: each emission is taken by a receiver that keeps its rule, or waits, or is parked; in order within its
// lane; nothing leaves without the right to answer, or while what was sent before may be of a history that was taken back. The test
// tries every order of events. DESIGN.md says where the state lives, and who calls what.
package emissions
