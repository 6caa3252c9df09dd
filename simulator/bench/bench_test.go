package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

func TestPhases_OfATakeover(t *testing.T) {
	loss := time.Unix(1000, 0)
	at := func(ms int) time.Time { return loss.Add(time.Duration(ms) * time.Millisecond) }
	event := func(ms int, host, step string) operator.Event {
		return operator.Event{Time: at(ms), Host: host, Step: step}
	}
	killed := []operator.Event{
		event(-500, "a", "B9"), // of an earlier takeover
		event(5, "b", "B7"), event(12, "b", "B7"), event(20, "b", "B7"), event(25, "b", "B8"), event(31, "b", "B9"),
		event(600, "b", "B9"), // the audit
	}
	want := []phase{{phaseDetect, 5}, {phasePrepare, 7}, {phaseArbiter, 8}, {phaseSwitch, 5}, {phaseFirst, 3}, {phaseAttach, 6}, {phaseLastUser, 12}}
	for i := range want {
		want[i].took *= time.Millisecond
	}
	slices.Reverse(killed) // the order in which hosts tell them means nothing
	if got := phasesOf(killed, loss, []time.Time{at(28), at(30), at(40)}); !slices.Equal(got, want) {
		t.Errorf("killed: %v", got)
	}
	planned := []operator.Event{
		event(1, "a", "B3"), event(2, "a", "B4"), event(6, "a", "B5"), event(8, "a", "B6"),
		event(9, "b", "B7"), event(11, "b", "B7"), event(14, "b", "B8"), event(15, "b", "B9"),
	}
	want = []phase{{phaseStop, 8}, {phaseDetect, 1}, {phaseArbiter, 2}, {phaseSwitch, 3}, {phaseFirst, 1}, {phaseAttach, 1}}
	for i := range want {
		want[i].took *= time.Millisecond
	}
	if got := phasesOf(planned, loss, []time.Time{at(15)}); !slices.Equal(got, want) {
		t.Errorf("planned: %v", got)
	}
	for name, events := range map[string][]operator.Event{
		"restarted in place":   {event(1, "a", "B1")},
		"begun and given up":   {event(500, "b", "B7"), event(510, "b", "")},
		"nothing":              nil,
		"all before this loss": {event(-9, "b", "B7"), event(-5, "b", "B8")},
	} {
		if got := phasesOf(events, loss, nil); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReadBenchmarks_TakesLinesOfGoTest(t *testing.T) {
	text := `goos: linux
pkg: x
BenchmarkFrame/Encode/64-2   	   12345	     98765 ns/op	  12.50 MB/s	    4096 B/op	       3 allocs/op
BenchmarkCommit/callers=64-2  	  100	  50000 ns/op	  20000 updates/s	 12.5 cpu-µs/update-on-a
BenchmarkCommit/callers=64-2  	some log
--- BENCH: BenchmarkX
PASS
ok  	x	1.2s
`
	list, err := readBenchmarks(strings.NewReader(text))
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if b := list[0]; b.name != "Frame/Encode/64" || b.values["ns/op"] != 98765 || b.values["MB/s"] != 12.5 || b.values["allocs/op"] != 3 {
		t.Errorf("%+v", b)
	}
	r := &run{out: io.Discard, result: &result.Result{}}
	list[1].tell(r, "services/updater")
	if s := r.result.Find("updater, 64 callers", "rate"); s == nil || s.Samples[0] != 20000 {
		t.Errorf("%+v", r.result.Series)
	}
	if s := r.result.Find("services/updater, Commit/callers=64", "updates/s"); s == nil || s.Better != result.More {
		t.Errorf("%+v", s)
	}
	if _, err := readBenchmarks(strings.NewReader("BenchmarkX-2 10 x ns/op\n")); err == nil {
		t.Error("a line that is damaged was taken")
	}
}

func TestOptions_ShortFormLeavesAloneWhatIsSet(t *testing.T) {
	for _, c := range []struct {
		args      []string
		trials    int
		terminals string
	}{
		{nil, 20, "50,1,1000"},
		{[]string{"-short"}, 2, "5"},
		{[]string{"-short", "-trials", "7"}, 7, "5"},
		{[]string{"-terminals=3,4"}, 20, "3,4"},
	} {
		var b takeoverBench
		f := newOptions("takeover")
		b.options(f)
		if err := f.parse(c.args); err != nil {
			t.Fatal(err)
		}
		if b.trials != c.trials || b.terminals.String() != c.terminals || f.settings()["terminals"] != c.terminals {
			t.Errorf("%v: %+v", c.args, b)
		}
	}
	for _, args := range [][]string{{"-terminals=0"}, {"-terminals=x"}, {"-no"}, {"stray"}} {
		var b takeoverBench
		f := newOptions("takeover")
		f.SetOutput(io.Discard)
		b.options(f)
		if err := f.parse(args); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestOptions_EveryShortValueFits(t *testing.T) {
	for what, m := range measurements() {
		f := newOptions(what)
		m.options(f)
		if err := f.parse([]string{"-short"}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if what == "shapes" || what == "sides" {
			continue // they help to decide, and say nothing of what was built
		}
		if !slices.Contains(kindsOfResults(), what) {
			t.Errorf("%s is in no report", what)
		}
	}
}

func TestCommand_RefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{nil, {"fly"}, {"path", "-binary", "/no/such/hotpair"}} {
		if err := command(t.Context(), args, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// keep writes a result of a kind into a folder.
func keep(t *testing.T, folder string, at time.Time, rates ...float64) {
	t.Helper()
	r := &result.Result{Time: at, What: "path", Version: "test"}
	r.Add("kv.put, 64 clients", "rate", "1/s", result.More, rates...)
	if _, err := r.Save(folder); err != nil {
		t.Fatal(err)
	}
}

func TestCompare_EndsBadlyOnASlowDownOnly(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // no repository: every file counts as committed
	if err := compare(t.Context(), []string{"-results", dir}, io.Discard); !errors.Is(err, result.ErrNone) {
		t.Errorf("nothing to compare: %v", err)
	}
	keep(t, dir, at, 100, 101, 99, 100.5, 99.5)
	keep(t, dir, at.Add(time.Hour), 102, 98, 101.5, 100.2, 99)
	if err := compare(t.Context(), []string{"-results", dir}, io.Discard); err != nil {
		t.Errorf("as before: %v", err)
	}
	keep(t, dir, at.Add(2*time.Hour), 70, 71, 69, 70.5, 72)
	var out strings.Builder
	if err := compare(t.Context(), []string{"-results", dir}, &out); !errors.Is(err, errWorse) || !strings.Contains(out.String(), "WORSE") {
		t.Errorf("slower by a third: %v\n%s", err, out.String())
	}
	if err := compare(t.Context(), []string{"-results", dir, "-threshold", "0.5"}, io.Discard); err != nil {
		t.Errorf("slower by less than half: %v", err)
	}
}

func TestSides_ComparesWithTheCommittedBeforeTheNewest(t *testing.T) {
	committed := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	list := func(names ...string) []string { return names }
	for _, c := range []struct{ names, committed, before, now []string }{
		{nil, nil, nil, nil},
		{list("1"), list("1"), nil, list("1")},
		{list("1", "2", "3"), list("1"), list("1"), list("2", "3")},
		{list("1", "2", "3", "4"), list("1", "3"), list("1", "3"), list("4")},
		{list("1", "2", "3"), list("1", "2", "3"), list("1", "2"), list("3")},
		{list("1", "2"), nil, nil, list("1", "2")},
	} {
		if before, now := sides(c.names, committed(c.committed...)); !slices.Equal(before, c.before) || !slices.Equal(now, c.now) {
			t.Errorf("%v: %q, %q", c.names, before, now)
		}
	}
}

func TestReport_NamesEveryGoal(t *testing.T) {
	dir := t.TempDir()
	r := &result.Result{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), What: "peers", Version: "test"}
	r.Add("hotpair, 64 clients on 8 connections", "rate", "1/s", result.More, 20900, 21100)
	if _, err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	keep(t, dir, r.Time, 15000)
	file := filepath.Join(dir, "RESULTS.md")
	if err := report([]string{"-results", dir, "-to", file}, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| kv.put, 64 clients on 8 connections | rate, median ≥ 20,000 1/s | 21,000 1/s (n=2) | yes |", "| **hotpair** |  |  | 21,000 (20,900–21,100) |",
		"| [path](results/path.md) | 2026-01-01 00:00 | test |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(string(text), "not measured"); n != len(goals())-1 {
		t.Errorf("%d goals of %d are not measured:\n%s", n, len(goals()), text)
	}
	details, err := os.ReadFile(filepath.Join(dir, "results", "path.md"))
	if err != nil || !strings.Contains(string(details), "| kv.put, 64 clients | 15,000 |") {
		t.Errorf("%s (%v)", details, err)
	}
}

// What is committed is what the command writes, and the first of it can be read at once.
func TestReport_IsWhatIsCommitted(t *testing.T) {
	const mostLines = 200
	dir := t.TempDir()
	if err := report([]string{"-results", "results", "-to", filepath.Join(dir, "RESULTS.md")}, io.Discard); err != nil {
		t.Fatal(err)
	}
	documents := func(root string) map[string]string {
		found := map[string]string{}
		for _, pattern := range []string{"RESULTS.md", "results/*.md"} {
			names, err := filepath.Glob(filepath.Join(root, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				found[strings.TrimPrefix(name, filepath.Clean(root)+"/")] = string(text)
			}
		}
		return found
	}
	committed, written := documents("."), documents(dir)
	if len(written) < 5 {
		t.Errorf("only %d documents are written", len(written))
	}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if committed[name] != written[name] {
			t.Errorf("%s is not what the results say: go run ./simulator/bench report -to simulator/bench/RESULTS.md", name)
		}
	}
	for name := range committed {
		if written[name] == "" {
			t.Errorf("%s is of no result", name)
		}
	}
	if n := strings.Count(written["RESULTS.md"], "\n"); n >= mostLines {
		t.Errorf("RESULTS.md has %d lines, fewer than %d can be read", n, mostLines)
	}
}

func TestMetricIn_FindsOneWithoutLabels(t *testing.T) {
	text := "# HELP go_goroutines Number\n# TYPE go_goroutines gauge\ngo_goroutines 42\ngo_goroutines_x 7\n"
	if v, err := metricIn(strings.NewReader(text), "go_goroutines"); err != nil || v != 42 {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := metricIn(strings.NewReader(text), "other"); !errors.Is(err, errMetric) {
		t.Errorf("%v", err)
	}
}
