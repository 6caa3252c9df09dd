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
)
