package backups

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/level/leveltest"
	"github.com/hotpair/hotpair/storage/position"
)

var rewrite = leveltest.Rewrite()

var began = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

func TestName_OnlyThePairsOwnAreRead(t *testing.T) {
	for _, n := range []Name{{"PAIR", began, "a", false}, {"PAIR", began, "host-b", true}} {
		if again, ok := Parse("PAIR", n.String()); !ok || again != n || n.Check() != nil {
			t.Errorf("%v is read as %+v, %v", n, again, ok)
		}
		if _, ok := Parse("OTHER", n.String()); ok {
			t.Errorf("another pair takes %v for its own", n)
		}
	}
	good := Name{"PAIR", began, "a", false}.String()
	for _, text := range []string{
		"", "hotpair-PAIR-", strings.TrimSuffix(good, ".backup"), good + "x", good + ".new-1", "x" + good, strings.Replace(good, "Z", "", 1), strings.Replace(good, "-a.", "-.", 1),
		strings.Replace(good, "2026", "20260", 1), strings.Replace(good, ".535", ",535", 1), "../" + good, "hotpair-PAIR-20260314T150926.535Z-a/b.backup", "hotpair-PAIR-20261314T150926.535Z-a.backup",
	} {
		if n, ok := Parse("PAIR", text); ok {
			t.Errorf("%q is read as %+v", text, n)
		}
	}
	for _, n := range []Name{{"", began, "a", false}, {"a/b", began, "a", false}, {"PAIR", began, "a b", false}} {
		if n.Check() == nil {
			t.Errorf("%+v is a name", n)
		}
	}
}

// hours gives backups of each hour of some days, in no order.
func hours(days int) (list []Name) {
	for i := range days * 24 {
		list = append(list, Name{"PAIR", began.Add(-time.Duration(i) * time.Hour), "a", false})
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestOld_KeepsWhatTheRuleSays(t *testing.T) {
	there := hours(100)
	for _, c := range []struct {
		rule Rule
		kept int
	}{
		{Rule{Last: 1}, 1}, {Rule{Last: 24}, 24}, {Rule{}, 1}, {Rule{Last: 10_000}, 2400},
		{Rule{Daily: 7}, 7}, {Rule{Last: 24, Daily: 7}, 24 + 5}, // today and yesterday have one among the last
		{Rule{Weekly: 5}, 5}, {Rule{Monthly: 12}, 4}, // December to March
	} {
		old := Old(c.rule, there)
		if kept := len(there) - len(old); kept != c.kept {
			t.Errorf("%+v keeps %d, want %d", c.rule, kept, c.kept)
		}
		if !slices.IsSortedFunc(old, func(a, b Name) int { return a.Made.Compare(b.Made) }) {
			t.Errorf("%+v: not the oldest first", c.rule)
		}
		if slices.ContainsFunc(old, func(n Name) bool { return n.Made.Equal(began) }) {
			t.Errorf("%+v removes the newest", c.rule)
		}
	}
	// The newest of each day is the one that stays.
	for _, n := range Old(Rule{Last: 1, Daily: 200}, there) {
		if n.Made.Hour() == 23 {
			t.Errorf("%v is the newest of its day", n)
		}
	}
	// What is spared stays, although a clock was ahead when others were made.
	made := Name{"PAIR", began.Add(-time.Minute), "b", false}
	if old := Old(Rule{Last: 1}, append(there, made), made.String()); slices.Contains(old, made) || len(old) != len(there)-1 {
		t.Errorf("the one that was made just now is removed, or %d are", len(old))
	}
}

func TestRecord_TheLastGoodOneStays(t *testing.T) {
	made := func(at time.Time, tried bool) *Made { return &Made{Name: at.String(), At: at, Tried: tried} }
	r := Record{}.With(Note{Wanted: began, Now: began})
	if r.Good() != began {
		t.Errorf("before the first one ages count from %v", r.Good())
	}
	r = r.With(Note{Wanted: began.Add(time.Hour), Now: began})
	r = r.With(Note{Made: made(began.Add(time.Hour), true), Now: began.Add(2 * time.Hour)})
	r = r.With(Note{Made: made(began, false), Now: began.Add(2 * time.Hour)}) // told late
	if r.Since != began || !r.Last.At.Equal(began.Add(time.Hour)) || r.Tried == nil {
		t.Errorf("%+v", r)
	}
	r = r.With(Note{Made: made(began.Add(3*time.Hour), false), Now: began.Add(4 * time.Hour)})
	if r.Last.At != began.Add(3*time.Hour) || r.Tried.At != began.Add(time.Hour) {
		t.Errorf("%+v", r)
	}
	// One of a clock that was a year ahead does not stay the last one for a year.
	r = r.With(Note{Made: made(began.Add(365*24*time.Hour), true), Now: began.Add(365 * 24 * time.Hour)})
	r = r.With(Note{Made: made(began.Add(5*time.Hour), true), Now: began.Add(6 * time.Hour)})
	if r.Last.At != began.Add(5*time.Hour) || r.Tried.At != began.Add(5*time.Hour) {
		t.Errorf("%+v", r)
	}
}

func TestUpkeep_SaysHowItIs(t *testing.T) {
	s := Upkeep{Every: time.Hour, Turn: "b", Record: Record{Since: began, Last: &Made{Name: "secret", Place: "/secret", Host: "b", At: began, Sealed: "age1", Position: position.Position{Epoch: 3, Sequence: 99}}},
		Failed: &Failure{Tries: 3, Why: "the disk is gone"}, Old: true, Place: "/secret"}
	got := s.Sentence(began.Add(150 * time.Minute))
	for _, want := range []string{"2h30m0s ago, at 3/99 by b, encrypted", "every 1h, the next by b", "TOO OLD", "(3 in a row): the disk is gone"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if s.Age(began.Add(-time.Hour)) != 0 {
		t.Error("it is younger than new")
	}
	if p := s.Public(); strings.Contains(p.Sentence(began), "disk") || p.Place != "" || p.Last.Name != "" || p.Last.Place != "" {
		t.Errorf("anybody is told %+v", p)
	}
}

// TestLevel_Record: what the pair keeps of its backups is read as it was written.
func TestLevel_Record(t *testing.T) {
	made := Made{Name: Name{"PAIR", began, "b", true}.String(), Place: "s3://bucket/prefix", Host: "b", At: began, Position: position.Position{Epoch: 3, Sequence: 99}, Bytes: 4096, SHA256: "00ff",
		Keys: 17, Took: time.Second, Sealed: "age1x", Tried: true, Removed: 2, Unremoved: "no"}
	leveltest.Check(t, *rewrite, leveltest.JSON[Record]("record"), Record{Since: began.Add(-time.Hour), Last: &made, Tried: &made})
}
