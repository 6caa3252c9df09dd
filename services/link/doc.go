// Package link keeps connections to the other host, and to the witness, and knows what they prove.
//
//   - [Keep]: one rule for when to dial again.
//   - [Dialler]: dials a port, and turns what becomes of dials and connections into evidence about who owns it.
//   - [Link]: the two mains, each with a server for the other and a connection to it: beats, and what they say beside.
//   - [Remote]: a standing connection to a server of the other host.
//
// A connection that is lost is thrown away and dialled anew: one that the client library renewed by itself would hold its lock
// while it dials, and with it every caller, whatever their deadlines; and it hides why a dial failed, which is evidence.
package link
