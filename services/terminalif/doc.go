// Package terminalif is terminal-if, the process of a host that stands between its terminals and everything else.
//
// It dials every terminal and keeps a session with each, in both roles. When main says so it attaches them in an epoch,
// one message for each on the connection that is open already; then it relays their requests to the business processes
// and the answers back.
//
// Why a process of its own: terminals are not trusted, and they are many. What they send is parsed here, behind a
// filter (package wire), far from the process that decides who is active and from the one that writes.
//
// What it guarantees:
//   - An answer leaves only if the right to answer held after everything it rests on was read (R6).
//   - A request carries the terminal that was dialled and the epoch of the term, whatever the terminal wrote into it.
//   - A misbehaving terminal costs itself; what it says changes nothing of this host.
//   - It keeps no state: killed at any moment, a new one serves as soon as it is attached, and the agents send again
//     what had no answer.
//
// DESIGN.md in this folder explains it together with the agent, services/terminal.
package terminalif
