package alarms

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Ids of alarms. They are stable: hooks, rules and the operations guide name them.
const (
	UpdatesLost        = "updates-lost"
	TwoActives         = "two-actives"
	Restored           = "restored"
	OtherPair          = "other-pair"
	PeerRefuses        = "peer-refuses"
	EpochAhead         = "epoch-ahead"
	VerifyMismatch     = "verify-mismatch"
	DivergentCommitted = "committed-aside"
	SettingsDiffer     = "settings-differ"
	FewerTerminals     = "fewer-terminals"
	Unattached         = "terminals-unattached"
	ProcessFailed      = "process-failed"
	DiskNearlyFull     = "disk-nearly-full"
	DiskUnfit          = "disk-unfit"
	RestartStorm       = "restart-storm"
	NoWitness          = "no-witness"
	WitnessReplaced    = "witness-replaced"
	RecordLost         = "record-lost"
	SoloTooLong        = "solo-too-long"
	SlowDisk           = "fsync-slow"
	AuditUnfinished    = "audit-unfinished"
	Paused             = "paused"
	PauseEnding        = "pause-ending"
	EventsUnsaved      = "events-unsaved"
	ClocksApart        = "clocks-apart"
	ClockWrong         = "clock-wrong"
	PairTimeAhead      = "pair-time-ahead"
	TrailIncomplete    = "trail-incomplete"
	LoginsRefused      = "logins-refused"
	BackupsOld         = "backups-old"
	BackupFailed       = "backup-failed"
	TimersParked       = "timers-parked"
	TimersDeferred     = "timers-held"
	QueueDeferred      = "queue-answers-held"
	NumberReused       = "number-reused"
	TerminalTwice      = "terminal-twice"
	CommandsUnknown    = "commands-unknown"
	CommandsLate       = "commands-late"
	NoticesRefused     = "notices-refused"
	NoticesMissed      = "notices-missed"
	EmissionsParked    = "emissions-parked"
	EmissionsDeferred  = "emissions-held"
	TargetFailing      = "target-failing"
	CourierDown        = "courier-down"

	CertificateEnding   = "certificate-ending"
	CertificateDue      = "certificate-due"
	CertificateUnusable = "certificate-unusable"
	PeerCertificate     = "peer-certificate-ending"
	WiresPlain          = "wires-plain"
	IssuingKey          = "issuing-key"
	TokenMisused        = "token-misused"
)

// Kind describes an alarm: its severity, its remedy and the delays before it is raised and cleared.
type Kind struct {
	ID       string
	Severity string
	Remedy   string
	// After is how long the cause must last before the alarm is raised, Calm how long it must be gone before the
	// alarm is cleared, so that a flapping cause wakes nobody twice. Both apply to causes that main watches itself.
	After, Calm time.Duration
	Acknowledge bool
}

// KindOf returns the kind of an id. An id that is not in Table gets a warning without a remedy of its own.
func KindOf(id string) Kind {
	table := Table()
	if i := slices.IndexFunc(table, func(k Kind) bool { return k.ID == id }); i >= 0 {
		return table[i]
	}
	return Kind{ID: id, Severity: bus.Warning, Remedy: "see the host's log"}
}

// Table returns all alarms, the worst first.
func Table() []Kind {
	return []Kind{
		{ID: UpdatesLost, Severity: bus.Critical, Acknowledge: true,
			Remedy: "Find out with hotpair history and the receipts named here what is missing, repeat those requests, then hotpair alarms ack updates-lost."},
		{ID: TwoActives, Severity: bus.Critical, Calm: 5 * time.Second,
			Remedy: "Stop the host with the lower epoch; hotpair explain on both hosts shows why each serves."},
		{ID: Restored, Severity: bus.Critical,
			Remedy: "Find out whether the pair of the backup is still alive; then stop this host and choose with hotpair restore finish: the same pair, or a copy."},
		{ID: OtherPair, Severity: bus.Critical,
			Remedy: "Set HOTPAIR_PEER_LINK of each host to the other one and HOTPAIR_WITNESS of both to the same witness; a replaced host needs hotpair admit."},
		{ID: PeerRefuses, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Fix what the other host names: version, pair, witness and secret must be the same on both."},
		{ID: EpochAhead, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Two pairs share a terminal, or this host has old data: keep it from serving until you know which."},
		{ID: VerifyMismatch, Severity: bus.Critical,
			Remedy: "hotpair verify names the keys; hotpair verify --repair makes those of the standby equal to those of the active."},
		{ID: DivergentCommitted, Severity: bus.Critical, Calm: 5 * time.Second,
			Remedy: "hotpair history diverged shows the updates; repeat those that are missing, because their senders were told that they are done, then hotpair history diverged --forget."},
		{ID: ProcessFailed, Severity: bus.Critical, Calm: 10 * time.Second,
			Remedy: "The host's log says why the process ends; hotpair keeps restarting it."},
		{ID: DiskNearlyFull, Severity: bus.Critical, After: 2 * time.Second, Calm: 10 * time.Second,
			Remedy: "Make room on the disk of HOTPAIR_DATA; a host with a full disk can't take over."},
		{ID: DiskUnfit, Severity: bus.Critical, After: 2 * time.Second, Calm: 10 * time.Second,
			Remedy: "Make the disk of HOTPAIR_DATA writable again (space, inodes, mount options); until then this host can't take over."},
		{ID: CertificateEnding, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Write a new certificate and key to the files of HOTPAIR_TLS_CERT and HOTPAIR_TLS_KEY: they are read within 2 seconds, without a restart. Nobody refuses the old one."},
		{ID: RestartStorm, Severity: bus.Warning, Calm: 30 * time.Second,
			Remedy: "The host's log says why the process ends each time; hotpair switchover moves the work to the other host meanwhile."},
		{ID: NoWitness, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Start the witness, or fix the network to it; until then stop no host."},
		{ID: WitnessReplaced, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair admit witness, if the new one is intended; otherwise fix HOTPAIR_WITNESS. While nobody serves, make sure that both hosts run and reach each other: they write the record to it automatically."},
		{ID: RecordLost, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "The alarm says which host writes the record back, and what to do if it can't. While nobody serves, make sure that both hosts run and reach each other and the witness."},
		{ID: SoloTooLong, Severity: bus.Warning, After: 10 * time.Second, Calm: time.Second,
			Remedy: "Start the other host, or fix the network to it; hotpair status shows its progress."},
		{ID: SlowDisk, Severity: bus.Warning, After: 10 * time.Second, Calm: 30 * time.Second,
			Remedy: "Find out what else uses the disk of HOTPAIR_DATA; every update waits for its fsync."},
		{ID: SettingsDiffer, Severity: bus.Warning,
			Remedy: "hotpair settings shows both hosts side by side; set both to the same values and restart the host that is wrong: standby first, then hotpair switchover."},
		{ID: FewerTerminals, Severity: bus.Warning, After: 10 * time.Second, Calm: 5 * time.Second,
			Remedy: "hotpair terminals probe says what is wrong with each: after a takeover their requests would wait."},
		{ID: Unattached, Severity: bus.Warning, After: 10 * time.Second, Calm: 5 * time.Second,
			Remedy: "hotpair terminals and hotpair terminals probe say why they don't attach to this host; their requests wait."},
		{ID: ClocksApart, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Set the wrong clock and keep both synchronised (chrony, systemd-timesyncd); hotpair doctor shows the difference. Pair time follows neither clock until they agree."},
		{ID: ClockWrong, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Set the clock of this host and keep it synchronised (chrony, systemd-timesyncd)."},
		{ID: PairTimeAhead, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Run both hosts with correct clocks: pair time follows them within two minutes. Until then let the agent assign the request ids, which depend on no clock."},
		{ID: CertificateUnusable, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Fix the files of HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA: the alarm says what is wrong. Until then the last good ones stay in use, also after a restart."},
		{ID: CertificateDue, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Find out why the certificate was not renewed: two thirds of its lifetime are over. New files are read within 2 seconds, without a restart."},
		{ID: PeerCertificate, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Renew it on the machine that the alarm names: its files are read without a restart. Hosts and witness are accepted with an expired certificate; a terminal is refused 90 days after expiry."},
		{ID: WiresPlain, Severity: bus.Warning, After: 2 * time.Second,
			Remedy: "Give each member of the pair a certificate (HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY, HOTPAIR_TLS_CA) and remove HOTPAIR_INSECURE or HOTPAIR_TLS_OPTIONAL: anyone who reaches the network of the pair can act as a host."},
		{ID: TokenMisused, Severity: bus.Warning,
			Remedy: "Find out which machine has enrolled. If it is not the terminal, hotpair terminals revoke ID; then hotpair terminals token ID makes another token for the right one, which clears this alarm."},
		{ID: IssuingKey, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Restore the file that the alarm names. A lost seal or issuing key is replaced from the root: hotpair authority rotate. Until then this host enrols no terminal and renews no certificate; the service continues."},
		{ID: TimersParked, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair timers --parked shows which, and why each failed; fix the service, then hotpair timers release SERVICE KEY, or hotpair timers drop SERVICE KEY."},
		{ID: NoticesRefused, Severity: bus.Warning, After: 20 * time.Second, Calm: 5 * time.Second,
			Remedy: "hotpair notices --waiting shows the terminals with waiting notices, and the log of terminal-if says why; check the disk of such a terminal."},
		{ID: NoticesMissed, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "The log of terminal-if names the terminals; their applications were told, and ask the service for what they need."},
		{ID: TimersDeferred, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Start the other host, and set the clocks of both right (hotpair doctor shows them): deferred timers run when the clocks agree. For an unreadable timer: hotpair verify; if neither host can read it, hotpair timers drop SERVICE KEY."},
		{ID: QueueDeferred, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Let the first request in the queue of that terminal complete: GET /v1/status there shows since when it waits, usually for a service that is down or asks to retry. Nothing is lost, and requests that are not queued are still answered."},
		{ID: NumberReused, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Find out whether a copy of that terminal runs, and stop the copy. Then stop the terminal's agent, empty its HOTPAIR_DATA (queued requests are in queue.db) and let it run again: it gets unused numbers."},
		{ID: TerminalTwice, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Find the two machines that act as that terminal: one has a copy of its settings, or was meant to replace it. Shut one of them down. Until then each receives notices meant for the other, and sends requests in its name."},
		{ID: CommandsUnknown, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Check on the spot whether the named command was carried out, and any others that the log of the updater names: a command is never handed out twice. If it was not carried out, let the service issue it again."},
		{ID: CommandsLate, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Check that the application that carries out such commands runs at that terminal, and that the terminal is connected (hotpair terminals). A late command is not carried out: if it still matters, let the service issue it again."},
		{ID: EmissionsParked, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair emissions shows which, and what the target answered; fix the cause, then hotpair emissions release TARGET/LANE, or hotpair emissions drop TARGET/LANE."},
		{ID: EmissionsDeferred, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair emissions --waiting shows what waits; find out which of it the targets have already, drop what must not be sent, then hotpair emissions release --held."},
		{ID: TargetFailing, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Fix the named target, or its settings: hotpair targets set NAME … retries at once. Otherwise it is retried every five minutes, or after the delay that the target asks for, at most an hour; nothing is lost meanwhile."},
		{ID: CourierDown, Severity: bus.Warning, After: 10 * time.Second, Calm: 2 * time.Second,
			Remedy: "The host's log says why the courier ends; hotpair keeps restarting it. Nothing is lost, and after hotpair switchover the other host sends."},
		{ID: AuditUnfinished, Severity: bus.Warning,
			Remedy: "The next takeover or switchover audits again; the alarm says what prevented this audit."},
		{ID: Paused, Severity: bus.Warning,
			Remedy: "Automatic takeover is paused: hotpair resume when the maintenance is done."},
		{ID: PauseEnding, Severity: bus.Warning,
			Remedy: "Finish the maintenance, or hotpair pause again for longer."},
		{ID: EventsUnsaved, Severity: bus.Warning, Calm: 10 * time.Second,
			Remedy: "Events of this host are only in memory and in its log until the disk of HOTPAIR_DATA is writable again; restart the host once it is."},
		{ID: LoginsRefused, Severity: bus.Warning, Calm: 5 * time.Second,
			Remedy: "The host's log and the audit trail name the addresses and the calls. A program with an old token needs another one (hotpair operators rotate); block HOTPAIR_HTTP for addresses that should not call it. Nobody is locked out."},
		{ID: BackupsOld, Severity: bus.Warning, After: 2 * time.Second, Calm: time.Second,
			Remedy: "hotpair status of both hosts says why the last attempt failed; fix that, then hotpair backup now. Until then updates since the last good backup are on the two hosts only."},
		{ID: BackupFailed, Severity: bus.Warning, Calm: time.Second,
			Remedy: "The alarm names the step and the cause: fix it. The backup is retried automatically, with growing pauses; hotpair backup now retries at once."},
		{ID: TrailIncomplete, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Make the destination of HOTPAIR_AUDIT_TRAIL writable again (space, permissions, a reader of the pipe, a running syslog). Waiting entries are written then; lost ones are counted in the trail where they are missing, and shown by hotpair events."},
	}
}
