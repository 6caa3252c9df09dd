package verdict_test

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

func TestForesee_FromEitherHostTheSame(t *testing.T) {
	a, b := operatortest.OwnViews()
	fromA, fromB := verdict.Foresee(a, &b), verdict.Foresee(b, &a)
	for i := range fromA[:4] {
		if fromA[i] != fromB[i] {
			t.Errorf("a: %+v\nb: %+v", fromA[i], fromB[i])
		}
	}
}

func TestForesee_SaysWhatIsBad(t *testing.T) {
	a, b := operatortest.OwnViews()
	for _, c := range []struct {
		name       string
		change     func(a, b *operator.OwnView)
		loss, want string
		level      operator.Level
	}{
		{"whole", func(*operator.OwnView, *operator.OwnView) {}, "active", "b serves: after 13 ms", operator.Good},
		{"standby would not", func(_, b *operator.OwnView) {
			b.Predictions[0] = operator.Prediction{Loss: "other-dies", Waiting: "not fit: updater"}
			b.Predictions[1] = operator.Prediction{Loss: "other-vanishes", Waiting: "not fit: updater"}
		}, "active", "nobody serves: b would not take over (it is not fit", operator.Bad},
		{"paused", func(_, b *operator.OwnView) { b.Predictions[0].Deferred = "a is silent" }, "active", "deferred by the pause", operator.Bad},
		{"both serve", func(_, b *operator.OwnView) { b.Predictions[2].Serves = true }, "link", "b takes over too", operator.Bad},
		{"active stops without a witness", func(a, _ *operator.OwnView) { a.Predictions[3].Serves = false }, "witness", "stops serving", operator.Bad},
		{"nobody", func(a, b *operator.OwnView) { a.Role, b.Role = "standby", "standby" }, "now", "nobody serves at the moment", operator.Bad},
	} {
		x, y := a, b
		x.Predictions, y.Predictions = append([]operator.Prediction(nil), a.Predictions...), append([]operator.Prediction(nil), b.Predictions...)
		c.change(&x, &y)
		found := false
		for _, f := range verdict.Foresee(x, &y) {
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
