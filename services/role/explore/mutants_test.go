package main

// edit replaces the text old by new in a file of package role. BROKEN in new is true when its mutant is the one that runs.
type edit struct {
	file     string
	old, new string
}

// mutant breaks one rule in the code of package role, or one with the one that would catch it.
type mutant struct {
	name string
	edit
	scenario string // with ":1" behind it for a disorder of 1
	also     []edit
}

// noteless and unlearned are second lines of defence: what they stand behind is found only with them off.
var (
	noteless  = edit{"eligible.go", "m.facts.Note.Version < m.record.Membership() {", "m.facts.Note.Version < m.record.Membership() && !BROKEN {"}
	unlearned = edit{"learn.go", "m.promisedUntil = max(m.promisedUntil, m.now+promise(max(r.LongestLease, m.config.Lease)))",
		"if !BROKEN {\nm.promisedUntil = max(m.promisedUntil, m.now+promise(max(r.LongestLease, m.config.Lease)))\n}"}
)

// roleMutants are compiled into one program, see mutation.Build. Each old text stands exactly once in its file.
var roleMutants = []mutant{
	{"R1: a takeover keeps both hosts in the set", edit{"takeover.go",
		"if !t.keepPeer {",
		"if !t.keepPeer && !BROKEN {"}, "first-pair", []edit{edit{"takeover.go", "if m.term.requirePeer != m.mustHold() {", "if m.term.requirePeer != m.mustHold() && !BROKEN {"}}},
	{"R1: a takeover from outside the set", edit{"eligible.go",
		"if m.record.Has(m.self) {",
		"if m.record.Has(m.self) || BROKEN {"}, "crashes", nil},
	{"R1: the epoch is not above those known", edit{"takeover.go",
		"epoch: m.ownEpoch(next + 1)",
		"epoch: m.ownEpoch(next + map[bool]uint64{false: 1}[BROKEN])"}, "crashes", nil},
	{"R1: after a hand-over updates do not need the other host, which is in the set", edit{"takeover.go",
		"begun.requirePeer = m.takeover.keepPeer",
		"begun.requirePeer = m.takeover.keepPeer && !BROKEN"}, "handover", nil},
	{"R3: updates stop waiting before the record says solo", edit{"active.go",
		"m.submit(goSolo, next, m.revision)",
		"if BROKEN {\nm.require(false)\n}\nm.submit(goSolo, next, m.revision)"}, "crashes", nil},
	{"R4: a host is added that does not hold what waits for it", edit{"active.go",
		"if !m.term.add.held ||",
		"if !m.term.add.held && !BROKEN ||"}, "add:2", []edit{noteless}},
	{"V4: while an add is in doubt the active thinks itself solo", edit{"known.go",
		"adding := m.attempt.purpose == addPeer",
		"adding := !BROKEN && m.attempt.purpose == addPeer"}, "add", []edit{{"term.go", "m.term.serving && !m.term.add.begun() &&", "m.term.serving && (BROKEN || !m.term.add.begun()) &&"}}},
	{"R5: an old active does not step down", edit{"learn.go",
		"if m.role != Starting && m.term.epoch != 0 &&",
		"if !BROKEN && m.role != Starting && m.term.epoch != 0 &&"}, "any-one", nil},
	{"R6: a paired active needs no lease", edit{"known.go",
		"return m.term.epoch, m.term.leaseUntil",
		"if BROKEN {\nreturn m.term.epoch, m.now + m.config.Lease\n}\nreturn m.term.epoch, m.term.leaseUntil"}, "cuts", nil},
	{"R6: the lease is counted from receipt", edit{"active.go",
		"m.term.leaseUntil = max(m.term.leaseUntil, in.SentAt+m.config.Lease)",
		"if BROKEN {\nin.SentAt = m.now\n}\nm.term.leaseUntil = max(m.term.leaseUntil, in.SentAt+m.config.Lease)"}, "freeze-and-cut", nil},
	{"R9: a main resumes its term after a restart", edit{"learn.go",
		"if r.Has(m.self) && !wasIn {",
		"if BROKEN && m.role == Standby && r.Active == m.self && !wasIn {\nm.become(state{role: Active, term: term{epoch: r.Epoch, since: m.now, repliedAt: m.now, requirePeer: len(r.InSync) > 1}})\nm.do(Serve{Epoch: r.Epoch, RecordVersion: r.Version, RequirePeer: m.term.requirePeer, Resume: true})\n}\nif r.Has(m.self) && !wasIn {"}, "crashes", nil},
	{"R11: an outcome in doubt is taken as failure", edit{"register.go",
		"a.doubt = true\n",
		"if BROKEN {\nm.lose(\"in doubt\")\nreturn\n}\na.doubt = true\n"}, "return-and-doubt", nil},
	{"R11: a read of the old value settles an attempt", edit{"register.go",
		"if !a.open() || in.Revision <= a.expected {",
		"if BROKEN && a.open() && a.doubt && !a.waiting && in.Revision == a.expected {\nm.lose(\"it was not written\")\nreturn\n}\nif !a.open() || in.Revision <= a.expected {"}, "return-and-doubt", nil},
	{"R11: a try that lost means that the earlier one did not take effect", edit{"register.go",
		"a.retryAt = m.now + time.Hour\n",
		"if BROKEN {\nm.lose(\"lost\")\nreturn\n}\na.retryAt = m.now + time.Hour\n"}, "return-and-doubt", nil},
	{"R11: an answer to a read that was sent before an attempt settles it", edit{"register.go",
		"!a.waiting && a.after &&",
		"!a.waiting && (BROKEN || a.after) &&"}, "old-read", nil},
	{"T11: a main that overslept moves its lease on", edit{"step.go",
		"m.term.repliedAt = min(m.term.repliedAt+late, m.now)",
		"m.term.repliedAt = min(m.term.repliedAt+late, m.now)\nif BROKEN {\nm.term.leaseUntil += late\n}"}, "freeze-and-cut", nil},
	{"a promise has no margin for clocks", edit{"config.go",
		"{ return lease + lease/10 + 10*time.Millisecond }",
		"{\nif BROKEN {\nreturn lease\n}\nreturn lease + lease/10 + 10*time.Millisecond\n}"}, "freeze-and-cut", nil},
	{"a takeover on silence does not wait for the granted lease", edit{"known.go",
		"return m.now >= m.promisedUntil && (",
		"if BROKEN {\nreturn m.now-m.heardAt >= m.config.unanswered()\n}\nreturn m.now >= m.promisedUntil && ("}, "freeze-and-cut", nil},
	{"V4: grants are given while the own takeover is out", edit{"standby.go",
		"return m.role == Standby && m.haveRecord && p.Epoch != 0",
		"if BROKEN && m.role == Takeover && m.record.Active == p.Member {\nreturn true\n}\nreturn m.role == Standby && m.haveRecord && p.Epoch != 0"}, "freeze-and-doubt", nil},
	{"V7: a fresh main has promised nothing", edit{"machine.go",
		"promisedUntil: now + promise(config.Lease)",
		"promisedUntil: now + map[bool]time.Duration{false: promise(config.Lease)}[BROKEN]"}, "crash-and-cut", []edit{unlearned}},
	{"V8: terminals have no veto", edit{"takeover.go",
		"case len(t.veto) > 0 && !m.silent():",
		"case len(t.veto) > 0 && !m.silent() && !BROKEN:"}, "lie", nil},
	{"T3: a hand-over has no deadline", edit{"handover.go",
		"case m.handover.drained && m.now >= m.handover.deadline:",
		"case m.handover.drained && m.now >= m.handover.deadline && !BROKEN:"}, "handover", nil},
	{"T4: a lost takeover leaves the journal closed", edit{"takeover.go",
		"\tm.do(Release{})\n",
		"\tif !BROKEN {\nm.do(Release{})\n}\n"}, "any-one", nil},
	{"T9: the active of the record resigns too", edit{"standby.go",
		"m.paired() && m.record.Active != m.self && m.record.Epoch > 0",
		"m.paired() && (BROKEN || m.record.Active != m.self) && m.record.Epoch > 0"}, "stop-and-crash", nil},
	{"T9: whoever resigned is not remembered to be out", edit{"eligible.go",
		"if m.facts.Note.Out {",
		"if m.facts.Note.Out && !BROKEN {"}, "stop", nil},
	{"B5: the successor is told before anything has stopped", edit{"handover.go",
		"m.report(B4, \"draining\")\n",
		"m.report(B4, \"draining\")\nif BROKEN {\nm.do(TellPeer{Cause: cause, HandOver: &HandOver{From: m.self, Epoch: m.term.epoch, Revision: m.revision, Position: m.updater.Committed, Drained: true, Cause: cause}})\n}\n"}, "handover", nil},
	{"V13: a forced epoch is not above those known", edit{"takeover.go",
		"next = m.forcedEpoch(next)",
		"next = m.forcedEpoch(next)\nif BROKEN {\nnext--\n}"}, "force", nil},
	{"a pause does not hold back a takeover", edit{"standby.go",
		"m.record.Active != (Member{}) && m.paused()",
		"m.record.Active != (Member{}) && m.paused() && !BROKEN"}, "pause", nil},
	{"a pause is forgotten by whoever restarts", edit{"pause.go",
		"	if p.Equal(before) {",
		"	if p.Equal(before) || BROKEN && m.role == Standby && m.fresh {"}, "pause", nil},
	{"evidence counts for any revision of the record", edit{"takeover.go",
		"case m.revision != t.revision:",
		"case BROKEN && m.revision != t.revision:\nt.revision = m.revision\nreturn\ncase m.revision != t.revision:"}, "any-two", nil},
}
