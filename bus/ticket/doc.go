// Package ticket is what keeps a business process from speaking for others.
//
// A business process is not trusted with ids: with one it could record an answer under another service's request, read
// another's answer, or say that a terminal waits for nothing any more, which locks that terminal out. So terminal-if
// gives each request a ticket: service, terminal, id, floor, epoch, and a digest of what is asked. The process passes
// it on with every read and commit and can't change it; the updater takes all of that from the ticket, and only from one
// of the service whose name on the bus the call came under.
//
// The other way round the updater proves where an update stands: a proof goes back through the process to terminal-if,
// which signs a receipt for the position in it and for no other.
//
// Both are text that fits into a header, under a message authentication code whose key main makes anew for each of its
// runs and gives to terminal-if and updater with their orders, which nobody else hears. Nothing of it is durable.
package ticket
