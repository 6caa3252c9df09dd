// Package mainprocess is main: it embeds the host's bus, starts and watches the host's other processes, talks to the
// other main over the link, and drives the role machine.
//
// All decisions are in package role, which is pure. This package performs them: one goroutine (driver) gives the
// machine its inputs in order and begins its actions in order. An action that takes time runs concurrently and
// returns as an input within a deadline, also when it fails. Main does no disk work and nothing heavy, so that it
// stays responsive: the updater writes what must be durable and confirms it.
//
// When main ends, its bus ends with it, and with the bus every other process of the host: nothing bypasses the bus,
// so a host whose main is dead answers no requests.
package mainprocess
