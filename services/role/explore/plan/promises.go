package plan

// What the driver promises, broken on purpose, one at a time.
const (
	NoteAfter        = "the note is durable only after the compare-and-set is won"
	DoubtIsFailure   = "a lost answer of the arbiter is taken as failure"
	EveryBeatGranted = "the driver answers every beat with a grant"
	NoFence          = "the journal is not fenced at Prepare"
	JournalOpen      = "the journal takes frames of any session"
	NoDrain          = "a drain is answered before anything has stopped"
	ResumeBlind      = "an updater that starts within a term does not read the other journal"
	AddUnheld        = "the other host is said to hold updates that do not wait for it"
	AckAlone         = "an update is acknowledged without the other host although it is required"
	EpochEarly       = "an epoch is durable before it is won"
	ResignUnnoted    = "a resignation is told before it is noted"
	KeepTail         = "what only a returning host has stays in its journal"
	DeafRight        = "a drained terminal-if goes on answering"
	NotePause        = "who writes a pause notes a membership by it"
	CopyOnce         = "what the other host told of the record is tried to be written once"
	CopyBack         = "a restarted updater takes the own copy of the record back"
)

// Promises gives for each the scenarios that find it.
var Promises = map[string]string{
	NoteAfter: "crashes", DoubtIsFailure: "return-and-doubt", EveryBeatGranted: "freeze-and-doubt", NoFence: "cuts", JournalOpen: "cuts",
	NoDrain: "handover", ResumeBlind: "updater", AddUnheld: "crashes", AckAlone: "any-one", EpochEarly: "any-one", ResignUnnoted: "stop",
	KeepTail: "crashes", DeafRight: "handover", NotePause: "pause-of-one-who-resigned",
	CopyOnce: "own-copy", CopyBack: "own-copy",
}
