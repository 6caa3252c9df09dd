// Package updater is the process that writes: it turns what business processes commit into frames, makes each frame
// durable in the journals of both hosts, answers, and then brings the database up to date.
//
// Why one process, and one goroutine in it, decides every update: conditions must be evaluated against one order of
// updates, and one fsync must serve all updates that queued while the disk was busy. The alternatives, a transaction of
// the database for each request or locks on keys, cost an fsync or two for each request and gain nothing on one disk.
//
// What it guarantees:
//   - An update is answered only when its frame is durable in the journal of every host that main requires (R2).
//   - Nothing is shown before that: no read, no failed condition and no repeated answer depends on a frame that could still
//     be undone (R12).
//   - A request takes effect at most once; its recorded answer is repeated (R7).
//   - A position that may have left the process is never used for something else (V2).
//   - A failed write ends the process (R8): Run returns an error, and what is on disk decides.
//
// It does not decide which host is active, whether the other host is needed, or when a wait has lasted too long. Those
// are orders of main (bus.Serve, bus.Require, bus.Drain, …), based on the heartbeat (bus.UpdaterState).
//
// One run of the process, in the simplest case:
//
//	err := updater.Run(ctx, cfg, log) // cfg from the environment, as services/config reads it
package updater
