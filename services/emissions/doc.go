// Package emissions decides what leaves the pair for the outside world, in which order, and what follows from each
// answer.
//
// It only decides: no disk, no connection, no clock. An update puts an emission into a lane of its target; the active
// host asks the [Lane] what to send and reports the outcome by a [Change], which the updater applies. Nothing can be
// done exactly once over a connection that may break: so an emission is sent until an answer is recorded, and a
// [Receiver] drops repetitions by its order.
//
// What must hold, whatever fails: each emission is accepted by a receiver that keeps its rule, or waits, or is parked;
// in order within its lane; nothing leaves without the right to answer, or while earlier emissions may be of a history
// that was taken back. The test tries every order of events. DESIGN.md says where the state lives, and who calls what.
package emissions
