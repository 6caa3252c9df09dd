package mainprocess

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Ids of alarms. They are stable: hooks, rules and the operations guide name them.
const (
	alarmUpdatesLost     = "updates-lost"
	alarmTwoActives      = "two-actives"
	alarmOtherPair       = "other-pair"
	alarmPeerRefuses     = "peer-refuses"
	alarmEpochAhead      = "epoch-ahead"
	alarmVerifyMismatch  = "verify-mismatch"
	alarmAsideCommitted  = "committed-aside"
	alarmAside           = "updates-aside"
	alarmProcessFailed   = "process-failed"
	alarmDiskNearlyFull  = "disk-nearly-full"
	alarmRestartStorm    = "restart-storm"
	alarmNoWitness       = "no-witness"
	alarmSoloTooLong     = "solo-too-long"
	alarmSlowDisk        = "fsync-slow"
	alarmAuditUnfinished = "audit-unfinished"
	alarmPaused          = "paused"
	alarmPauseEnding     = "pause-ending"
	alarmEventsUnsaved   = "events-unsaved"
)

// alarmKind is what is known of an alarm before it is raised.
type alarmKind struct {
	ID       string
	Severity string
	Remedy   string
	// After is how long its cause must be seen before it is raised, Calm how long the cause must be gone before it ends:
	// so that nothing that comes and goes wakes anybody twice. For causes that main watches itself.
	After, Calm time.Duration
	Acknowledge bool
}

// kindOf gives the kind of an id. One that stands in no table is a warning without a remedy.
func kindOf(id string) alarmKind {
	table := alarmTable()
	if i := slices.IndexFunc(table, func(k alarmKind) bool { return k.ID == id }); i >= 0 {
		return table[i]
	}
	return alarmKind{ID: id, Severity: bus.Warning, Remedy: "see the host's log"}
}

// alarmTable has all alarms, the worst first.
func alarmTable() []alarmKind {
	return []alarmKind{
		{ID: alarmUpdatesLost, Severity: bus.Critical, Acknowledge: true,
			Remedy: "Find out with hotpair history and the receipts named here what is missing, repeat those requests, then hotpair alarms ack updates-lost."},
		{ID: alarmTwoActives, Severity: bus.Critical, Calm: 5 * time.Second,
			Remedy: "Stop the host with the lower epoch; hotpair explain on both says what each rests on."},
		{ID: alarmOtherPair, Severity: bus.Critical,
			Remedy: "Point HOTPAIR_PEER_LINK and HOTPAIR_WITNESS of both hosts at each other and at the same witness; a replaced host needs hotpair admit."},
		{ID: alarmPeerRefuses, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Mend what the other host names: version, pair, witness and secret must be the same on both."},
		{ID: alarmEpochAhead, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Two pairs share a terminal, or this host came back with old data: keep it from serving until that is clear."},
		{ID: alarmVerifyMismatch, Severity: bus.Critical,
			Remedy: "hotpair verify names the keys; hotpair verify --repair makes the standby's equal to the active's."},
		{ID: alarmAsideCommitted, Severity: bus.Critical, Calm: 5 * time.Second,
			Remedy: "hotpair history diverged shows them; repeat what is missing, because somebody was told that it is done, then move the files out of the data directory."},
		{ID: alarmAside, Severity: bus.Warning, Calm: 5 * time.Second,
			Remedy: "hotpair history diverged shows them; repeat what is still wanted, then move the files out of the data directory."},
		{ID: alarmProcessFailed, Severity: bus.Critical, Calm: 10 * time.Second,
			Remedy: "The host's log says why it ends; it is tried again and again meanwhile."},
		{ID: alarmDiskNearlyFull, Severity: bus.Critical, After: 2 * time.Second, Calm: 10 * time.Second,
			Remedy: "Make room on the disk of HOTPAIR_DATA; a host without room can't take over."},
		{ID: alarmRestartStorm, Severity: bus.Warning, Calm: 30 * time.Second,
			Remedy: "The host's log says why the process ends each time; hotpair switchover moves the work to the other host meanwhile."},
		{ID: alarmNoWitness, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Start the witness, or mend the way to it; until then do nothing that stops a host."},
		{ID: alarmSoloTooLong, Severity: bus.Warning, After: 10 * time.Second, Calm: time.Second,
			Remedy: "Start the other host, or mend the way to it; hotpair status says how far it has come."},
		{ID: alarmSlowDisk, Severity: bus.Warning, After: 10 * time.Second, Calm: 30 * time.Second,
			Remedy: "Look for what else uses the disk of HOTPAIR_DATA; every update waits for its fsync."},
		{ID: alarmAuditUnfinished, Severity: bus.Warning,
			Remedy: "The next takeover or switchover audits again; the text says what stood in the way."},
		{ID: alarmPaused, Severity: bus.Warning,
			Remedy: "Automatic takeover is off: hotpair resume when the maintenance is done."},
		{ID: alarmPauseEnding, Severity: bus.Warning,
			Remedy: "Finish the maintenance, or hotpair pause again for longer."},
		{ID: alarmEventsUnsaved, Severity: bus.Warning, Calm: 10 * time.Second,
			Remedy: "Events of this host are only in its memory and its log until the disk of HOTPAIR_DATA takes writes again; restart the host once it does."},
	}
}
