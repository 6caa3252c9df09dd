package command

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

func TestDoctorCommand(t *testing.T) {
	a, b := operatortest.Examined()
	whole := verdict.Diagnose(verdict.Whole(operatortest.Paired()), a, &b, "", 12*time.Millisecond)
	b.Findings = append(b.Findings, operator.Finding{Host: "b", Check: "open files", Level: "bad", Value: "256 allowed, 1000 terminals", Remedy: "raise it to 2512 at least (LimitNOFILE= of the unit, ulimit -n)"})
	for name, d := range map[string]operator.Diagnosis{"doctor-good": whole, "doctor-bad": verdict.Diagnose(verdict.Whole(operatortest.Paired()), a, &b, "", 12*time.Millisecond), "doctor-alone": verdict.Diagnose(verdict.Whole(operatortest.Paired()), a, nil, "connection refused", 0)} {
		h := &operatortest.Host{Now: operatortest.Paired(), Decided: operatortest.Decided{Diagnosis: d}}
		out, _, err := run(t, "doctor", "--dir", pair(t, h, nil))
		if (err == nil) != d.Takeover {
			t.Errorf("%s ends with %v", name, err)
		}
		wantScreen(t, out)
		operatortest.Golden(t, name, out)
	}
}
