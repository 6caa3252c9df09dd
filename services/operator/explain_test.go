package operator

import (
	"context"
	"strings"
	"testing"
	"time"
)

func (h *table) Explain(context.Context) (Explanation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.decided.explained, h.err
}

// ownViews are what the hosts of a whole pair say.
func ownViews() (a, b OwnView) {
	met := []Condition{
		{Name: "in-sync set", Value: "a,b", Needed: "this host is in it", Met: true, Since: noon().Add(-98 * time.Minute)},
		{Name: "processes", Value: "all ready", Needed: "all ready", Met: true, Since: noon().Add(-99 * time.Minute)},
	}
	a = OwnView{Host: "a", Role: "active", Mode: "paired", Conditions: met, Outlooks: []Outlook{
		{Loss: "other-dies", Serves: true, AfterMS: 2}, {Loss: "other-vanishes", Serves: true, AfterMS: 502},
		{Loss: "link-lost", Serves: true, AfterMS: 502}, {Loss: "witness-lost", Serves: true}, {Loss: "this-returns", Serves: true, AfterMS: 1005},
	}}
	b = OwnView{Host: "b", Role: "standby", Mode: "paired", Conditions: met, Outlooks: []Outlook{
		{Loss: "other-dies", Serves: true, AfterMS: 13}, {Loss: "other-vanishes", Serves: true, AfterMS: 1130},
		{Loss: "link-lost", AfterMS: -1, Waiting: "waiting for a"}, {Loss: "witness-lost", AfterMS: -1}, {Loss: "this-returns", Serves: true, AfterMS: 1131},
	}}
	return a, b
}

func explained() Explanation {
	a, b := ownViews()
	return Explanation{Host: "a", Time: noon(), Level: "good", Summary: "a serves and b holds every update: either host may fail",
		Why: []string{"10:22:00.000 a: b is in sync"}, Next: Foresee(a, &b), Hosts: []OwnView{a, b},
		Times: []Implied{{Name: "active's processes die", MS: 10, Rule: "both ports refuse; terminals may object so long"}}}
}

func explainedSolo() Explanation {
	a, _ := ownViews()
	a.Mode = "solo"
	for i := range a.Outlooks {
		a.Outlooks[i].AfterMS = 0
	}
	a.Conditions = append(a.Conditions, Condition{Name: "other host", Value: "b, heard 1m0s ago", Needed: "heard within 500ms", Since: noon().Add(-time.Minute),
		Verdict: "the other host does not answer"})
	return Explanation{Host: "a", Time: noon(), Level: "warning", Summary: "a serves alone: if it fails, nobody serves", Next: Foresee(a, nil), Hosts: []OwnView{a},
		NotAsked: "the other host was not asked: connection refused"}
}

func TestExplainCommand(t *testing.T) {
	for name, e := range map[string]Explanation{"explain-paired": explained(), "explain-solo": explainedSolo()} {
		a := &table{status: paired(), decided: decided{explained: e}}
		out, _, err := run(t, "explain", "--dir", pair(t, a, nil))
		if err != nil {
			t.Fatal(err)
		}
		wantScreen(t, out)
		golden(t, name, out)
	}
}

func TestForesee_FromEitherHostTheSame(t *testing.T) {
	a, b := ownViews()
	fromA, fromB := Foresee(a, &b), Foresee(b, &a)
	for i := range fromA[:4] {
		if fromA[i] != fromB[i] {
			t.Errorf("a: %+v\nb: %+v", fromA[i], fromB[i])
		}
	}
}

func TestForesee_SaysWhatIsBad(t *testing.T) {
	a, b := ownViews()
	for _, c := range []struct {
		name       string
		change     func(a, b *OwnView)
		loss, want string
		level      Level
	}{
		{"whole", func(*OwnView, *OwnView) {}, "active", "b serves: after 13 ms", Good},
		{"standby would not", func(_, b *OwnView) {
			b.Outlooks[0] = Outlook{Loss: "other-dies", Waiting: "not fit: updater"}
			b.Outlooks[1] = Outlook{Loss: "other-vanishes", Waiting: "not fit: updater"}
		}, "active", "nobody serves: b would not, it is not fit", Bad},
		{"paused", func(_, b *OwnView) { b.Outlooks[0].HeldBack = "a is silent" }, "active", "held back by the pause", Bad},
		{"both serve", func(_, b *OwnView) { b.Outlooks[2].Serves = true }, "link", "b takes over too", Bad},
		{"active stops without a witness", func(a, _ *OwnView) { a.Outlooks[3].Serves = false }, "witness", "stops serving", Bad},
		{"nobody", func(a, b *OwnView) { a.Role, b.Role = "standby", "standby" }, "now", "nobody serves at the moment", Bad},
	} {
		x, y := a, b
		x.Outlooks, y.Outlooks = append([]Outlook(nil), a.Outlooks...), append([]Outlook(nil), b.Outlooks...)
		c.change(&x, &y)
		found := false
		for _, f := range Foresee(x, &y) {
			if f.Loss == c.loss {
				found = true
				if f.Level != c.level.String() || !strings.Contains(f.Verdict, c.want) {
					t.Errorf("%s: %+v", c.name, f)
				}
			}
		}
		if !found {
			t.Errorf("%s: nothing about %s", c.name, c.loss)
		}
	}
}
