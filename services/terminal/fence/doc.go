// Package fence hands fenced commands out to the applications of a terminal, each at most once.
//
//	Fence  one goroutine that judges, asks the pair and writes
//	book   the bolt file: what became of each command here
//
// An application that hears of a command takes it; the agent writes down that it asks for it, asks the pair whether that is the first taking
// (package commands), writes down that it is, flushes, and only then hands out what the command says. What became of a command is told to applications when it is not what
// they hope for: nobody knows, or it was too late.
//
// The pair is what decides: a book that is lost or put back can only make a command unknown, never have it handed out again. A failed write
// or flush is never tried again (R8): the agent ends.
package fence
