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
	id       string
	severity string
	remedy   string
	// after is how long its cause must be seen before it is raised, calm how long the cause must be gone before it ends:
	// so that nothing that comes and goes wakes anybody twice. For causes that main watches itself.
	after, calm time.Duration
	acknowledge bool
}

// kindOf gives the kind of an id. One that stands in no table is a warning without a remedy.
func kindOf(id string) alarmKind {
	table := alarmTable()
	if i := slices.IndexFunc(table, func(k alarmKind) bool { return k.id == id }); i >= 0 {
		return table[i]
	}
	return alarmKind{id: id, severity: bus.Warning, remedy: "see the host's log"}
}

// alarmTable has all alarms, the worst first.
func alarmTable() []alarmKind {
	return []alarmKind{
		{id: alarmUpdatesLost, severity: bus.Critical, acknowledge: true,
			remedy: "Find out with hotpair history and the receipts named here what is missing, repeat those requests, then hotpair alarms ack updates-lost."},
		{id: alarmTwoActives, severity: bus.Critical, calm: 5 * time.Second,
			remedy: "Stop the host with the lower epoch; hotpair explain on both says what each rests on."},
		{id: alarmOtherPair, severity: bus.Critical,
			remedy: "Point HOTPAIR_PEER_LINK and HOTPAIR_WITNESS of both hosts at each other and at the same witness; a replaced host needs hotpair admit."},
		{id: alarmPeerRefuses, severity: bus.Critical, after: 2 * time.Second, calm: 2 * time.Second,
			remedy: "Mend what the other host names: version, pair, witness and secret must be the same on both."},
		{id: alarmEpochAhead, severity: bus.Critical, after: 2 * time.Second, calm: 2 * time.Second,
			remedy: "Two pairs share a terminal, or this host came back with old data: keep it from serving until that is clear."},
		{id: alarmVerifyMismatch, severity: bus.Critical,
			remedy: "hotpair verify names the keys; hotpair verify --repair makes the standby's equal to the active's."},
		{id: alarmAsideCommitted, severity: bus.Critical, calm: 5 * time.Second,
			remedy: "hotpair history diverged shows them; repeat what is missing, because somebody was told that it is done, then move the files out of the data directory."},
		{id: alarmAside, severity: bus.Warning, calm: 5 * time.Second,
			remedy: "hotpair history diverged shows them; repeat what is still wanted, then move the files out of the data directory."},
		{id: alarmProcessFailed, severity: bus.Critical, calm: 10 * time.Second,
			remedy: "The host's log says why it ends; it is tried again and again meanwhile."},
		{id: alarmDiskNearlyFull, severity: bus.Critical, after: 2 * time.Second, calm: 10 * time.Second,
			remedy: "Make room on the disk of HOTPAIR_DATA; a host without room can't take over."},
		{id: alarmRestartStorm, severity: bus.Warning, calm: 30 * time.Second,
			remedy: "The host's log says why the process ends each time; hotpair switchover moves the work to the other host meanwhile."},
		{id: alarmNoWitness, severity: bus.Warning, after: 2 * time.Second, calm: 2 * time.Second,
			remedy: "Start the witness, or mend the way to it; until then do nothing that stops a host."},
		{id: alarmSoloTooLong, severity: bus.Warning, after: 10 * time.Second, calm: time.Second,
			remedy: "Start the other host, or mend the way to it; hotpair status says how far it has come."},
		{id: alarmSlowDisk, severity: bus.Warning, after: 10 * time.Second, calm: 30 * time.Second,
			remedy: "Look for what else uses the disk of HOTPAIR_DATA; every update waits for its fsync."},
		{id: alarmAuditUnfinished, severity: bus.Warning,
			remedy: "The next takeover or switchover audits again; the text says what stood in the way."},
		{id: alarmPaused, severity: bus.Warning,
			remedy: "Automatic takeover is off: hotpair resume when the maintenance is done."},
		{id: alarmPauseEnding, severity: bus.Warning,
			remedy: "Finish the maintenance, or hotpair pause again for longer."},
		{id: alarmEventsUnsaved, severity: bus.Warning, calm: 10 * time.Second,
			remedy: "Events of this host are only in its memory and its log until the disk of HOTPAIR_DATA takes writes again; restart the host once it does."},
	}
}
