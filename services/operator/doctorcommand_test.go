package operator

import (
	"testing"
	"time"
)

func TestDoctorCommand(t *testing.T) {
	a, b := examined()
	whole := Diagnose(a, &b, "", 12*time.Millisecond)
	b.Findings = append(b.Findings, Finding{Host: "b", Check: "open files", Level: "bad", Value: "256 allowed, 1000 terminals", Remedy: "raise it to 2512 at least (LimitNOFILE= of the unit, ulimit -n)"})
	for name, d := range map[string]Diagnosis{"doctor-good": whole, "doctor-bad": Diagnose(a, &b, "", 12*time.Millisecond), "doctor-alone": Diagnose(a, nil, "connection refused", 0)} {
		h := &table{status: paired(), decided: decided{diagnosis: d}}
		out, _, err := run(t, "doctor", "--dir", pair(t, h, nil))
		if (err == nil) != d.Takeover {
			t.Errorf("%s ends with %v", name, err)
		}
		wantScreen(t, out)
		golden(t, name, out)
	}
}
