// Package link keeps connections to the other host, and to the witness, and knows what they prove.
//
//   - [Keep]: one rule for when to dial again.
//   - [Dialler]: dials a port, and turns the outcome of dials and connections into evidence about its owner.
//   - [Link]: the two mains, each with a server for the other and a connection to it: beats and calls.
//   - [Remote]: a standing connection to a server of the other host.
//
// A lost connection is closed and dialled again: the client library's own reconnection would hold its lock while it
// dials, and with it every caller, whatever their deadlines; and it hides why a dial failed, which is evidence.
package link
