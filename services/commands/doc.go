// Package commands decides who may carry out a fenced command: a notice with an effect in the world, like opening a
// gate, which must be handed out at most once.
//
// The pair stores each command until it is settled. A terminal takes it before it hands it out, and hands it out only
// if the pair answers that its taking is the first. If it can't be known whether a command was carried out, its state
// is unknown, and it is not handed out again.
//
//	Open ──take──► Taken ──done──► Done
//	  │              │               ▲
//	  │ expired      │ taken again, or silence
//	  ▼              ▼               │
//	Late          Unknown ───done────┘
//
// It only decides: no disk, no connection, no clock. DESIGN.md says why it holds; a test tries every order of events in
// a small pair.
package commands
