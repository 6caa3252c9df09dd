// Package inbox keeps what the pair told a terminal: how far it has come, and the notices themselves for its applications.
//
//	File     one bolt file, of one agent or of all agents of a process
//	Box      what one terminal has in it
//	Session  one host's side of it: takes batches, in order, and says what of them is new
//
// All of a batch is one flushed transaction: notices, their numbers, the cursor. Nothing is confirmed or shown to an application before.
// Batches that many agents of one process take at the same moment share a transaction.
//
// A failed write or flush is never tried again (R8): the file takes nothing any more, and its agent ends. A file that can't be read is set
// aside and begun anew. Then everything comes again that the pair still keeps; numbers go on above those that were given before, because
// the agent makes them durable elsewhere, in blocks (Reserve).
package inbox
