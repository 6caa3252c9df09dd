package refusals

import "testing"

// Each kind has a door and a reason, and no two have the same: they are labels of one metric.
func TestKinds_AreApart(t *testing.T) {
	seen := map[[2]string]bool{}
	var c Counter
	for _, k := range Kinds() {
		c.Count(k)
		if k.Door() == "" || k.Reason() == "" {
			t.Errorf("kind %d is %q %q", k, k.Door(), k.Reason())
		}
		seen[[2]string{k.Door(), k.Reason()}] = true
	}
	if len(seen) != len(Kinds()) {
		t.Errorf("%d kinds have %d labels", len(Kinds()), len(seen))
	}
	sum := c.Counts()
	sum.Add(c.Counts())
	for k, n := range sum {
		if n != 2 {
			t.Errorf("kind %d was counted %d times", k, n)
		}
	}
	(*Counter)(nil).Count(HTTPToken)
	if (*Counter)(nil).Counts() != (Counts{}) {
		t.Error("nobody counts")
	}
}
