// Package operations is what operators can ask a main for: who serves and who shall, why, and what next; the table of terminals;
// the comparison of both databases; backups. It orders the role machine and asks the host's processes, and keeps what belongs
// to operators alone: a switchover that is scheduled, since when each condition stands, the table of terminals as it was read.
//
// Each topic is a file: its operations are answered by its own answer… method, which [New] calls. Who passes a call on to the
// active, and how, is the registry's business, not a topic's.
package operations
