package alarms

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/services/wires"
)

// causes make the cause of an alarm: the facts of one look after the other, a second apart.
var causes = map[string]func(n int) Facts{
	TwoActives: func(int) Facts {
		v := role.View{Role: role.Active, Serving: true, Epoch: 7, HasPeer: true, HeardAt: time.Hour}
		v.Peer = role.PeerView{Member: role.Member{Host: "b"}, Role: role.Active, Serving: true, Epoch: 8}
		return Facts{View: v}
	},
	Restored: func(int) Facts { return Facts{Hold: "a was restored from a backup"} },
	OtherPair: func(int) Facts {
		return Facts{View: role.View{Foreign: "the witness keeps the record of another pair"}}
	},
	RecordLost:      func(int) Facts { return Facts{View: role.View{Lost: "the witness has lost the pair record"}} },
	WitnessReplaced: func(int) Facts { return Facts{Replaced: "another one answers"} },
	PeerRefuses:     func(int) Facts { return Facts{Unheard: "another secret"} },
	EpochAhead: func(int) Facts {
		return Facts{View: role.View{Role: role.Standby, Known: 7}, Terminals: &bus.TerminalState{HighestEpoch: 9}}
	},
	DivergentCommitted: func(int) Facts { return Facts{Updater: &bus.UpdaterState{Divergent: 3, DivergentCommitted: 1}} },
	ProcessFailed: func(int) Facts {
		return Facts{Processes: []ProcessFacts{{Name: "business.kv", GaveUp: true, Last: "exit 1"}}}
	},
	DiskNearlyFull: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{Disk: &bus.DiskSpace{Size: 20 << 30, Free: 1 << 20}}}
	},
	DiskUnfit:    func(int) Facts { return Facts{Updater: &bus.UpdaterState{Unfit: "out of inodes"}} },
	RestartStorm: func(n int) Facts { return Facts{Processes: []ProcessFacts{{Name: "business.kv", Restarts: n}}} },
	NoWitness:    func(int) Facts { return Facts{Witness: &WitnessFacts{Address: "w:1", Problem: "refused"}} },
	SoloTooLong:  func(int) Facts { return Facts{View: role.View{Role: role.Active, Mode: role.Solo}} },
	SlowDisk: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{OwnStuck: true, OldestFrame: 3 * time.Second}}
	},
	FewerTerminals: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{Attached: 5}}
	},
	Unattached:      func(int) Facts { return Facts{View: paired(), Terminals: &bus.TerminalState{Warm: 1}} },
	AuditUnfinished: func(int) Facts { return Facts{Unaudited: "a terminal did not answer"} },
	ClocksApart: func(int) Facts {
		own := clocks.Reading{Boot: time.Hour, Wall: time.Now().UnixNano()}
		return Facts{Clocks: clocks.Compare(own.Boot, own, time.Now().Add(time.Hour).UnixNano())}
	},
	IssuingKey: func(int) Facts { return Facts{Issuing: "the key file of the seal is lost"} },
	TokenMisused: func(int) Facts {
		return Facts{View: paired(), Misused: []string{"till-7"}}
	},
	ClockWrong: func(int) Facts { return Facts{Built: time.Now().Add(time.Hour)} },
	PairTimeAhead: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{PairTime: time.Now().Add(time.Hour).UnixNano()}}
	},
	EventsUnsaved: func(int) Facts { return Facts{Unsaved: errors.New("no space")} },
	LoginsRefused: func(int) Facts { return Facts{Logins: "a refused at least 5 logins"} },
	BackupsOld: func(int) Facts {
		return Facts{View: role.View{Role: role.Active}, Backups: &backups.Upkeep{Every: time.Hour, Old: true}}
	},
	TimersParked: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{Timers: outbox.TimerState{Kept: 3, Parked: 1}}}
	},
	NoticesRefused: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{Notices: outbox.NoticeState{Terminals: 5, Failing: 2}}}
	},
	NoticesMissed: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{Notices: outbox.NoticeState{Missed: 7, MissedAt: time.Now().Add(-time.Minute)}}}
	},
	EmissionsParked: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{}, Emissions: outbox.EmissionState{Waiting: 3, Parked: 1}}
	},
	EmissionsDeferred: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{}, Emissions: outbox.EmissionState{Waiting: 3, Deferred: true}}
	},
	TargetFailing: func(int) Facts {
		now := time.Now()
		return Facts{View: paired(), Wall: now, Terminals: &bus.TerminalState{}, Emissions: outbox.EmissionState{Failing: "billing", Since: now.Add(-time.Hour), Why: "it answered 503"}}
	},
	CourierDown: func(int) Facts { return Facts{View: paired(), Terminals: &bus.TerminalState{}, NoCourier: true} },
	QueueDeferred: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{QueueDeferred: "17 MiB of answers are kept for the queue of terminal t1"}}
	},
	NumberReused: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{Reused: bus.NumbersReused{Count: 2, Terminal: "t1", At: time.Now().Add(-time.Minute)}}}
	},
	TerminalTwice: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{Directories: bus.DirectoriesSeen{Renewed: 1, Last: "t1", Twice: "t1", TwiceAt: time.Now()}}}
	},
	CommandsUnknown: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{Commands: bus.CommandsUnsettled{Unknown: 1, UnknownAt: time.Now(), Last: "gate.open of terminal t1"}}}
	},
	CommandsLate: func(int) Facts {
		return Facts{Updater: &bus.UpdaterState{Commands: bus.CommandsUnsettled{Late: 2, LateAt: time.Now(), LastLate: "gate.open of terminal t1"}}}
	},
	TimersDeferred: func(int) Facts {
		return Facts{View: paired(), Terminals: &bus.TerminalState{Timers: outbox.TimerState{Kept: 3, Deferred: "no clock is believed"}}}
	},
	BackupFailed: func(int) Facts {
		return Facts{Backups: &backups.Upkeep{Failed: &backups.Failure{Tries: 1, Why: "/backup is not there"}}}
	},
	TrailIncomplete: func(n int) Facts {
		t := trail.Standing{To: "/t", Lost: 3, LostAt: time.Now()}
		if n%2 > 0 {
			t = trail.Standing{To: "/t", Problem: "no space"}
		}
		return Facts{Trail: &t}
	},

	CertificateEnding: func(int) Facts { return Facts{Wires: certificate(identity.Over, "")} },
	CertificateDue:    func(int) Facts { return Facts{Wires: certificate(identity.Due, "")} },
	CertificateUnusable: func(int) Facts {
		return Facts{Wires: certificate(identity.Fresh, "HOTPAIR_TLS_KEY: others can read the private key")}
	},
	PeerCertificate: func(int) Facts {
		w := certificate(identity.Fresh, "")
		w.Peers = []wires.OtherEnd{{Name: "spiffe://p/host/b", Age: identity.Ending}}
		return Facts{Wires: w}
	},
	WiresPlain: func(int) Facts { return Facts{Wires: wires.Seen{Insecure: true}} },
}

// certificate is what a host with TLS sees of its own certificate.
func certificate(age identity.Age, fault string) wires.Seen {
	return wires.Seen{TLS: true, Certificate: identity.State{Name: "spiffe://p/host/a", Age: age, Fault: fault}}
}

// paired is what an active sees whose standby reaches no terminal.
func paired() role.View {
	return role.View{Role: role.Active, Serving: true, Mode: role.Paired, HasPeer: true, Lives: true, Peer: role.PeerView{Member: role.Member{Host: "b"}, Role: role.Standby}}
}

// elsewhere are the alarms that others raise, with the test that makes their cause.
var elsewhere = map[string]string{
	UpdatesLost:    "TestAudit_SumsUpAndTellsEverywhere",
	VerifyMismatch: "TestVerify_RaisesWhatDiffers",
	Paused:         "TestPause_RaisesItsAlarms",
	PauseEnding:    "TestPause_RaisesItsAlarms",
	SettingsDiffer: "TestFault_B7_SettingsThatDifferAreAnAlarm",
}

// made are the alarms whose cause is made to whole hosts, with the test that does it: that their facts are gathered is shown there.
var made = map[string]string{
	NoWitness: "TestFault_B12_CausesRaiseTheirAlarms", SoloTooLong: "TestFault_B12_CausesRaiseTheirAlarms", WitnessReplaced: "TestFault_B12_CausesRaiseTheirAlarms",
	PeerRefuses: "TestFault_B12_CausesRaiseTheirAlarms", RestartStorm: "TestFault_B12_CausesRaiseTheirAlarms", FewerTerminals: "TestFault_B12_CausesRaiseTheirAlarms",
	PairTimeAhead: "TestFault_B12_CausesRaiseTheirAlarms", ClocksApart: "TestFault_B12_CausesRaiseTheirAlarms", ProcessFailed: "TestFault_B12_CausesRaiseTheirAlarms",
	EpochAhead: "TestFault_B12_CausesRaiseTheirAlarms", DivergentCommitted: "TestFault_B12_CausesRaiseTheirAlarms", EventsUnsaved: "TestFault_B12_CausesRaiseTheirAlarms",
	OtherPair: "TestFault_B12_CausesRaiseTheirAlarms", RecordLost: "TestFault_B12_CausesRaiseTheirAlarms", TwoActives: "TestFault_B12_CausesRaiseTheirAlarms",
	DiskUnfit: "TestFault_B12_CausesRaiseTheirAlarms", DiskNearlyFull: "TestFault_B12_CausesRaiseTheirAlarms", ClockWrong: "TestFault_B12_CausesRaiseTheirAlarms",
	SlowDisk: "TestFault_B12_SlowDisksAreAlarmed", Unattached: "TestFault_B12_SlowDisksAreAlarmed", Restored: "TestFault_A14_RestoredCopy",
	CertificateEnding: "TestCertificates_OfWholeProcesses", CertificateDue: "TestCertificates_OfWholeProcesses", CertificateUnusable: "TestCertificates_OfWholeProcesses",
	PeerCertificate: "TestCertificates_OfWholeProcesses", TrailIncomplete: "TestFault_B12_CausesRaiseTheirAlarms", LoginsRefused: "TestFault_B12_CausesRaiseTheirAlarms",
	BackupsOld: "TestBackups_OfAPairByItself", BackupFailed: "TestBackups_OfAPairByItself", TokenMisused: "TestEnrolment_OfALab", IssuingKey: "TestEnrolment_OfALab",
	EmissionsParked: "TestEmissions_ParkedUntilAnOperatorSaysSo", EmissionsDeferred: "TestEmissions_DeferredAfterAForcedPromotion",
	TargetFailing: "TestEmissions_OfATargetThatFails", CourierDown: "TestEmissions_WithoutACourier",
	TerminalTwice: "TestGate_OpensOnceOrSomebodyIsTold", CommandsUnknown: "TestGate_OpensOnceOrSomebodyIsTold", CommandsLate: "TestGate_OpensOnceOrSomebodyIsTold",
	QueueDeferred: "TestQueue_ItsAnswersAreBoundedAndNeverDropped", NumberReused: "TestQueue_ANumberUsedTwiceIsRefused",
	TimersParked: "TestTimers_ParkedUntilAnOperatorSaysSo", TimersDeferred: "TestTimers_DeferredWhileClocksAreInDoubt",
}

// shownBelow are the alarms whose cause a test of whole hosts can't make, with why, and the test that shows their facts where they are
// gathered.
var shownBelow = map[string]string{
	// An audit gives up after five tries; whoever does not answer for so long is restarted, or the term ends.
	AuditUnfinished: "TestAudit_GoesOnAfterARestart",
	// No agent refuses what is right, and as many notices as are too many are more than a test of whole hosts has time for.
	NoticesRefused: "TestDelivery_ATerminalThatTakesNothingCostsItselfOnly", NoticesMissed: "TestDelivery_TellsOfGapsAndOfWhatIsVoid",
	// The world is one process, and the cluster one machine: nothing of theirs is met by another one.
	WiresPlain: "TestSeen_OfAllProcesses",
}

// Who raises an alarm is told what it judges by; that this comes about is shown by a test that makes the cause.
func TestFault_B12_EveryAlarmHasACauseThatIsMade(t *testing.T) {
	tests := testsBelow(t, "..") + testsBelow(t, "../../simulator")
	for _, kind := range Table() {
		name := made[kind.ID] + shownBelow[kind.ID] + elsewhere[kind.ID]
		if name == "" || !strings.Contains(tests, "func "+name) {
			t.Errorf("%s: there is no test %q", kind.ID, name)
		}
	}
}

// The guide promised an alarm that nothing raised: a host with another secret was refused without a word. Every alarm of the guide is
// raised here by a watch that sees its cause, or by the test that is named.
func TestFault_B12_EveryAlarmOfTheGuideIsRaisedByItsCause(t *testing.T) {
	guide, err := os.ReadFile("../../deployments/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsBelow(t, "..")
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (critical|warning) \\|").FindAllStringSubmatch(string(guide), -1)
	if len(rows) != len(Table()) {
		t.Errorf("the guide has %d alarms, the table %d", len(rows), len(Table()))
	}
	for _, row := range rows {
		id := row[1]
		if name, is := elsewhere[id]; is {
			if !strings.Contains(tests, "func "+name+"(") {
				t.Errorf("%s: there is no %s", id, name)
			}
			continue
		}
		cause, is := causes[id]
		if !is {
			t.Errorf("%s: no test makes its cause", id)
			continue
		}
		a := NewSet("a", 1)
		w := NewWatch(a, nil)
		for n := range 30 {
			f := cause(n)
			f.Host, f.Lease, f.Now, f.Wall = "a", time.Hour, time.Hour+time.Duration(n)*time.Second, time.Now()
			w.look(f.Now, judge(f, w.earlier.add(f), a.IsRaised(DiskNearlyFull)))
		}
		if !a.IsRaised(id) {
			t.Errorf("%s: not raised by its cause; raised are %v", id, a.List())
		}
	}
}

// testsBelow gives the text of all tests below a folder.
func testsBelow(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
