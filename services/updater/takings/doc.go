// Package takings keeps the fenced commands of terminals in the pair's outbox, and has them taken, at most once each.
//
//	commands/entry/ID/NUMBER     a command for a terminal, with what it says
//	commands/due/TIME/ID/NUMBER  when time alone changes it
//	commands/count/ID            how many are kept for a terminal
//
// A command is made by the update that makes its notice, which stands on the board without a body. What becomes of a command is decided in
// package commands, as a part of the update that makes it so: nobody is told of a taking before it is on both hosts.
package takings
