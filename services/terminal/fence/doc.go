// Package fence hands fenced commands out to the applications of a terminal, each at most once.
//
//	Fence  one goroutine that decides, asks the pair and writes
//	book   the bolt file with the state of each command here
//
// An application that receives the notice of a command takes it. The agent records that it asks for the command, asks
// the pair whether it is the first to take it (package commands), records the answer, flushes, and only then hands out
// the body. If the outcome is not what applications expect (unknown or too late), they are told.
//
// The pair decides: a book that is lost or restored can make a command unknown, but never have it handed out again. A
// failed write or flush is not tried again (R8): the agent ends.
package fence
