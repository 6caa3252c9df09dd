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

// Kind is what is known of an alarm before it is raised.
type Kind struct {
	ID       string
	Severity string
	Remedy   string
	// After is how long its cause must be seen before it is raised, Calm how long the cause must be gone before it ends:
	// so that nothing that comes and goes wakes anybody twice. For causes that main watches itself.
	After, Calm time.Duration
	Acknowledge bool
}

// KindOf gives the kind of an id. One that stands in no table is a warning without a remedy.
func KindOf(id string) Kind {
	table := Table()
	if i := slices.IndexFunc(table, func(k Kind) bool { return k.ID == id }); i >= 0 {
		return table[i]
	}
	return Kind{ID: id, Severity: bus.Warning, Remedy: "see the host's log"}
}

// Table has all alarms, the worst first.
func Table() []Kind {
	return []Kind{
		{ID: UpdatesLost, Severity: bus.Critical, Acknowledge: true,
			Remedy: "Find out with hotpair history and the receipts named here what is missing, repeat those requests, then hotpair alarms ack updates-lost."},
		{ID: TwoActives, Severity: bus.Critical, Calm: 5 * time.Second,
			Remedy: "Stop the host with the lower epoch; hotpair explain on both says what each rests on."},
		{ID: Restored, Severity: bus.Critical,
			Remedy: "Find out whether the pair that the backup is of is alive; then stop this host and say with hotpair restore finish what it is to be."},
		{ID: OtherPair, Severity: bus.Critical,
			Remedy: "Point HOTPAIR_PEER_LINK and HOTPAIR_WITNESS of both hosts at each other and at the same witness; a replaced host needs hotpair admit."},
		{ID: PeerRefuses, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Fix what the other host names: version, pair, witness and secret must be the same on both."},
		{ID: EpochAhead, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Two pairs share a terminal, or this host came back with old data: keep it from serving until that is clear."},
		{ID: VerifyMismatch, Severity: bus.Critical,
			Remedy: "hotpair verify names the keys; hotpair verify --repair makes the standby's equal to the active's."},
		{ID: DivergentCommitted, Severity: bus.Critical, Calm: 5 * time.Second,
			Remedy: "hotpair history diverged shows them; repeat what is missing, because somebody was told that it is done, then hotpair history diverged --forget."},
		{ID: ProcessFailed, Severity: bus.Critical, Calm: 10 * time.Second,
			Remedy: "The host's log says why it ends; it is tried again and again meanwhile."},
		{ID: DiskNearlyFull, Severity: bus.Critical, After: 2 * time.Second, Calm: 10 * time.Second,
			Remedy: "Make room on the disk of HOTPAIR_DATA; a host without room can't take over."},
		{ID: DiskUnfit, Severity: bus.Critical, After: 2 * time.Second, Calm: 10 * time.Second,
			Remedy: "Have the disk of HOTPAIR_DATA take writes again: room, inodes, mounted for writing; until then this host can't take over."},
		{ID: CertificateEnding, Severity: bus.Critical, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Write a new certificate and key into the files of HOTPAIR_TLS_CERT and HOTPAIR_TLS_KEY: they are read within 2 seconds, without a restart. Hosts and witness go on without; terminals refuse it after 90 days."},
		{ID: RestartStorm, Severity: bus.Warning, Calm: 30 * time.Second,
			Remedy: "The host's log says why the process ends each time; hotpair switchover moves the work to the other host meanwhile."},
		{ID: NoWitness, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Start the witness, or fix the way to it; until then do nothing that stops a host."},
		{ID: WitnessReplaced, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair admit witness, if the new one is meant; else fix HOTPAIR_WITNESS. While nobody serves, see that both hosts run and reach each other: they give it the record by themselves."},
		{ID: RecordLost, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "The sentence says who writes it back, and what to do if that can't be. While nobody serves, see that both hosts run, reach each other and the witness."},
		{ID: SoloTooLong, Severity: bus.Warning, After: 10 * time.Second, Calm: time.Second,
			Remedy: "Start the other host, or fix the way to it; hotpair status says how far it has come."},
		{ID: SlowDisk, Severity: bus.Warning, After: 10 * time.Second, Calm: 30 * time.Second,
			Remedy: "Look for what else uses the disk of HOTPAIR_DATA; every update waits for its fsync."},
		{ID: SettingsDiffer, Severity: bus.Warning,
			Remedy: "hotpair settings shows them side by side; set them the same and restart the host that is wrong: standby first, then hotpair switchover."},
		{ID: FewerTerminals, Severity: bus.Warning, After: 10 * time.Second, Calm: 5 * time.Second,
			Remedy: "hotpair terminals probe says what is wrong with each: after a takeover they would wait."},
		{ID: Unattached, Severity: bus.Warning, After: 10 * time.Second, Calm: 5 * time.Second,
			Remedy: "hotpair terminals and hotpair terminals probe say why they don't take this host; their requests wait."},
		{ID: ClocksApart, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Set the clock that is wrong and keep both synchronised (chrony, systemd-timesyncd); hotpair doctor shows how far they are apart. Pair time follows neither until they agree."},
		{ID: ClockWrong, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Set the clock of this host and keep it synchronised (chrony, systemd-timesyncd)."},
		{ID: PairTimeAhead, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Run both hosts with clocks that are right: pair time follows them within two minutes. Until then let the agent give requests their ids, which no clock counts for."},
		{ID: CertificateUnusable, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Put the files of HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA right: the sentence says what is wrong. What was good last serves until then, also after a restart."},
		{ID: CertificateDue, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Find out why whoever renews the certificate has not: two thirds of its life are over. New files are read within 2 seconds, without a restart."},
		{ID: PeerCertificate, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Renew it on the machine that the sentence names: its files are read without a restart. Hosts and witness are let in all the same; a terminal is not from 90 days after its time."},
		{ID: WiresPlain, Severity: bus.Warning, After: 2 * time.Second,
			Remedy: "Give each of the pair a certificate (HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY, HOTPAIR_TLS_CA) and take HOTPAIR_INSECURE or HOTPAIR_TLS_OPTIONAL out: whoever reaches the network of the pair can act as a host."},
		{ID: TokenMisused, Severity: bus.Warning,
			Remedy: "Find out which machine has enrolled. If it is not the terminal, hotpair terminals revoke ID; then hotpair terminals token ID gives the right one another token, which ends this."},
		{ID: IssuingKey, Severity: bus.Warning, After: 2 * time.Second, Calm: 2 * time.Second,
			Remedy: "Put back what the text names. A seal or issuing key that is lost is made anew from the root: hotpair authority rotate. Until then no terminal can be enrolled here, and certificates are not renewed; the service goes on."},
		{ID: TimersParked, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair timers --parked says which, and why each failed; fix the service, then hotpair timers release SERVICE KEY, or hotpair timers drop SERVICE KEY."},
		{ID: NoticesRefused, Severity: bus.Warning, After: 20 * time.Second, Calm: 5 * time.Second,
			Remedy: "hotpair notices --waiting says for which terminals something waits, and the log of terminal-if why; look at the disk of such a terminal."},
		{ID: NoticesMissed, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "The log of terminal-if says which terminals; their applications were told, and ask the service for what they need."},
		{ID: TimersDeferred, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Start the other host, and set the clocks of both right (hotpair doctor shows them): what is held runs when they agree. One that can't be read: hotpair verify; what neither host can read goes by hotpair timers drop SERVICE KEY."},
		{ID: QueueDeferred, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Have done what stands first in the queue of that terminal: GET /v1/status there says since when it waits, mostly for a service that is not there or says to try again. Nothing is lost, and requests that are not queued go on."},
		{ID: NumberReused, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Find out whether a copy of that terminal runs, and end that one. Then empty HOTPAIR_DATA of the terminal's agent while that does not run (what is queued there is in queue.db): it gets numbers that nobody has."},
		{ID: TerminalTwice, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Find the two machines that pass for that terminal: one has a copy of its settings, or was to take its place. End one of them. Until then each takes what the other one was told, and asks under the other's name."},
		{ID: CommandsUnknown, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Look whether what the text names was carried out, and whatever the log of the updater names beside it: it is not handed out again. If it was not, have the service tell it anew."},
		{ID: CommandsLate, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "See whether the application that carries such commands out runs at that terminal, and whether the terminal is reached (hotpair terminals). What was too late is not carried out: if it still matters, have the service tell it anew."},
		{ID: EmissionsParked, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair emissions says which, and what the target answered; fix that, then hotpair emissions release TARGET/LANE, or hotpair emissions drop TARGET/LANE."},
		{ID: EmissionsDeferred, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "hotpair emissions --waiting says what waits; find out what the targets have of it, drop what must not leave, then hotpair emissions release --held."},
		{ID: TargetFailing, Severity: bus.Warning, After: time.Second, Calm: 2 * time.Second,
			Remedy: "Fix the target that the text names, or set it right: hotpair targets set NAME … tries at once. By itself it is tried every five minutes, or as the target asks, an hour at most; nothing is lost meanwhile."},
		{ID: CourierDown, Severity: bus.Warning, After: 10 * time.Second, Calm: 2 * time.Second,
			Remedy: "The host's log says why it ends; it is tried again and again meanwhile. Nothing is lost, and hotpair switchover has the other host send."},
		{ID: AuditUnfinished, Severity: bus.Warning,
			Remedy: "The next takeover or switchover audits again; the text says what stood in the way."},
		{ID: Paused, Severity: bus.Warning,
			Remedy: "Automatic takeover is off: hotpair resume when the maintenance is done."},
		{ID: PauseEnding, Severity: bus.Warning,
			Remedy: "Finish the maintenance, or hotpair pause again for longer."},
		{ID: EventsUnsaved, Severity: bus.Warning, Calm: 10 * time.Second,
			Remedy: "Events of this host are only in its memory and its log until the disk of HOTPAIR_DATA takes writes again; restart the host once it does."},
		{ID: LoginsRefused, Severity: bus.Warning, Calm: 5 * time.Second,
			Remedy: "The host's log and the audit trail say from where and for what. A program with an old token needs another one (hotpair operators rotate); from where nobody should ask, keep HOTPAIR_HTTP out of reach. Nobody is locked out by it."},
		{ID: BackupsOld, Severity: bus.Warning, After: 2 * time.Second, Calm: time.Second,
			Remedy: "hotpair status of both hosts says what the last try failed by; fix that, then hotpair backup now. Until then what was acknowledged since the last good one is on the two hosts only."},
		{ID: BackupFailed, Severity: bus.Warning, Calm: time.Second,
			Remedy: "The text says at which step and why: fix that. It is tried again by itself, later each time; hotpair backup now tries at once."},
		{ID: TrailIncomplete, Severity: bus.Warning, After: 5 * time.Second, Calm: 5 * time.Second,
			Remedy: "Have the place of HOTPAIR_AUDIT_TRAIL take entries again: room, rights, a reader of the pipe, a syslog that runs. What waits is written then; what was lost is counted where it is missing, and stands in hotpair events."},
	}
}
