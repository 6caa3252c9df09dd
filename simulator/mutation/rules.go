package mutation

// Rule is one of the rules R1 to R12, and how the code that ships is built without it.
type Rule struct {
	Rule  string // as R7
	What  string // happens without it
	Edits []Edit
}

// Rules are the rules. One that a second rule stands behind is broken with that.
func Rules() []Rule {
	// Stands behind R1 and R4: the comparison of notes.
	noteless := Edit{File: "services/role/eligible.go", Old: "m.facts.Note.Version < m.record.Membership() {", New: "m.facts.Note.Version < m.record.Membership() && !BROKEN {"}
	return []Rule{
		{"R1", "a host takes over from outside the set", []Edit{
			{File: "services/role/eligible.go", Old: "if m.record.Has(m.self) {", New: "if m.record.Has(m.self) || BROKEN {"}, noteless}},
		{"R2", "an update is acknowledged before the other host has it", []Edit{
			{File: "services/updater/term.go", Old: "	for needed {\n		required", New: "	for needed && !BROKEN {\n		required"}}},
		{"R3", "updates stop waiting before the record says solo", []Edit{
			{File: "services/role/active.go", Old: "m.submit(goSolo, next)", New: "if BROKEN {\nm.require(false)\n}\nm.submit(goSolo, next)"}}},
		{"R4", "a host is added that does not hold what waits for it", []Edit{
			{File: "services/role/active.go", Old: "if !m.term.add.noted ||", New: "if !m.term.add.noted && !BROKEN ||"}, noteless}},
		{"R5", "an old active does not step down, and a journal takes its epoch", []Edit{
			{File: "services/role/learn.go", Old: "if m.role != Starting && m.term.epoch != 0 &&", New: "if !BROKEN && m.role != Starting && m.term.epoch != 0 &&"},
			{File: "services/replication/hello.go", Old: "case q.Term.Epoch < facts.Epoch:", New: "case q.Term.Epoch < facts.Epoch && !BROKEN:"}}},
		{"R6", "terminal-if answers without the right to", []Edit{
			{File: "services/terminalif/relay.go", Old: "if !r.right.Load().Holds(f.request.Epoch, r.clock()) {", New: "if !r.right.Load().Holds(f.request.Epoch, r.clock()) && !BROKEN {"}}},
		{"R7", "a repeated request is executed again", []Edit{
			{File: "services/updater/draft/draft.go", Old: "	if id.IsZero() {", New: "	if id.IsZero() || BROKEN {"}}},
		{"R8", "a failed write ends nothing", []Edit{
			{File: "services/updater/orders.go", Old: "	if errors.Is(err, storage.ErrDead) {", New: "	if errors.Is(err, storage.ErrDead) && !BROKEN {"},
			{File: "storage/store.go", Old: "	if s.dead == nil {\n", New: "	if s.dead == nil && !BROKEN {\n"},
			{File: "services/journal/journal.go", Old: "	j.failed.Do(func() {\n", New: "	if BROKEN {\nreturn fmt.Errorf(\"%w: %w\", ErrStuck, reason)\n}\n	j.failed.Do(func() {\n"}}},
		{"R9", "a main resumes its term after a restart", []Edit{
			{File: "services/role/learn.go", Old: "if r.Has(m.self) && !wasIn {", New: "if BROKEN && m.role == Standby && r.Active == m.self && !wasIn {\n" +
				"m.become(state{role: Active, term: term{epoch: r.Epoch, since: m.now, repliedAt: m.now, requirePeer: len(r.InSync) > 1}})\n" +
				"m.do(Serve{Epoch: r.Epoch, RecordVersion: r.Version, RequirePeer: m.term.requirePeer, Resume: true})\n}\nif r.Has(m.self) && !wasIn {"}}},
		{"R10", "what only a returning host has is dropped", []Edit{
			{File: "services/replication/snapshot.go", Old: "	if err := r.keepBehind(ctx, end.Position.Sequence, committed, ", New: "	if BROKEN {\nreturn r.c.Log.Truncate(ctx, end)\n}\n" +
				"	if err := r.keepBehind(ctx, end.Position.Sequence, committed, "}}},
		{"R11", "an outcome in doubt is taken for a failure", []Edit{
			{File: "services/role/register.go", Old: "a.doubt = true\n", New: "if BROKEN {\nm.lose(\"in doubt\")\nreturn\n}\na.doubt = true\n"}}},
		{"R12", "reads see what is not committed", []Edit{
			{File: "services/updater/term.go", Old: "	notified, err := t.replicate(ctx, entries, needed)\n", New: "	if BROKEN {\nif err := t.store.Commit(entries...); err != nil {\nreturn err\n}\n}\n" +
				"	notified, err := t.replicate(ctx, entries, needed)\n"},
			{File: "services/updater/term.go", Old: "	if err := t.store.Commit(entries...); err != nil {\n		return fmt.Errorf(\"commit frame", New: "	if err := t.store.Commit(entries...); err != nil && !BROKEN {\n		return fmt.Errorf(\"commit frame"}}},
	}
}
