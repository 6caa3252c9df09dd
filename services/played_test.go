package services_test

// play is a test, and what of its text does something.
type play struct {
	test string
	does []string
}

// The tests that play most of it.
const (
	remedies = "TestFault_A16_EveryRemedyWorks"
	refusals = "TestFault_A6_WhatRefusalsSayToDoWorks"
	raised   = "TestFault_B12_CausesRaiseTheirAlarms"
	restored = "TestFault_A14_RestoredCopy"
	joins    = "TestJoin_WhatItSaysToDoWorks"
)

// looks are commands that only look, so that it does not matter which message names them, with who runs them.
var looks = map[string]play{
	"hotpair status":           {"TestStatus_JSON_IsTheAPI", []string{`"status", "--json"`}},
	"hotpair explain":          {refusals, []string{`"hotpair explain"`}},
	"hotpair doctor":           {"TestDecide_PauseThenForce", []string{`"doctor"`}},
	"hotpair settings":         {"TestSettings_OfBothHosts", []string{`"settings", "--all"`}},
	"hotpair events":           {"TestEvents_TheSameOnBothHosts", []string{`"events"`}},
	"hotpair history":          {"TestHistory_Command", []string{`"history", "--dir"`}},
	"hotpair history diverged": {raised, []string{`"hotpair history diverged"`}},
	"hotpair terminals":        {"TestTerminalsCommands", []string{"terminals "}},
	"hotpair terminals list":   {"TestTerminalsCommands", []string{"terminals list"}},
	"hotpair terminals probe":  {raised, []string{`"hotpair terminals probe"`}},
	"hotpair terminals key":    {"TestTerminalsCommands", []string{"terminals key t7"}},
	"hotpair alarms":           {"TestAlarms_ShownAndAcknowledged", []string{`"alarms"`}},
	"hotpair upgrade":          {"TestUpgrade_OneHostAfterTheOther", []string{`"upgrade", "--json"`}},
	"hotpair verify":           {"TestData_VerifyRepairBackupRestoreTerminals", []string{`"verify", "--json"`}},
	"hotpair verify --last":    {"TestVerifyCommand", []string{"verify --last"}},
}

// acts are remedies that change something, by words of the message that names them: which of its remedies, in lower case, the test plays.
var acts = []struct {
	words    string
	remedies []string
	by       play
}{
	// Enrolment.
	{"is the agent of this terminal running? stop it", []string{"stop it"}, play{"TestEnrolment_OfALab", []string{"f.Kill(f.ctx, id)", "f.enrol(id"}}},
	{"Start the agent with the settings", []string{"start the agent"}, play{"TestEnrolment_OfALab", []string{"is a member of pair lab now", "f.Run(id)"}}},
	// Alarms.
	{"repeat those requests, then hotpair alarms ack", []string{"hotpair alarms ack updates-lost"}, play{"TestAudit_MissesWhatWasRestoredAway", []string{`"alarms", "ack", "updates-lost"`}}},
	{"Stop the host with the lower epoch", []string{"stop the host with the lower epoch"}, play{raised, []string{"alarms.TwoActives", `"stop the host with the lower epoch"`}}},
	{"then stop this host and choose with hotpair restore finish", []string{"stop this host", "hotpair restore finish"}, play{restored, []string{"host.stop()", `"restore", "finish"`}}},
	{"a replaced host needs hotpair admit", []string{"hotpair admit"}, play{remedies, []string{"do: []string{admit}"}}},
	{"hotpair verify --repair makes", []string{"hotpair verify --repair"}, play{"TestData_VerifyRepairBackupRestoreTerminals", []string{`"--repair"`}}},
	{"then hotpair history diverged --forget", []string{"hotpair history diverged --forget"}, play{raised, []string{`"hotpair history diverged --forget"`}}},
	{"Make room on the disk", []string{"make room"}, play{raised, []string{"alarms.DiskNearlyFull", `"make room"`}}},
	{"hotpair switchover moves the work", []string{"hotpair switchover"}, play{raised, []string{"alarms.RestartStorm", `"hotpair switchover"`}}},
	{"Start the witness, or fix the network to it", []string{"start the witness"}, play{raised, []string{"alarms.NoWitness", `"start the witness"`}}},
	{"or accept this key with hotpair admit %s", []string{"hotpair admit"}, play{"TestKeys_OfAPairsLife", []string{`a.keeper.Admit("b")`}}},
	{"hotpair admit witness, if the new one is intended", []string{"hotpair admit witness"}, play{raised, []string{"alarms.WitnessReplaced", `"hotpair admit witness"`}}},
	{"Start the other host, or fix the network to it", []string{"start the other host"}, play{raised, []string{"alarms.SoloTooLong", `"start the other host"`}}},
	{"restart the host that is wrong: standby first", []string{"restart the host that is wrong"}, play{raised, []string{"alarms.SettingsDiffer", `"restart the host that is wrong"`}}},
	{"standby first, then hotpair switchover", []string{"hotpair switchover"}, play{"TestUpgrade_OneHostAfterTheOther", []string{`"upgrade", "run"`, "cluster start"}}},
	{"hotpair resume when the maintenance is done", []string{"hotpair resume"}, play{raised, []string{"alarms.Paused", `"hotpair resume"`}}},
	{"or hotpair pause again", []string{"hotpair pause"}, play{raised, []string{"alarms.PauseEnding", `"hotpair pause"`}}},
	{"restart the host once it is", []string{"restart the host"}, play{raised, []string{"alarms.EventsUnsaved", `"restart the host"`}}},
	{"keeps the pair record: hotpair admit witness", []string{"hotpair admit witness"}, play{raised, []string{"alarms.WitnessReplaced", `"hotpair admit witness"`}}},
	// The role machine.
	{"and … answers: hotpair admit witness", []string{"hotpair admit witness"}, play{raised, []string{"alarms.WitnessReplaced", `"hotpair admit witness"`}}},
	{"no host can take over or serve alone: …hotpair admit witness", []string{"hotpair admit witness"}, play{"TestFault_E3_ARefusalWithoutTheWitnessSaysWhatToDo", []string{"> replacewitness", "> admit a witness"}}},
	{"start it, or fix the network path to it (HOTPAIR_WITNESS)", []string{"start it", "start one"}, play{remedies, []string{"says: unread, do: []string{witness}", "says: unread, do: []string{another}"}}},
	{"start it with an empty directory, or restore a backup", []string{"start it"}, play{"TestFault_A16_DataOfNoPair", []string{"Empty: true"}}},
	{"start it with an empty directory, or restore a backup", []string{"restore a backup"}, play{"TestData_VerifyRepairBackupRestoreTerminals", []string{`"restore", file`}}},
	{"promote it there; if that is impossible, stop it", []string{"promote it there", "stop it"}, play{refusals, []string{`"promote it there"`, `"stop it"`}}},
	{"hotpair switchover makes this host active", []string{"hotpair switchover"}, play{refusals, []string{`"hotpair switchover"`}}},
	{"no witness answers: start one", []string{"start one"}, play{refusals, []string{`"start one"`}}},
	{"empty its data directory, or start the one", []string{"empty its data directory"}, play{refusals, []string{`"empty its data directory"`}}},
	{"bring that back; if it is gone for good: hotpair admit witness", []string{"bring that back"}, play{refusals, []string{`"bring that back"`}}},
	{"bring that back; if it is gone for good: hotpair admit witness", []string{"hotpair admit witness"}, play{raised, []string{`"hotpair admit witness"`}}},
	{"move the data directory of this host away and start it", []string{"move the data directory of this host away", "start it", "stop %s", "hotpair promote --force"},
		play{"TestFault_E6_AStaleHostAndAWitnessThatWentBack", []string{"> wipe a\n> start a", "> kill b", "> force a unknown"}}},
	{"Start the other host, and set the clocks of both right", []string{"start the other host"},
		play{"TestTimers_DeferredWhileClocksAreInDoubt", []string{`"start the other host"`, "h.set(0, 0)"}}},
	{"after hotpair switchover the other host sends", []string{"hotpair switchover"},
		play{"TestEmissions_WithoutACourier", []string{"awaitAlarm(alarms.CourierDown, true)", "operator.CallSwitchover"}}},
	{"start the other host, then the hosts restore it together", []string{"start the other host", "hotpair promote --force"},
		play{remedies, []string{"says: back, do: []string{other}", "says: back, do: []string{force}", "says: emptied, do: []string{other}", "says: emptied, do: []string{force}"}}},
	{"once it is standby and reaches the witness", []string{"stop it", "hotpair promote --force"}, play{refusals, []string{`"stop it", "hotpair promote --force"`}}},
	{"hotpair promote --force on the host whose data to keep", []string{"hotpair promote --force"}, play{refusals, []string{"force while the other has no witness"}}},
	{"it keeps the pair record, which holds the pause", []string{"hotpair admit witness"}, play{"TestFault_E3_ARefusalWithoutTheWitnessSaysWhatToDo", []string{"> admit a witness", "> pause a 1h"}}},
	{"without a witness it can't learn of a pause", []string{"start it"}, play{refusals, []string{"pause beside nobody"}}},
	// Verdicts, and what is found by doctor.
	{"does not take over: automatic takeover is paused", []string{"hotpair resume"}, play{remedies, []string{"`hotpair resume`"}}},
	{"hotpair resume, as soon as the work is done", []string{"hotpair resume"}, play{raised, []string{"alarms.Paused", `"hotpair resume"`}}},
	{"End it with hotpair resume", []string{"hotpair resume"}, play{raised, []string{"alarms.Paused", `"hotpair resume"`}}},
	{"make room, or set HOTPAIR_BACKUP_WORK to a folder on another disk", []string{"make room"}, play{"TestMake_WhatIsNoBackupIsNone", []string{`s.source.size = 1 << 50`, `s.source.archive, s.source.fails, s.source.size = raw, nil, 0`}}},
	{"make room, or make the disk writable again", []string{"make room"}, play{"TestLab", []string{"diskOfActive((*Disk).Fill)", "broken(f.options.Disks[active], false)"}}},
	{"make room on the disk of", []string{"make room"}, play{"TestLab", []string{"diskOfActive((*Disk).Fill)", "broken(f.options.Disks[active], false)"}}},
	{"start the witness, or fix the network to it", []string{"start the witness", "hotpair admit witness"}, play{raised, []string{`"start the witness"`, `"hotpair admit witness"`}}},
	{"hotpair admit witness", []string{"hotpair admit witness"}, play{raised, []string{"alarms.WitnessReplaced", `"hotpair admit witness"`}}},
	{"start the other host, or fix the link", []string{"start the other host"}, play{raised, []string{`"start the other host"`}}},
	{"without a loss there is hotpair switchover", []string{"hotpair switchover"}, play{refusals, []string{`"hotpair switchover"`}}},
	{"hotpair switchover --cancel drops it", []string{"hotpair switchover --cancel"}, play{"TestSwitchoverCommand_AtATime", []string{`"switchover", "--cancel"`}}},
	// Levels and upgrades.
	{"finish its upgrade (hotpair upgrade finish)", []string{"hotpair upgrade finish"}, play{"TestUpgrade_OneHostAfterTheOther", []string{`"upgrade", "finish"`}}},
	{"hotpair upgrade finish, once a downgrade", []string{"hotpair upgrade finish"}, play{"TestUpgrade_OneHostAfterTheOther", []string{`"upgrade", "finish"`}}},
	{"which is standby and runs %s, and restart it", []string{"restart it"}, play{"TestUpgrade_OneHostAfterTheOther", []string{"cluster stop", "cluster start"}}},
	{"Once a downgrade is no longer needed: hotpair upgrade finish", []string{"hotpair upgrade finish"}, play{"TestUpgrade_OneHostAfterTheOther", []string{`"upgrade", "finish"`}}},
	{"can rise to %d: hotpair upgrade finish", []string{"hotpair upgrade finish"}, play{"TestUpgrade_OneHostAfterTheOther", []string{`"upgrade", "finish"`}}},
	{"stop it, replace the binary, start it", []string{"stop it", "start it"}, play{"TestUpgrade_OneHostAfterTheOther", []string{"cluster stop", "cluster start"}}},
	{"the level rises only when both hosts are in sync", []string{"start it"}, play{"TestLevels_RisesOnlyWhenBothAreThereAndCan", []string{"b is not in sync", "bus.PeerAwaited"}}},
	// Data directories, backups and terminals.
	{"stop it, then hotpair restore finish", []string{"stop it", "hotpair restore finish"}, play{restored, []string{"host.stop()", `"restore", "finish", "--as-copy"`, `"restore", "finish", "--replaces"`}}},
	{"hotpair restore finish --replaces, or --as-copy: until then", []string{"hotpair restore finish"}, play{restored, []string{`"restore", "finish", "--replaces"`}}},
	{"hotpair restore finish takes either", []string{"hotpair restore finish"}, play{restored, []string{`"restore", "finish", "--as-copy"`}}},
	{"made by hotpair restore finish --as-copy", []string{"hotpair restore finish"}, play{restored, []string{"c.certifyBy(others, e", `e["HOTPAIR_PAIR_SECRET"] = `, `"restore", "finish", "--replaces"`}}},
	{"restore again, or remove it if this host was not restored as a copy", []string{"restore again"}, play{"TestOrigins_AreKept", []string{"Remove(path)"}}},
	{"--as-copy finishes that; restore again", []string{"restore again"}, play{"TestFault_B10_RestoreCutOffAtEachStep", []string{"MoveAway: true"}}},
	{"refuse the old pair for good, should that be alive: stop it first", []string{"stop it"}, play{"TestData_VerifyRepairBackupRestoreTerminals", []string{`c.order("kill", standby)`, `"restore", "finish", "--replaces"`}}},
	{"give it a witness, a HOTPAIR_PAIR_SECRET and an authority (hotpair authority init) of its own, start it", []string{"start it", "hotpair promote --force"}, play{restored, []string{`"promote", "--force"`, "c.beside("}}},
	{"start it; hotpair status there says what it waits for", []string{"start it", "hotpair promote --force"}, play{restored, []string{`"promote", "--force"`, "c.beside("}}},
	{"is revoked. Start the agent", []string{"start the agent"}, play{restored, []string{`"terminal", "readmit"`, `c.beside(till, "terminal")`}}},
	{"start the agent there", []string{"start the agent"}, play{"TestFault_A15_ATerminalIsReplaced", []string{"f.Run(id)"}}},
	{"%w: stop the host first: %w", []string{"stop the host"}, play{restored, []string{`"stop the host"`, "host.stop()"}}},
	{"stop the host first: %w", []string{"stop the host"}, play{"TestData_VerifyRepairBackupRestoreTerminals", []string{`c.order("kill", standby)`, `"restore", file`}}},
	{"start the other host, which has the updates after that", []string{"start the other host", "hotpair promote --force"}, play{remedies, []string{"says: damaged, do: []string{other}", "says: damaged, do: []string{force}"}}},
	{"move the whole data directory away and let this host join", []string{"move the whole data directory away"}, play{refusals, []string{"the facts are damaged", "the facts are no facts", `"move the whole data directory away"`}}},
	{"make room, or mount a larger disk at", []string{"make room"}, play{joins, []string{"make room, or mount a larger disk", "os.Remove(filler)"}}},
	{"--use-data; otherwise move it away", []string{"move it away"}, play{joins, []string{"otherwise move it away", "os.Rename(data, "}}},
	{"correct it or move it away: it overrides", []string{"move it away"}, play{joins, []string{"correct it or move it away", "os.Rename(own, "}}},
	{"move it away first", []string{"move it away"}, play{"TestSeal_KeyFiles", []string{"os.Rename(path, moved)"}}},
	{"is used by %s; stop it", []string{"stop it"}, play{"TestStore_SecondProcessIsRefused", []string{"first.Close()"}}},
	{"use this host's own data directory", []string{"use this host's own data directory"}, play{remedies, []string{`"fix what they name"`, "use this host's own data directory"}}},
	{"is no hotpair database; move it away", []string{"move it away"}, play{refusals, []string{"the database is none", `"move it away"`}}},
	{"move it out of the data directory, and this host gets a snapshot", []string{"move it out of the data directory"}, play{refusals, []string{"the database is short", `"move it out of the data directory"`}}},
	{"while it was built; the previous content", []string{"restore again"}, play{"TestFault_B10_RestoreCutOffAtEachStep", []string{"cutOff"}}},
	{"while it was moved in: restore again", []string{"restore again"}, play{"TestFault_B10_RestoreCutOffAtEachStep", []string{"cutOff", "MoveAway: true"}}},
	{"start one with hotpair cluster", []string{"start one"}, play{"TestCluster_BadOrdersAreExplained", []string{"start one with hotpair cluster", "startCluster("}}},
	{"start it with hotpair cluster start", []string{"start it", "hotpair cluster start"}, play{"TestDecide_PauseThenForce", []string{`c.order("start", first)`}}},
}
