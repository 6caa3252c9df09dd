package verdict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

func TestDiagnose(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(a, b *operator.Examination)
		alone    bool
		skew     time.Duration
		takeover bool
		want     string
	}{
		{"whole", func(*operator.Examination, *operator.Examination) {}, false, 0, true, "b could take over now, within 1130 ms"},
		{"other host gone", func(*operator.Examination, *operator.Examination) {}, true, 0, false, "does not answer"},
		{"disk of the standby", func(_, b *operator.Examination) {
			b.Findings[0] = operator.Finding{Host: "b", Check: "disk", Level: "bad", Value: "takes no writes"}
		}, false, 0, false, "disk: takes no writes"},
		{"disk of the active", func(a, _ *operator.Examination) {
			a.Findings[0] = operator.Finding{Host: "a", Check: "disk", Level: "bad", Value: "takes no writes"}
		}, false, 0, true, "b could take over"},
		{"would not", func(_, b *operator.Examination) {
			b.Predictions = []operator.Prediction{{Loss: "other-dies", Waiting: "not in the set"}, {Loss: "other-vanishes"}}
		}, false, 0, false, "not in the set"},
		{"paused", func(_, b *operator.Examination) {
			b.Predictions = []operator.Prediction{{Loss: "other-dies", Serves: true, Deferred: "a is gone"}, {Loss: "other-vanishes", Serves: true}}
		}, false, 0, false, "automatic takeover is paused"},
		{"nobody serves", func(a, _ *operator.Examination) { a.Role = "standby" }, false, 0, false, "nobody serves"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := operatortest.Examined()
			c.change(&a, &b)
			other := &b
			if c.alone {
				other = nil
			}
			asA, asB := verdict.Whole(operatortest.Paired()), verdict.Whole(operatortest.Standby())
			if a.Role != "active" {
				asA, asB = nobody(asA), nobody(asB)
			}
			d := verdict.Diagnose(asA, a, other, "connection refused", c.skew)
			if d.Takeover != c.takeover || !strings.Contains(d.Verdict, c.want) {
				t.Errorf("%v %q", d.Takeover, d.Verdict)
			}
			if !c.alone {
				if from := verdict.Diagnose(asB, b, &a, "", -c.skew); from.Takeover != d.Takeover || d.Takeover && from.Verdict != d.Verdict {
					t.Errorf("asked b: %v %q", from.Takeover, from.Verdict)
				}
			}
		})
	}
}

func TestDiagnose_ComparesTheHosts(t *testing.T) {
	a, b := operatortest.Examined()
	b.Version, b.Lease = "v2", 2*time.Second
	d := verdict.Diagnose(verdict.Whole(operatortest.Paired()), a, &b, "", -3*time.Second)
	warned := map[string]string{}
	for _, f := range d.Findings {
		if f.Level == "warning" {
			warned[f.Check] = f.Value
			if f.Remedy == "" {
				t.Errorf("no remedy with %v", f)
			}
		}
	}
	if !strings.Contains(warned["clocks"], "b is 3s behind") || warned["versions"] == "" || warned["leases"] == "" || len(warned) != 3 {
		t.Errorf("%v", warned)
	}
}

// nobody is a status of a pair in which nobody serves.
func nobody(s operator.Status) operator.Status {
	s.Role, s.RightUntilMS, s.Peer.Serves = "standby", 0, false
	return verdict.Whole(s)
}
