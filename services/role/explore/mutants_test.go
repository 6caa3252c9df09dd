package main

// mutant breaks one rule in the code of package role. The text old is replaced by new, in which BROKEN is true when
// this mutant is the one that runs.
type mutant struct {
	name     string
	file     string
	old, new string
	scenario string
}

// roleMutants are compiled into one program through an overlay of the source (go build -overlay), so the code that ships
// has no switch for them. Each old text stands exactly once in its file.
var roleMutants = []mutant{
	{"R1: a takeover keeps both hosts in the set", "takeover.go",
		"if !t.keepPeer {", "if !t.keepPeer && !BROKEN {", "crashes"},
	{"R1: a takeover from outside the set", "standby.go",
		"case !m.record.Has(m.self):", "case !m.record.Has(m.self) && !BROKEN:", "crashes"},
	{"R1: the epoch is not above those known", "takeover.go",
		"epoch: m.ownEpoch(next + 1)", "epoch: m.ownEpoch(next + map[bool]uint64{false: 1}[BROKEN])", "crashes"},
	{"R1: after a hand-over updates do not need the other host, which is in the set", "takeover.go",
		"m.requirePeer = t != nil && t.keepPeer", "m.requirePeer = t != nil && t.keepPeer && !BROKEN", "handover"},
	{"R3: updates stop waiting before the record says solo", "active.go",
		"m.submit(goSolo, next, m.revision)", "if BROKEN {\nm.require(false)\n}\nm.submit(goSolo, next, m.revision)", "crashes"},
	{"R4: a host is added that does not hold what waits for it", "active.go",
		"if !m.add.held ||", "if !m.add.held && !BROKEN ||", "crashes:1"},
	{"R4: the lease is not needed for an add", "active.go",
		"|| m.now >= m.leaseUntil {", "|| m.now >= m.leaseUntil && !BROKEN {", "return-and-doubt"},
	{"R4: the solo right is not waited out before an add", "active.go",
		"|| m.now < m.soloUntil ||", "|| m.now < m.soloUntil && !BROKEN ||", "return-and-doubt"},
	{"R5: an old active does not step down", "register.go",
		"if m.role != Starting && m.epoch != 0 &&", "if !BROKEN && m.role != Starting && m.epoch != 0 &&", "any-one"},
	{"R6: a paired active needs no lease", "machine.go",
		"return m.epoch, m.leaseUntil", "if BROKEN {\nreturn m.epoch, m.now + m.config.Lease\n}\nreturn m.epoch, m.leaseUntil", "cuts"},
	{"R6: the lease is counted from receipt", "active.go",
		"m.leaseUntil = max(m.leaseUntil, in.SentAt+m.config.Lease)",
		"if BROKEN {\nin.SentAt = m.now\n}\nm.leaseUntil = max(m.leaseUntil, in.SentAt+m.config.Lease)", "freeze-and-cut"},
	{"R9: a main resumes its term after a restart", "register.go",
		"if r.Has(m.self) && !wasIn {",
		"if BROKEN && m.role == Standby && r.Active == m.self && m.epoch == 0 && m.takeover == nil && !wasIn {\nm.epoch, m.termSince, m.repliedAt, m.requirePeer = r.Epoch, m.now, m.now, len(r.InSync) > 1\nm.become(Active)\nm.do(Serve{Epoch: r.Epoch, RecordVersion: r.Version, RequirePeer: m.requirePeer, Resume: true})\n}\nif r.Has(m.self) && !wasIn {", "crashes"},
	{"R11: an outcome in doubt is taken as failure", "register.go",
		"a.doubt = true\n", "if BROKEN {\nm.lose(\"in doubt\")\nreturn\n}\na.doubt = true\n", "return-and-doubt"},
	{"R11: a read of the old value settles an attempt", "register.go",
		"if a == nil || in.Revision <= a.expected {",
		"if BROKEN && a != nil && a.doubt && !a.waiting && in.Revision == a.expected {\nm.lose(\"it was not written\")\nreturn\n}\nif a == nil || in.Revision <= a.expected {", "return-and-doubt"},
	{"R11: a try that lost means that the earlier one did not take effect", "register.go",
		"a.retryAt = m.now + time.Hour\n", "if BROKEN {\nm.lose(\"lost\")\nreturn\n}\na.retryAt = m.now + time.Hour\n", "return-and-doubt"},
	{"M6: a promise has no margin for clocks", "machine.go",
		"{ return lease + lease/10 + 10*time.Millisecond }", "{\nif BROKEN {\nreturn lease\n}\nreturn lease + lease/10 + 10*time.Millisecond\n}", "freeze-and-cut"},
	{"a takeover on silence does not wait for the granted lease", "standby.go",
		"return m.now >= m.promisedUntil && (", "if BROKEN {\nreturn m.now-m.heardAt >= m.config.unanswered()\n}\nreturn m.now >= m.promisedUntil && (", "freeze-and-cut"},
	{"V4: grants are given while the own takeover is out", "standby.go",
		"return m.role == Standby && m.haveRecord && p.Epoch != 0", "if BROKEN && m.role == Takeover && m.record.Active == p.Member {\nreturn true\n}\nreturn m.role == Standby && m.haveRecord && p.Epoch != 0", "cut-and-doubt"},
	{"V7: a fresh main has promised nothing", "machine.go",
		"promisedUntil: now + promise(config.Lease)", "promisedUntil: now + map[bool]time.Duration{false: promise(config.Lease)}[BROKEN]", "crash-and-cut"},
	{"V8: terminals have no veto", "takeover.go",
		"case len(t.veto) > 0 && !m.silent():", "case len(t.veto) > 0 && !m.silent() && !BROKEN:", "lie"},
	{"T3: a hand-over has no deadline", "handover.go",
		"case h.drained && m.now >= h.deadline:", "case h.drained && m.now >= h.deadline && !BROKEN:", "handover"},
	{"T4: a lost takeover leaves the journal closed", "takeover.go",
		"\tm.do(Release{})\n", "\tif !BROKEN {\nm.do(Release{})\n}\n", "any-one"},
	{"T9: the active of the record resigns too", "standby.go",
		"m.paired() && m.record.Active != m.self && m.record.Epoch > 0", "m.paired() && (BROKEN || m.record.Active != m.self) && m.record.Epoch > 0", "stop-and-crash"},
	{"T9: whoever resigned is not remembered to be out", "standby.go",
		"case m.facts.Note.Out:", "case m.facts.Note.Out && !BROKEN:", "stop"},
	{"B5: the successor is told before anything has stopped", "handover.go",
		"m.report(B4, \"draining\")\n",
		"m.report(B4, \"draining\")\nif BROKEN {\nm.do(TellPeer{Cause: cause, HandOver: &HandOver{From: m.self, Epoch: m.epoch, Revision: m.revision, Position: m.updater.Committed, Drained: true, Cause: cause}})\n}\n", "handover"},
	{"B6: a hand-over counts for any record", "handover.go",
		"in.From != m.record.Active || in.Epoch != m.record.Epoch || in.Revision != m.revision", "!BROKEN && (in.From != m.record.Active || in.Epoch != m.record.Epoch || in.Revision != m.revision)", "delays"},
	{"an older view of the other host is believed", "standby.go",
		"p.Steps < m.peer.Steps {", "p.Steps < m.peer.Steps && !BROKEN {", "delays"},
	{"evidence counts for any revision of the record", "takeover.go",
		"case m.revision != t.revision:", "case BROKEN && m.revision != t.revision:\nt.revision = m.revision\nreturn\ncase m.revision != t.revision:", "any-two"},
}
