package main

// What the driver promises, broken on purpose, one at a time.
const (
	noteAfter        = "the note is durable only after the compare-and-set is won"
	doubtIsFailure   = "a lost answer of the arbiter is taken as failure"
	everyBeatGranted = "the driver answers every beat with a grant"
	noFence          = "the journal is not fenced at Prepare"
	journalOpen      = "the journal takes frames of any session"
	noDrain          = "a drain is answered before anything has stopped"
	resumeBlind      = "an updater that starts within a term does not read the other journal"
	addUnheld        = "the other host is said to hold updates that do not wait for it"
	ackAlone         = "an update is acknowledged without the other host although it is required"
	epochEarly       = "an epoch is durable before it is won"
	resignUnnoted    = "a resignation is told before it is noted"
	keepTail         = "what only a returning host has stays in its journal"
	deafRight        = "a drained terminal-if goes on answering"
	notePause        = "who writes a pause notes a membership by it"
)

// promises gives for each the scenarios that find it.
var promises = map[string]string{
	noteAfter: "crashes", doubtIsFailure: "return-and-doubt", everyBeatGranted: "freeze-and-doubt", noFence: "cuts", journalOpen: "cuts",
	noDrain: "handover", resumeBlind: "updater", addUnheld: "crashes", ackAlone: "any-one", epochEarly: "any-one", resignUnnoted: "stop",
	keepTail: "crashes", deafRight: "handover", notePause: "pause-of-one-who-resigned",
}
