// Package commands decides who may carry out a fenced command: a notice that moves something in the world, like a gate, and so must be handed
// out at most once.
//
// The pair keeps each command until it is settled. A terminal takes it before it hands it out, and hands it out only if the pair says that
// its taking is the first. Whoever can't know whether a command was carried out says that it is unknown, and nobody hands it out again.
//
//	Open ──take──► Taken ──done──► Done
//	  │              │               ▲
//	  │ time over    │ taken again, or silence
//	  ▼              ▼               │
//	Late          Unknown ───done────┘
//
// It only decides: no disk, no connection, no clock. DESIGN.md says why it holds; a test tries every order of events in a small pair.
package commands
