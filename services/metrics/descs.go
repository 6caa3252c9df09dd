package metrics

import "github.com/prometheus/client_golang/prometheus"

// namespace begins every name.
const namespace = "hotpair"

// descs are the metrics of a host. What a metric means stands in its help and nowhere else.
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
	d.info = desc("info", "Always 1; the labels say which host this is, what it runs, and of which pair it is.", "host", "version", "pair")
	d.started = desc("start_time_seconds", "When this run of main began, as Unix time.")
	d.role = desc("role", "1 for the role that the host has, 0 for the others.", "role")
	d.mode = desc("mode", "1 for the mode that the host is in (paired: both hosts hold every acknowledged update), 0 for the others.", "mode")
	d.epoch = desc("epoch", "Number of the highest term as active that this host knows.")
	d.level = desc("level", "Level that the pair is at: what both hosts agree on, and what an upgrade raises in the end.")
	d.recordVersion = desc("record_version", "Version of the pair record that this host knows.")
	d.fit = desc("fit", "1 if this host could serve, as far as it goes itself: each of its processes is ready.")
	d.inSync = desc("in_sync_hosts", "How many hosts hold every acknowledged update by the pair record: 2 is paired, 1 is solo.")
	d.right = desc("right_seconds", "How long this host may still answer terminals without renewal; 0 is not at all.")

	d.sequence = desc("sequence", "Sequence of the last update: in the journal, committed, applied to the database, durable on the other host too (notified).", "mark")
	d.applyLag = desc("apply_lag_updates", "Updates that are committed and not yet applied to the database.")
	d.notifyLag = desc("notify_lag_updates", "Committed updates that the other host is not known to hold: what is lost with this host's disk. 0 while paired and idle.")
	d.divergent = desc("set_aside_updates", "Divergent updates: those that only this host had when it rejoined, kept in files.")
	d.oldest = desc("frame_oldest_seconds", "Age of the frame that is on its way to the journals; 0 is none.")

	d.link = desc("link_connected", "1 if the main of the other host is connected.")
	d.replication = desc("replication_connected", "1 if the updater of the other host is connected.")
	d.heard = desc("peer_heard_seconds", "Time since the last heartbeat of the other host; absent if there was none.")
	d.witness = desc("witness_reachable", "1 if the keeper of the pair record answers; absent in a pair without a witness.")
	d.up = desc("process_up", "1 if the process of this host is ready.", "process")
	d.restarts = desc("process_restarts_total", "Starts of the process after its first one under this main.", "process")
	d.terminals = desc("terminals", "Terminals by what this host has with them: attached (served), warm (a session is open), unreachable.", "state")
	d.timers = desc("timers", "Timers of services, as the host that serves has them: kept, and of those parked, running, failing (they rest).", "state")
	d.noticed = desc("notice_terminals", "Attached terminals that have not stored yet what there is for them (behind), and those that did not take what they were sent last (failing).", "state")
	d.notices = desc("notices_total", "Notices that were sent to terminals in this term, repeated ones too, and those that terminals miss for good.", "state")
	d.timerLate = desc("timer_late_seconds", "By how much the timer was late that was started last.")
	d.emissions = desc("emissions", "Emissions of services, as the host that serves has them: waiting, parked, and out (tries on their way).", "state")
	d.emissionsDeferred = desc("emissions_held", "1 if nothing leaves until an operator releases it, because a history was taken back.")
	d.emissionsSent = desc("emissions_sent_total", "Emissions that targets took, counted by this courier since it started.")
	d.emissionTries = desc("emission_tries_total", "Tries to send emissions, whatever came of them.")
	d.alarms = desc("alarms", "Alarms that are raised.")
	d.wiresTLS = desc("wires_tls", "1 if the wires to other machines are TLS, proved on both sides.")
	d.certificateEnd = desc("certificate_end_time_seconds", "When the own certificate ends, as Unix time; absent without TLS.")
	d.certificateUsable = desc("certificate_files_usable", "1 if the certificate files can be used as they are; absent without TLS.")
	d.peerEnd = desc("peer_certificate_end_time_seconds", "When the certificate of a host or of the witness at another end ends, as Unix time.", "peer")
	d.terminalsEnding = desc("terminal_certificates_ending", "Terminals at the other ends whose certificates are in their last tenth, over, or not yet begun; absent without TLS.")
	d.doorRefused = desc("wire_refused_total", "Connections from other machines that were refused before anything was said, by wire and reason.", "wire", "reason")
	d.trailWritten = desc("audit_trail_lines_total", "Lines of the audit trail that this main has written; absent without one.")
	d.trailLost = desc("audit_trail_lost_total", "Lines of the audit trail that are lost, because it could not be written for too long; absent without one.")
	d.trailFails = desc("audit_trail_failing", "1 while the audit trail can't be written; absent without one.")
	d.backupEvery = desc("backup_interval_seconds", "How often the pair makes a backup by itself; 0: only when somebody says so. This and the other metrics of backups are absent where none are kept.")
	d.backupGood = desc("backup_good_time_seconds", "When the last good backup of the pair was begun, as Unix time; before the first one, since when one has been wanted.")
	d.backupBytes = desc("backup_bytes", "Size of the last good backup.")
	d.backupTried = desc("backup_trial_time_seconds", "When the last backup was begun that was restored on trial, as Unix time.")
	d.backupFailed = desc("backup_failed_tries", "Tries of this host to make a backup that have failed in a row.")
	d.auditChecked = desc("audit_checked_updates", "Acknowledged updates that the last loss audit looked up; absent before the first.")
	d.auditMissing = desc("audit_missing_updates", "Acknowledged updates that the last loss audit did not find: anything but 0 is a loss.")

	d.takeovers = desc("takeovers_total", "Terms that this main began as active: by takeover, switchover or start.")
	d.updates = desc("updates_total", "Updates that this host committed as the active.")
	d.refused = desc("refused_total", "Refused at a door of this host, by reason: calls at http; logins and what follows them at bus, link and replication; requests of a terminal, answered at once without being executed.", "door", "reason")
	d.inFlight = desc("requests_in_flight", "Requests of terminals that were taken and are not answered yet.")
	d.commit = desc("commit_seconds", "Time from when a frame of updates left until it was committed on every host that must hold it.")
	d.journal = desc("journal_append_seconds", "Time of a frame's append to the own journal, its fsync included.")
	d.copied = desc("replication_seconds", "Time from when a frame left until the other host was seen to hold it durably, never less than the own append.")
	d.request = desc("request_seconds", "Time from when a request of a terminal was taken until its answer left.")
	d.beatLate = desc("peer_beat_late_seconds", "How late each beat of the other host came, beyond the interval of beats and what this host was late itself.")
	d.replyLate = desc("peer_reply_late_seconds", "How late each reply of the other host to a beat came, likewise.")
	d.lease = desc("lease_seconds", "The lease that this host is set to.")
	d.leaseBorne = desc("lease_borne_seconds", "The smallest lease that the last day would have borne, by what this host has measured; absent until it has measured something.")
	d.gap = desc("takeover_gap_seconds", "Longest time that a terminal with waiting requests had no answer before an attach, of each attach that any terminal felt.")
	return d
}
