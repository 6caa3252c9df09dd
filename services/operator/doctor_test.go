package operator

import (
	"context"
	"strings"
	"testing"
	"time"
)

func (h *table) Doctor(context.Context) (Diagnosis, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.decided.diagnosis, h.err
}

// examined are what both hosts of a whole pair find.
func examined() (a, b Examination) {
	good := func(host string) []Finding {
		return []Finding{{Host: host, Check: "durable write", Level: "good", Value: "140µs"}, {Host: host, Check: "terminals", Level: "good", Value: "5 of 5 connected"}}
	}
	viewA, viewB := ownViews()
	a = Examination{Host: "a", Time: noon(), Role: "active", Version: "v1", Lease: time.Second, Outlooks: viewA.Outlooks, Findings: good("a")}
	b = Examination{Host: "b", Time: noon(), Role: "standby", Version: "v1", Lease: time.Second, Outlooks: viewB.Outlooks, Findings: good("b")}
	return a, b
}

func TestDiagnose(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(a, b *Examination)
		alone    bool
		skew     time.Duration
		takeover bool
		want     string
	}{
		{"whole", func(*Examination, *Examination) {}, false, 0, true, "b could take over now, within 1130 ms"},
		{"other host gone", func(*Examination, *Examination) {}, true, 0, false, "does not answer"},
		{"disk of the standby", func(_, b *Examination) {
			b.Findings[0] = Finding{Host: "b", Check: "disk", Level: "bad", Value: "takes no writes"}
		}, false, 0, false, "disk: takes no writes"},
		{"disk of the active", func(a, _ *Examination) {
			a.Findings[0] = Finding{Host: "a", Check: "disk", Level: "bad", Value: "takes no writes"}
		}, false, 0, true, "b could take over"},
		{"would not", func(_, b *Examination) {
			b.Outlooks = []Outlook{{Loss: "other-dies", Waiting: "not in the set"}, {Loss: "other-vanishes"}}
		}, false, 0, false, "not in the set"},
		{"paused", func(_, b *Examination) {
			b.Outlooks = []Outlook{{Loss: "other-dies", Serves: true, HeldBack: "a is gone"}, {Loss: "other-vanishes", Serves: true}}
		}, false, 0, false, "it is paused"},
		{"nobody serves", func(a, _ *Examination) { a.Role = "standby" }, false, 0, false, "nobody serves"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := examined()
			c.change(&a, &b)
			other := &b
			if c.alone {
				other = nil
			}
			d := Diagnose(a, other, "connection refused", c.skew)
			if d.Takeover != c.takeover || !strings.Contains(d.Verdict, c.want) {
				t.Errorf("%v %q", d.Takeover, d.Verdict)
			}
			if !c.alone {
				if from := Diagnose(b, &a, "", -c.skew); from.Takeover != d.Takeover || from.Verdict != d.Verdict {
					t.Errorf("asked b: %v %q", from.Takeover, from.Verdict)
				}
			}
		})
	}
}

func TestDiagnose_ComparesTheHosts(t *testing.T) {
	a, b := examined()
	b.Version, b.Lease = "v2", 2*time.Second
	d := Diagnose(a, &b, "", -3*time.Second)
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
