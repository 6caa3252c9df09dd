package operator

import (
	"strings"
	"testing"
)

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
