// Package inspection looks at what a host has stored, for operators: it pages through the history and the divergent updates,
// looks receipts up, compares both databases, makes backups, and tries the disk.
//
// All of it is beside the frames: each look is a short view of the store, so no update waits for it. It changes nothing of its
// own host. A comparison with repair has the other host's database put right, and what came of it is kept where both hosts
// see it (Keeper); a backup keeps history from being trimmed while it is under way.
//
// What it does not know: orders, states, frames. Which term is served, and that a failed write ends the process, it asks and
// tells the updater (Updater).
package inspection
