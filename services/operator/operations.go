package operator

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

const (
	// answerWithin is the deadline of a short call.
	answerWithin = 10 * time.Second
	// DefaultHistory and MaxHistory bound a page of the history, in updates.
	DefaultHistory = 50
	MaxHistory     = 1000
	// DefaultTerminals and MaxTerminals bound a page of terminals, MaxProbed one of probes: each may be silent for seconds.
	DefaultTerminals = 500
	MaxTerminals     = 1000
	MaxProbed        = 100
	// MaxChanged bounds one change of the table of terminals, so that it fits into a request's body.
	MaxChanged = 500
)

// State and history of a host and the pair.
var (
	CallStatus = Operation[None, Status]{Name: "status", Method: http.MethodGet, Path: "/api/v1/status", Where: Own, Role: Anyone, Within: answerWithin,
		Says: "The status of this host and its view of the pair. It answers whatever else is down, and anybody on its own machine."}
	CallPeer = Operation[None, Status]{Name: "peer", Method: http.MethodGet, Path: "/api/v1/peer", Where: Own, Role: View, Within: answerWithin,
		Says: "The other host's status, requested over the link."}
	CallSeries = Operation[None, Series]{Name: "series", Method: http.MethodGet, Path: "/api/v1/series", Where: Own, Role: View, Within: answerWithin,
		Says: "Rates and latencies of the last ten minutes."}
	CallHistory = Operation[bus.HistoryRequest, bus.HistoryPage]{Name: "history", Method: http.MethodGet, Path: "/api/v1/history", Where: Own, Role: View, Within: answerWithin, Costly: true,
		Says: "A page of the update history, oldest first.", Unless: bus.HistoryRequest{Limit: DefaultHistory},
		Check: func(q *bus.HistoryRequest) error { return bounded("limit", q.Limit, MaxHistory) }}
	CallDiverged = Operation[bus.DivergentRequest, bus.DivergentPage]{Name: "history diverged", Method: http.MethodGet, Path: "/api/v1/history/diverged", Where: Own, Role: View, Within: answerWithin, Costly: true,
		Says: "Divergent updates, which only this host had: the files, or the updates in one.",
		Check: func(q *bus.DivergentRequest) error {
			if q.Limit > MaxHistory || q.From > math.MaxInt32 {
				return fmt.Errorf("%w: limit is at most %d", ErrUsage, MaxHistory)
			}
			return nil
		}}
	CallForgetDiverged = Operation[bus.ForgetDivergent, bus.DivergentForgotten]{Name: "forgetting of what diverged", Method: http.MethodPost, Path: "/api/v1/history/diverged/forget", Where: Own, Role: Administer, Within: answerWithin,
		Says: "Makes this host no longer count and show divergent updates. The files are kept, under other names.", Detail: func(q bus.ForgetDivergent) string { return cmp.Or(q.File, "all files") }}
	CallEvents = Operation[EventsQuery, bus.EventsPage]{Name: "events", Method: http.MethodGet, Path: "/api/v1/events", Where: Own, Role: View, Within: answerWithin + WaitMost,
		Says: "A page of the pair's log of events, oldest first.", Unless: EventsQuery{Limit: DefaultEvents}, Check: (*EventsQuery).check}
	CallAlarms = Operation[None, AlarmList]{Name: "alarms", Method: http.MethodGet, Path: "/api/v1/alarms", Where: Own, Role: View, Within: answerWithin,
		Says: "The raised alarms, the worst first."}
	CallAckAlarm = Operation[AckRequest, Acknowledged]{Name: "alarms ack", Method: http.MethodPost, Path: "/api/v1/alarms/ack", Where: Active, Role: Operate, Within: answerWithin,
		Says: "Acknowledges an alarm, which clears it.", Check: (*AckRequest).check, Detail: func(q AckRequest) string { return q.ID }}
)

// Changes of roles, and predictions.
var (
	CallSwitchover = Operation[None, Switchover]{Name: "switchover", Method: http.MethodPost, Path: "/api/v1/switchover", Where: Active, Role: Operate, Within: 30 * time.Second,
		Says: "Makes the other host active, and answers once it serves."}
	CallSchedule = Operation[ScheduleRequest, Scheduled]{Name: "switchover-schedule", Method: http.MethodPost, Path: "/api/v1/switchover/schedule", Where: Active, Role: Operate, Within: answerWithin,
		Says: "Schedules a switchover of the active.", Check: (*ScheduleRequest).check}
	CallCancelSchedule = Operation[None, Scheduled]{Name: "switchover-cancel", Method: http.MethodPost, Path: "/api/v1/switchover/cancel", Where: Active, Role: Operate, Within: answerWithin,
		Says: "Cancels the scheduled switchover."}
	// A pause is a compare-and-set, after the one that may be under way.
	CallPause = Operation[PauseRequest, PauseResult]{Name: "pause", Method: http.MethodPost, Path: "/api/v1/pause", Where: Either, Role: Operate, Within: 15 * time.Second,
		Says: "Pauses automatic takeover for a while.", Check: (*PauseRequest).check}
	CallResume = Operation[None, PauseResult]{Name: "resume", Method: http.MethodPost, Path: "/api/v1/resume", Where: Either, Role: Operate, Within: 15 * time.Second,
		Says: "Ends a pause."}
	CallExplain = Operation[None, Explanation]{Name: "explain", Method: http.MethodGet, Path: "/api/v1/explain", Where: Both, Role: View, Within: 5 * time.Second,
		Says: "Why the pair is in its state, and what the next failure would do."}
	// Both hosts write to their disks and ask their terminals.
	CallDoctor = Operation[None, Diagnosis]{Name: "doctor", Method: http.MethodGet, Path: "/api/v1/doctor", Where: Both, Role: View, Within: 10 * time.Second, Costly: true,
		Says: "Examines both hosts: could a takeover succeed right now?"}
	CallSettings = Operation[None, config.PairSettings]{Name: "settings", Method: http.MethodGet, Path: "/api/v1/settings", Where: Both, Role: View, Within: 5 * time.Second,
		Says: "The settings of both hosts, and the differences. Of a secret it says only whether it is set."}
	CallPromotePlan = Operation[None, PromotePlan]{Name: "promote plan", Method: http.MethodGet, Path: pathPromotePlan, Where: Own, Role: View, Within: answerWithin,
		Says: "What a forced promotion of this host would lose; changes nothing."}
	CallPromote = Operation[PromoteRequest, Promoted]{Name: "promote", Method: http.MethodPost, Path: "/api/v1/promote", Where: Own, Role: Administer, Within: 30 * time.Second,
		Says: "Makes this host serve, accepting the loss of updates.", Check: (*PromoteRequest).check}
	CallAdmit = Operation[AdmitRequest, Admitted]{Name: "admit", Method: http.MethodPost, Path: "/api/v1/admit", Where: Either, Role: Administer, Within: 30 * time.Second,
		Says: "Admits a replaced host or witness.", Check: (*AdmitRequest).check}
)

// The data of the pair, and its terminals.
var (
	CallTerminals = Operation[TerminalsRequest, TerminalsPage]{Name: "terminals", Method: http.MethodGet, Path: "/api/v1/terminals", Where: Both, Role: View, Within: answerWithin,
		Says: "The terminals, and their state at both hosts.", Unless: TerminalsRequest{Limit: DefaultTerminals},
		Check: func(q *TerminalsRequest) error { return bounded("limit", q.Limit, MaxTerminals) }}
	CallAddTerminals = Operation[AddTerminals, TerminalsChanged]{Name: "addition of terminals", Method: http.MethodPost, Path: "/api/v1/terminals/add", Where: Active, Role: Administer, Within: 30 * time.Second,
		Says: "Adds terminals on both hosts.", Check: func(q *AddTerminals) error { return bounded("the number of terminals", len(q.Terminals), MaxChanged) }}
	CallRemoveTerminals = Operation[RemoveTerminals, TerminalsChanged]{Name: "removal of terminals", Method: http.MethodPost, Path: "/api/v1/terminals/remove", Where: Active, Role: Administer, Within: 30 * time.Second,
		Says: "Removes terminals on both hosts.", Check: func(q *RemoveTerminals) error { return bounded("the number of ids", len(q.IDs), MaxChanged) }}
	CallProbeTerminals = Operation[ProbeRequest, ProbePage]{Name: "terminals probe", Method: http.MethodPost, Path: "/api/v1/terminals/probe", Where: Both, Role: View, Within: 25 * time.Second,
		Says: "Checks from both hosts whether terminals could be served.", Check: (*ProbeRequest).check}
	CallTerminalTokens = Operation[certificates.TokensRequest, certificates.TerminalTokens]{Name: "tokens for terminals", Method: http.MethodPost, Path: "/api/v1/terminals/tokens", Where: Active, Role: Administer, Within: 30 * time.Second,
		Says: "Makes one-time tokens with which terminals enrol. They are shown only here.", Check: func(q *certificates.TokensRequest) error { return bounded("the number of ids", len(q.IDs), MaxChanged) }}
	CallRevokeTerminals = Operation[certificates.RevokeTerminals, certificates.TerminalsRevoked]{Name: "withdrawal of certificates", Method: http.MethodPost, Path: "/api/v1/terminals/revoke", Where: Active, Role: Administer, Within: 30 * time.Second,
		Says: "Withdraws certificates and tokens of terminals. Both hosts disconnect from them at once.", Check: func(q *certificates.RevokeTerminals) error {
			return bounded("the number of ids", len(q.IDs), MaxChanged)
		}}
	CallRotateReceipts = Operation[None, receipt.Rotated]{Name: "change of the key of receipts", Method: http.MethodPost, Path: "/api/v1/terminals/receipts/rotate", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Signs receipts with a new key from now on. Those of the previous key can still be verified."}
	CallTimers = Operation[agenda.List, agenda.Listed]{Name: "timers", Method: http.MethodGet, Path: "/api/v1/timers", Where: Active, Role: View, Within: answerWithin,
		Says: "Timers of services, and which are parked because they failed too often.", Unless: agenda.List{Limit: 100},
		Check: func(q *agenda.List) error { return bounded("limit", q.Limit, agenda.MostListed) }}
	CallReleaseTimer = Operation[agenda.Change, agenda.Changed]{Name: "release of a timer", Method: http.MethodPost, Path: "/api/v1/timers/release", Where: Active, Role: Operate, Within: 15 * time.Second,
		Says: "Runs a parked timer again.", Check: func(q *agenda.Change) error { return named(q, false) }}
	CallDropTimer = Operation[agenda.Change, agenda.Changed]{Name: "drop of a timer", Method: http.MethodPost, Path: "/api/v1/timers/drop", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Drops a timer: its operation is not done.", Check: func(q *agenda.Change) error { return named(q, true) }}
	CallNotices = Operation[delivery.WaitingQuestion, delivery.WaitingNotices]{Name: "notices", Method: http.MethodGet, Path: "/api/v1/notices", Where: Active, Role: View, Within: answerWithin,
		Says: "Notices of services to terminals, and which still wait.", Unless: delivery.WaitingQuestion{Limit: 100},
		Check: func(q *delivery.WaitingQuestion) error { return bounded("limit", q.Limit, delivery.MostListed) }}
	CallVerify = Operation[VerifyRequest, bus.VerifyState]{Name: "verify", Method: http.MethodPost, Path: "/api/v1/verify/begin", Where: Active, Role: Operate, Within: answerWithin,
		Says: "Begins a comparison of both databases, in service."}
	CallVerifyState = Operation[None, bus.VerifyState]{Name: "state of verify", Method: http.MethodGet, Path: "/api/v1/verify", Where: Known, Role: View, Within: answerWithin,
		Says: "The progress of the comparison of both databases, or the result of the last one."}
	CallStopVerify = Operation[None, bus.VerifyState]{Name: "end of verify", Method: http.MethodPost, Path: "/api/v1/verify/stop", Where: Active, Role: Operate, Within: answerWithin,
		Says: "Ends a comparison."}
	CallLevels = Operation[None, bus.Levels]{Name: "upgrade", Method: http.MethodGet, Path: "/api/v1/upgrade", Where: Active, Role: View, Within: answerWithin,
		Says: "The level that the pair is at, and the levels that both hosts know."}
	CallRise = Operation[None, bus.Levels]{Name: "upgrade finish", Method: http.MethodPost, Path: "/api/v1/upgrade/finish", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Raises the level of the pair to the newest that both hosts know. The previous version can't serve the pair from then on."}
	CallBackups = Operation[None, backups.Overview]{Name: "backup list", Method: http.MethodGet, Path: "/api/v1/backups", Where: Own, Role: View, Within: 30 * time.Second, Costly: true,
		Says: "The automatic backups of the pair: their state, and the content of this host's backup destination."}
	CallMakeBackup = Operation[None, backups.Ordered]{Name: "backup now", Method: http.MethodPost, Path: "/api/v1/backups/make", Where: Active, Role: Operate, Within: 15 * time.Second,
		Says: "Makes a backup now, on the host whose turn it is. The status of both hosts shows the result."}
	// CallBackup has no deadline: it depends on the size of the database.
	CallBackup = Operation[None, File]{Name: "backup", Method: http.MethodPost, Path: "/api/v1/backup", Where: Own, Role: Administer,
		Says: "A backup of this host's database, as a file for hotpair restore. One that breaks off says why in the trailer Hotpair-Problem, and is incomplete."}
)

// Parts of operations that each host answers for itself.
var (
	PartLook                        = Part[LookRequest, Look]{"look"}
	PartExplain                     = Part[None, OwnView]{"explain-own"}
	PartExamine                     = Part[None, Examination]{"examine-own"}
	PartSettings                    = Part[None, config.HostSettings]{"settings-own"}
	PartTerminals                   = Part[bus.ListTerminals, bus.ListedTerminals]{"list-terminals"}
	PartClaimBackup, PartMakeBackup = Part[None, backups.Claim]{"claim-backup"}, Part[None, backups.Ordered]{"make-backup"}
	PartNoteBackup                  = Part[backups.Note, backups.Record]{"note-backup"}
	PartProbe                       = Part[bus.ProbeTerminals, bus.ProbedTerminals]{"probe-terminals"}
)

// Operations returns the table.
func Operations() []Info {
	return []Info{
		CallStatus.Info(), CallPeer.Info(), CallSeries.Info(), CallHistory.Info(), CallDiverged.Info(), CallForgetDiverged.Info(), CallEvents.Info(), CallAlarms.Info(), CallAckAlarm.Info(),
		CallSwitchover.Info(), CallSchedule.Info(), CallCancelSchedule.Info(), CallPause.Info(), CallResume.Info(), CallExplain.Info(), CallDoctor.Info(), CallSettings.Info(),
		CallPromotePlan.Info(), CallPromote.Info(), CallAdmit.Info(),
		CallTerminals.Info(), CallAddTerminals.Info(), CallRemoveTerminals.Info(), CallProbeTerminals.Info(), CallTerminalTokens.Info(), CallRevokeTerminals.Info(), CallRotateReceipts.Info(),
		CallServices.Info(), CallRestartService.Info(), CallServiceLog.Info(),
		CallTimers.Info(), CallReleaseTimer.Info(), CallDropTimer.Info(), CallNotices.Info(),
		CallEmissions.Info(), CallReleaseEmission.Info(), CallDropEmission.Info(), CallReleaseDeferred.Info(), CallTargets.Info(), CallSetTarget.Info(), CallRemoveTarget.Info(),
		CallVerify.Info(), CallVerifyState.Info(), CallStopVerify.Info(), CallLevels.Info(), CallRise.Info(), CallBackup.Info(), CallBackups.Info(), CallMakeBackup.Info(),
		CallWho.Info(), CallOperators.Info(), CallAddOperator.Info(), CallRotateOperator.Info(), CallRemoveOperator.Info(),
	}
}

// Longest is the longest deadline of the operations that have one.
func Longest() (longest time.Duration) {
	for _, o := range Operations() {
		longest = max(longest, o.Within)
	}
	return longest
}

// named refuses a request that names no timer, and sets whether it drops.
func named(q *agenda.Change, drop bool) error {
	if q.Drop = drop; !bus.ValidName(q.Service) || q.Key == "" || len(q.Key) > outbox.MaxKey {
		return fmt.Errorf("%w: name the timer by its service and its key", ErrUsage)
	}
	return nil
}

// bounded refuses a number that is not in 1 to a bound.
func bounded(what string, n, most int) error {
	if n < 1 || n > most {
		return fmt.Errorf("%w: %s is 1 to %d", ErrUsage, what, most)
	}
	return nil
}
