// Package mainprocess is main: it embeds the host's bus, starts and watches the host's other
// processes, talks to the other main over the link, and drives the role machine.
//
// Everything that decides is in package role, which is pure. What is here performs: one goroutine (driver) gives the
// machine its inputs in order and begins its actions in order; each action that takes time runs beside it and comes
// back as an input, a failure too, within a deadline. Main does no disk work: what must be durable the updater writes
// and confirms: main does nothing heavy itself, so that it stays dependable.
//
// When main ends, its bus ends with it, and with the bus every other process of the host: there is no way round the bus,
// so a host whose main is dead answers nobody.
package mainprocess
