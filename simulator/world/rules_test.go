package world

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/mutation"
)

var (
	rules   = flag.Bool("rules", false, "play every schedule against a build without each rule, and print which found which")
	onlyFor = flag.String("rule", "", "only this one, as R7")
	within  = flag.Duration("within", time.Minute, "how long one schedule may take")
)

// without are builds of the code that ships without one of the rules R1 to R12. A rule that a second one stands behind is broken with that.
var without = []struct {
	rule, what string
	edits      []mutation.Edit
}{
	{"R1", "a host takes over from outside the set", []mutation.Edit{
		{File: "services/role/eligible.go", Old: "if m.record.Has(m.self) {", New: "if m.record.Has(m.self) || BROKEN {"}, noteless}},
	{"R2", "an update is acknowledged before the other host has it", []mutation.Edit{
		{File: "services/updater/term.go", Old: "	for needed {\n		required", New: "	for needed && !BROKEN {\n		required"}}},
	{"R3", "updates stop waiting before the record says solo", []mutation.Edit{
		{File: "services/role/active.go", Old: "m.submit(goSolo, next)", New: "if BROKEN {\nm.require(false)\n}\nm.submit(goSolo, next)"}}},
	{"R4", "a host is added that does not hold what waits for it", []mutation.Edit{
		{File: "services/role/active.go", Old: "if !m.term.add.held ||", New: "if !m.term.add.held && !BROKEN ||"}, noteless}},
	{"R5", "an old active does not step down, and a journal takes its epoch", []mutation.Edit{
		{File: "services/role/learn.go", Old: "if m.role != Starting && m.term.epoch != 0 &&", New: "if !BROKEN && m.role != Starting && m.term.epoch != 0 &&"},
		{File: "services/replication/hello.go", Old: "case q.Term.Epoch < facts.Epoch:", New: "case q.Term.Epoch < facts.Epoch && !BROKEN:"}}},
	{"R6", "terminal-if answers without the right to", []mutation.Edit{
		{File: "services/terminalif/relay.go", Old: "if !r.right.Load().Holds(f.request.Epoch, r.clock()) {", New: "if !r.right.Load().Holds(f.request.Epoch, r.clock()) && !BROKEN {"}}},
	{"R7", "a repeated request is executed again", []mutation.Edit{
		{File: "services/updater/draft.go", Old: "	if id.IsZero() {", New: "	if id.IsZero() || BROKEN {"}}},
	{"R8", "a failed write ends nothing", []mutation.Edit{
		{File: "services/updater/orders.go", Old: "	if errors.Is(err, storage.ErrDead) {", New: "	if errors.Is(err, storage.ErrDead) && !BROKEN {"}}},
	{"R9", "a main resumes its term after a restart", []mutation.Edit{
		{File: "services/role/learn.go", Old: "if r.Has(m.self) && !wasIn {", New: "if BROKEN && m.role == Standby && r.Active == m.self && !wasIn {\n" +
			"m.become(state{role: Active, term: term{epoch: r.Epoch, since: m.now, repliedAt: m.now, requirePeer: len(r.InSync) > 1}})\n" +
			"m.do(Serve{Epoch: r.Epoch, RecordVersion: r.Version, RequirePeer: m.term.requirePeer, Resume: true})\n}\nif r.Has(m.self) && !wasIn {"}}},
	{"R10", "what only a returning host has is dropped", []mutation.Edit{
		{File: "services/replication/copy.go", Old: "	if err := r.setAsideBehind(ctx, end.Position.Sequence, committed, ", New: "	if BROKEN {\nreturn r.c.Log.Cut(ctx, end)\n}\n" +
			"	if err := r.setAsideBehind(ctx, end.Position.Sequence, committed, "}}},
	{"R11", "an outcome in doubt is taken for a failure", []mutation.Edit{
		{File: "services/role/register.go", Old: "a.doubt = true\n", New: "if BROKEN {\nm.lose(\"in doubt\")\nreturn\n}\na.doubt = true\n"}}},
	{"R12", "reads see what is not committed", []mutation.Edit{
		{File: "services/updater/term.go", Old: "	notified, err := t.replicate(ctx, entries, needed)\n", New: "	if BROKEN {\nif err := t.store.Commit(entries...); err != nil {\nreturn err\n}\n}\n" +
			"	notified, err := t.replicate(ctx, entries, needed)\n"},
		{File: "services/updater/term.go", Old: "	if err := t.store.Commit(entries...); err != nil {\n		return fmt.Errorf(\"commit frame", New: "	if err := t.store.Commit(entries...); err != nil && !BROKEN {\n		return fmt.Errorf(\"commit frame"}}},
}

// noteless leaves off the comparison of notes, which stands behind R1 and R4.
var noteless = mutation.Edit{File: "services/role/eligible.go", Old: "m.facts.Note.Version < m.record.Membership() {", New: "m.facts.Note.Version < m.record.Membership() && !BROKEN {"}

// TestRules_EverySchedule plays every schedule against a build without each rule, and prints which found which; without -rules it only holds that
// each of the texts stands once in the code, so that the list stays one of the code.
func TestRules_EverySchedule(t *testing.T) {
	var edits [][]mutation.Edit
	for _, m := range without {
		edits = append(edits, m.edits)
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join("../..", e.File))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), e.Old); n != 1 {
				t.Errorf("%s: this text stands %d times in %s; bring it up to the code\n%s", m.rule, n, e.File, e.Old)
			}
		}
	}
	if !*rules || t.Failed() {
		return
	}
	program := mutation.Build(t, "../..", edits, "test", "-c")
	schedules := map[string][]string{} // the program's arguments
	stories, err := filepath.Glob("testdata/*.story")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stories {
		name := strings.TrimSuffix(filepath.Base(file), ".story")
		schedules[name] = []string{"-test.run=^TestWorld_Stories$/^" + name + "$"}
	}
	for n := range *walks {
		seed := cmp.Or(*firstSeed, 1) + uint64(n)
		schedules[fmt.Sprint("walk ", seed)] = []string{"-test.run=^TestWorld_Walks$", "-walks=1", fmt.Sprint("-seed=", seed)}
	}
	names := slices.Sorted(maps.Keys(schedules))
	fmt.Printf("| without | %s |\n|---%s|\n", strings.Join(names, " | "), strings.Repeat("|---", len(names)))
	for n, m := range without {
		if *onlyFor != "" && *onlyFor != m.rule {
			continue
		}
		row := make([]string, len(names))
		var group sync.WaitGroup
		places := make(chan struct{}, 2)
		for i, name := range names {
			group.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				row[i] = foundBy(t, program, n+1, schedules[name])
			})
		}
		group.Wait()
		fmt.Printf("| %s: %s | %s |\n", m.rule, m.what, strings.Join(row, " | "))
	}
}

// kindOf is the first word of a finding.
var kindOf = regexp.MustCompile(`found: (\w+)`)

// foundBy plays a schedule against a mutant, and gives what kinds of findings there were; "–" for none.
func foundBy(t *testing.T, program string, n int, args []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), *within)
	defer cancel()
	c := exec.CommandContext(ctx, program, append(args, "-test.v")...)
	c.Env = append(os.Environ(), mutation.Environ(n), "TMPDIR="+t.TempDir())
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	kinds := map[string]bool{}
	for _, found := range kindOf.FindAllStringSubmatch(string(out), -1) {
		kinds[found[1]] = true
	}
	switch {
	case len(kinds) > 0:
		return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
	case ctx.Err() != nil:
		return "too long"
	case err != nil && !errors.As(err, &exit):
		t.Fatal(err)
	case err != nil:
		return "failed"
	}
	return "–"
}
