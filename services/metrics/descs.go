package metrics

import "github.com/prometheus/client_golang/prometheus"

// namespace begins every name.
const namespace = "hotpair"

// descs are the metrics of a host. The help of a metric is the only place that defines it.
type descs struct {
	all []*prometheus.Desc

	info, started, role, mode, epoch, level, recordVersion, fit, inSync, right *prometheus.Desc
	sequence, applyLag, notifyLag, divergent, oldest                           *prometheus.Desc
	link, replication, heard, witness, up, restarts, terminals, alarms         *prometheus.Desc
	wiresTLS, certificateEnd, certificateUsable, peerEnd, terminalsEnding      *prometheus.Desc
	doorRefused, timers, timerLate, noticed, notices                           *prometheus.Desc
	emissions, emissionsDeferred, emissionsSent, emissionTries                 *prometheus.Desc
	trailWritten, trailLost, trailFails                                        *prometheus.Desc
	backupEvery, backupGood, backupBytes, backupTried, backupFailed            *prometheus.Desc
	auditChecked, auditMissing                                                 *prometheus.Desc
	takeovers, updates, refused, inFlight                                      *prometheus.Desc
	commit, journal, copied, request, gap                                      *prometheus.Desc
	beatLate, replyLate, lease, leaseBorne                                     *prometheus.Desc
}

func newDescs() descs {
	var d descs
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		made := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
		d.all = append(d.all, made)
		return made
	}
	d.info = desc("info", "Always 1; the labels name the host, its version and its pair.", "host", "version", "pair")
	d.started = desc("start_time_seconds", "When this run of main began, as Unix time.")
	d.role = desc("role", "1 for the role that the host has, 0 for the others.", "role")
	d.mode = desc("mode", "1 for the mode that the host is in (paired: both hosts hold every acknowledged update), 0 for the others.", "mode")
	d.epoch = desc("epoch", "Highest epoch that this host knows.")
	d.level = desc("level", "Level of the formats that both hosts use; finishing an upgrade raises it.")
	d.recordVersion = desc("record_version", "Version of the pair record that this host knows.")
	d.fit = desc("fit", "1 if this host itself is able to serve: each of its processes is ready.")
	d.inSync = desc("in_sync_hosts", "How many hosts hold every acknowledged update by the pair record: 2 is paired, 1 is solo.")
	d.right = desc("right_seconds", "How long this host may still answer terminals without renewal; 0 if it may not.")

	d.sequence = desc("sequence", "Sequence of the last update: in the journal, committed, applied to the database, durable on the other host too (notified).", "mark")
	d.applyLag = desc("apply_lag_updates", "Updates that are committed and not yet applied to the database.")
	d.notifyLag = desc("notify_lag_updates", "Committed updates that the other host is not known to hold, and that would be lost with this host's disk. 0 while paired and idle.")
	d.divergent = desc("set_aside_updates", "Divergent updates: those that only this host had when it rejoined, kept in files.")
	d.oldest = desc("frame_oldest_seconds", "Age of the frame in flight to the journals; 0 is none.")

	d.link = desc("link_connected", "1 if the main of the other host is connected.")
	d.replication = desc("replication_connected", "1 if the updater of the other host is connected.")
	d.heard = desc("peer_heard_seconds", "Time since the last heartbeat of the other host; absent if there was none.")
	d.witness = desc("witness_reachable", "1 if the keeper of the pair record answers; absent in a pair without a witness.")
	d.up = desc("process_up", "1 if the process of this host is ready.", "process")
	d.restarts = desc("process_restarts_total", "Starts of the process after its first one under this main.", "process")
	d.terminals = desc("terminals", "Terminals by their state at this host: attached (served), warm (a session is open), unreachable.", "state")
	d.timers = desc("timers", "Timers of services, at the host that serves: kept, and of those parked, running, failing (waiting for a retry).", "state")
	d.noticed = desc("notice_terminals", "Attached terminals that have not stored all their notices yet (behind), and those that did not accept the last ones sent (failing).", "state")
	d.notices = desc("notices_total", "Notices sent to terminals in this term, including repetitions, and those that terminals miss for good.", "state")
	d.timerLate = desc("timer_late_seconds", "How late the last started timer was.")
	d.emissions = desc("emissions", "Emissions of services, at the host that serves: waiting, parked, and out (attempts in flight).", "state")
	d.emissionsDeferred = desc("emissions_held", "1 if emissions are deferred until an operator releases them, because updates were undone.")
	d.emissionsSent = desc("emissions_sent_total", "Emissions that targets accepted, counted by this courier since it started.")
	d.emissionTries = desc("emission_tries_total", "Attempts to send emissions, whatever the outcome.")
	d.alarms = desc("alarms", "Alarms that are raised.")
	d.wiresTLS = desc("wires_tls", "1 if the connections to other machines are mutual TLS.")
	d.certificateEnd = desc("certificate_end_time_seconds", "When the own certificate ends, as Unix time; absent without TLS.")
	d.certificateUsable = desc("certificate_files_usable", "1 if the certificate files can be used as they are; absent without TLS.")
	d.peerEnd = desc("peer_certificate_end_time_seconds", "When the certificate of a host or of the witness at another end ends, as Unix time.", "peer")
	d.terminalsEnding = desc("terminal_certificates_ending", "Connected terminals whose certificates are in the last tenth of their lifetime, expired, or not yet valid; absent without TLS.")
	d.doorRefused = desc("wire_refused_total", "Connections from other machines that were refused before any message, by wire and reason.", "wire", "reason")
	d.trailWritten = desc("audit_trail_lines_total", "Lines of the audit trail that this main has written; absent without one.")
	d.trailLost = desc("audit_trail_lost_total", "Lines of the audit trail that were lost, because it could not be written for too long; absent without one.")
	d.trailFails = desc("audit_trail_failing", "1 while the audit trail can't be written; absent without one.")
	d.backupEvery = desc("backup_interval_seconds", "Interval of automatic backups; 0: only on request. This and the other metrics of backups are absent without a backup destination.")
	d.backupGood = desc("backup_good_time_seconds", "When the last good backup of the pair was begun, as Unix time; before the first one, since when one has been due.")
	d.backupBytes = desc("backup_bytes", "Size of the last good backup.")
	d.backupTried = desc("backup_trial_time_seconds", "When the last backup that was restored on trial was begun, as Unix time.")
	d.backupFailed = desc("backup_failed_tries", "Failed attempts of this host to make a backup, in a row.")
	d.auditChecked = desc("audit_checked_updates", "Acknowledged updates that the last loss audit looked up; absent before the first.")
	d.auditMissing = desc("audit_missing_updates", "Acknowledged updates that the last loss audit did not find: anything but 0 is a loss.")

	d.takeovers = desc("takeovers_total", "Terms that this main began as active: by takeover, switchover or start.")
	d.updates = desc("updates_total", "Updates that this host committed as the active.")
	d.refused = desc("refused_total", "Refused at a listener of this host, by reason: calls at http; logins and first messages at bus, link and replication; requests of a terminal, answered at once without being executed.", "door", "reason")
	d.inFlight = desc("requests_in_flight", "Requests of terminals that were received and are not answered yet.")
	d.commit = desc("commit_seconds", "Time from sending a frame of updates until it was committed on every host that must hold it.")
	d.journal = desc("journal_append_seconds", "Time of a frame's append to the own journal, its fsync included.")
	d.copied = desc("replication_seconds", "Time from sending a frame until the other host was known to hold it durably, never less than the own append.")
	d.request = desc("request_seconds", "Time from receiving a request of a terminal until its answer was sent.")
	d.beatLate = desc("peer_beat_late_seconds", "How late each heartbeat of the other host came, beyond the interval of heartbeats and this host's own lateness.")
	d.replyLate = desc("peer_reply_late_seconds", "How late each reply of the other host to a heartbeat came, likewise.")
	d.lease = desc("lease_seconds", "The lease that this host is set to.")
	d.leaseBorne = desc("lease_borne_seconds", "The smallest lease that would have survived the last day, by this host's measurements; absent before the first.")
	d.gap = desc("takeover_gap_seconds", "Longest time that a terminal with waiting requests had no answer before an attach, for each attach with such terminals.")
	return d
}
