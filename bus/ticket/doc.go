// Package ticket is what keeps a business process from speaking for others.
//
// A business process is not trusted with ids: with one it could record an answer under another service's request, read
// another's answer, or raise a terminal's floor above its requests, which locks that terminal out. So terminal-if gives
// each request a ticket: service, terminal, id, floor, epoch, and a digest of what is asked. The process passes it on
// with every read and commit and can't change it; the updater takes all of that from the ticket, and only from one of
// the service whose name on the bus the call came under.
//
// In the other direction the updater proves the position of an update: a proof goes back through the process to
// terminal-if, which signs a receipt for the position in it and for no other.
//
// Both are text that fits into a header, under a message authentication code whose key main makes for each of its runs
// and gives to terminal-if and updater with their orders, which no other process receives. Nothing of it is durable.
package ticket
