// Package board keeps the notices of services for terminals in the pair's outbox: which keys they have, how an update changes them, and
// what a terminal is to be sent.
//
//	notices/terminal/ID      a terminal that notices may be for: the head of its own stream, and where it begins in the common one
//	notices/own/ID/NUMBER    a notice to some terminals, once for each
//	notices/common/NUMBER    a notice to all
//	notices/head             the head of the common stream
//	notices/had/ID           what the terminal roughly has
//
// A head counts what its stream has had and has, and where it was trimmed: so an update that adds a notice reads no other. What leaves, in
// which order, is decided in package notices.
package board
