// Package inbox stores the notices of a terminal: the position reached, and the notices themselves for its
// applications.
//
//	File     one bolt file, of one agent or of all agents of a process
//	Box      the part of one terminal
//	Session  the attached host's side: takes batches in order, and selects the new notices
//
// A batch is one flushed transaction: notices, their numbers, the cursor. Nothing is confirmed or shown to an
// application earlier. Batches that many agents of one process take at the same moment share a transaction.
//
// A failed write or flush is not tried again (R8): the file accepts no further writes, and its agent ends. An
// unreadable file is quarantined and a new one created. Then the pair sends all notices again that it still keeps.
// Their numbers continue above those given before, because the agent makes numbers durable elsewhere, in blocks
// (Reserve).
package inbox
