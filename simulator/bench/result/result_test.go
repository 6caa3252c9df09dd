package result

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func sample(what string, at time.Time) *Result {
	r := &Result{Time: at, What: what, Version: "hotpair test", Settings: map[string]string{"rounds": "5"}}
	r.Add("kv.put, 64 clients", "rate", "1/s", More, 100, 110, 90, 105, 95)
	r.Add("kv.put, 64 clients", "p50", "ms", Less, 1, 1.1)
	return r
}

func TestResult_IsKeptAndFoundAgain(t *testing.T) {
	dir := t.TempDir()
	if _, err := Newest(dir, "path"); !errors.Is(err, ErrNone) {
		t.Errorf("empty folder: %v", err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, r := range []*Result{sample("path", at), sample("path", at.Add(time.Hour)), sample("idle", at.Add(2*time.Hour))} {
		if _, err := r.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Newest(dir, "path")
	if err != nil || !r.Time.Equal(at.Add(time.Hour)) || len(r.Find("kv.put, 64 clients", "rate").Samples) != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSave_ReplacesNoResultOfTheSameSecond(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first, second := sample("steady", at), sample("steady", at)
	for _, r := range []*Result{first, second} {
		if _, err := r.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	names, err := Files(dir, "steady")
	if err != nil || len(names) != 2 || !first.Time.Equal(at) || !second.Time.Equal(at.Add(time.Second)) {
		t.Errorf("%v, %v: %v and %v", names, err, first.Time, second.Time)
	}
}

func TestNewest_IsMadeWholeFromPartsAndTheBinaryBefore(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, part := range []struct {
		version, row string
		value        float64
	}{{"older", "5 terminals", 8}, {"old", "1 terminal", 1}, {"old", "1000 terminals", 7}, {"new", "1 terminal", 2}, {"new", "50 terminals", 3}, {"new", "50 terminals", 4}} {
		r := &Result{Time: at.Add(time.Duration(i) * time.Hour), What: "takeover", Version: part.version, Settings: map[string]string{"trials": "5"}}
		r.Add(part.row, "gap", "ms", Less, part.value)
		if _, err := r.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Newest(dir, "takeover")
	if err != nil || len(r.Series) != 3 || r.Find("50 terminals", "gap").Samples[0] != 4 || r.Find("1 terminal", "gap").Samples[0] != 2 || r.Find("1000 terminals", "gap").Samples[0] != 7 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Notes) != 3 || !strings.Contains(r.Notes[0], "-trials=5") || !strings.HasSuffix(r.Notes[2], ", of old") {
		t.Errorf("notes: %q", r.Notes)
	}
}

func TestParse_RefusesWhatIsNoResult(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "{}", `{"what":"path"}`, `{"what":"path","series":[{"row":"x"}]}`} {
		if _, err := Parse("x", []byte(text)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"what":"path","series":[{"row":"x","samples":[1]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse("fuzz", text)
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if err == nil {
			// Whatever was read can be shown and compared.
			_ = r.Document()
			_ = Compare(r, r, 0.1)
		}
	})
}

func TestMannWhitney_KnownProbabilities(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []float64
		want float64
	}{
		// Two of the 252 arrangements of 5 and 5 are as far apart.
		{"apart", []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2.0 / 252},
		{"apart, the other way", []float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 2.0 / 252},
		{"3 and 3", []float64{1, 2, 3}, []float64{4, 5, 6}, 0.1},
		{"one pair swapped", []float64{1, 2, 3, 4, 6}, []float64{5, 7, 8, 9, 10}, 4.0 / 252},
		{"mixed", []float64{1, 3, 5, 7}, []float64{2, 4, 6, 8}, 0.6857},
		{"all the same", []float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		{"nothing", nil, []float64{1}, 1},
	} {
		if got := MannWhitney(c.a, c.b); math.Abs(got-c.want) > 0.0001 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// With ties the normal approximation stands in: here u is 0.5 of 25, its deviation 4.714, so z is 2.4396.
	if got := MannWhitney([]float64{1, 1, 2, 2, 3}, []float64{3, 4, 4, 5, 5}); math.Abs(got-0.0147) > 0.0001 {
		t.Errorf("ties: %v", got)
	}
}

func TestSummarize_MedianAndSpread(t *testing.T) {
	if s := Summarize([]float64{3, 1, 2, 10}); s.Median != 2.5 || s.Low != 1 || s.High != 10 || s.N != 4 {
		t.Errorf("%+v", s)
	}
	if s := Summarize(nil); s != (Summary{}) {
		t.Errorf("%+v", s)
	}
}

func TestCompare_FindsASlowDownAndNothingElse(t *testing.T) {
	base := []float64{100, 102, 98, 101, 99}
	times := func(f float64) (list []float64) {
		for _, v := range base {
			list = append(list, v*f)
		}
		return list
	}
	for _, c := range []struct {
		name   string
		better Better
		before []float64
		now    []float64
		want   Verdict
	}{
		{"rate halved", More, base, times(0.5), Slower},
		{"rate doubled", More, base, times(2), Faster},
		{"latency doubled", Less, base, times(2), Slower},
		{"latency halved", Less, base, times(0.5), Faster},
		{"within the threshold though certain", More, base, times(0.95), Same},
		{"beyond the threshold, perhaps by chance", More, []float64{60, 100, 140, 80, 120}, []float64{50, 85, 130, 70, 115}, Same},
		{"the same", More, base, base, Same},
		{"told only", None, base, times(0.5), Same},
		{"two samples that do not overlap", More, []float64{100, 101}, []float64{50, 51}, Slower},
		{"two samples that overlap", More, []float64{100, 50}, []float64{51, 40}, Same},
		{"one sample says nothing", More, []float64{100}, []float64{10}, Unknown},
		{"nothing before", Less, []float64{0, 0, 0, 0}, []float64{1, 1, 1, 1}, Unknown},
	} {
		before, now := &Result{What: "x"}, &Result{What: "x"}
		before.Add("row", "metric", "", c.better, c.before...)
		now.Add("row", "metric", "", c.better, c.now...)
		changes := Compare(before, now, 0.1)
		if len(changes) != 1 || changes[0].Verdict != c.want {
			t.Errorf("%s: %+v, want %s", c.name, changes, c.want)
		}
		if want := c.want == Slower; (Worse(changes) == 1) != want {
			t.Errorf("%s: counted as worse: %v", c.name, Worse(changes))
		}
	}
}

func TestCompare_TellsWhatIsNewAndWhatIsGone(t *testing.T) {
	before, now := &Result{What: "x"}, &Result{What: "x"}
	before.Add("old", "rate", "1/s", More, 1)
	now.Add("new", "rate", "1/s", More, 1)
	changes := Compare(before, now, 0.1)
	if len(changes) != 2 || changes[0].Verdict != New || changes[1].Verdict != Gone {
		t.Fatalf("%+v", changes)
	}
	var b strings.Builder
	if err := WriteChanges(&b, changes); err != nil || !strings.Contains(b.String(), "gone") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestDocument_ShowsGoalsAndTables(t *testing.T) {
	r := sample("path", time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
	r.Note("something was left out: a | b")
	goals := []Goal{
		{"path", "kv.put, 64 clients", "rate", "1/s", Median, 90, More, "rate at 64"},
		{"path", "kv.put, 64 clients", "rate", "1/s", Worst, 95, More, "worst rate at 64"},
		{"idle", "active", "memory", "MB", Median, 150, Less, "idle"},
	}
	text := Goals([]*Result{r}, goals) + r.Document()
	for _, want := range []string{
		"| rate at 64 | rate, median ≥ 90 1/s | 100 1/s (n=5) | yes |",
		"| worst rate at 64 | rate, worst ≥ 95 1/s | 90 1/s (n=5) | no |",
		"| idle | memory, median ≤ 150 MB | not measured |  |",
		"| | rate, 1/s | p50, ms |", "| kv.put, 64 clients | 100 (90–110) | 1.05 (1–1.10) |",
		"| settings | `-rounds=5` |", `| note | something was left out: a \| b |`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestNumber_ThreeDigitsThatCount(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.12345: "0.123", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 12345: "12,345", 1234567.8: "1,234,568", -1234: "-1,234"} {
		if got := Number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestRatios_AreOfTheSameRound(t *testing.T) {
	if got := Ratios([]float64{1, 6, 9}, []float64{2, 3}); !slices.Equal(got, []float64{0.5, 2}) {
		t.Error(got)
	}
}

// Rows that share most metrics share a table, and parts of the same whole a column.
func TestDocument_JoinsTables(t *testing.T) {
	r := &Result{What: "growth", Machine: Machine{}}
	for _, metric := range []string{"gap", "last", "stop"} {
		r.Add("switchover", metric, "ms", Less, 1)
	}
	r.Add("killed", "gap", "ms", Less, 2)
	r.Add("killed", "stop", "ms", Less, 3)
	r.Add("limit", "rate", "1/s", None, 4)
	for _, row := range []string{"10 keys: b", "10 keys: a", "20 keys: a"} {
		r.Add(row, "memory", "MB", None, 5)
	}
	for _, want := range []string{
		"| | gap, ms | last, ms | stop, ms |\n|---|---:|---:|---:|\n| switchover | 1 | 1 | 1 |\n| killed | 2 |  | 3 |\n",
		"| | rate, 1/s |\n|---|---:|\n| limit | 4 |\n",
		"| memory, MB | 10 keys | 20 keys |\n|---|---:|---:|\n| a | 5 | 5 |\n| b | 5 |  |\n",
	} {
		if !strings.Contains(r.Document(), want) {
			t.Errorf("no %q in\n%s", want, r.Document())
		}
	}
}
