package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/lateness"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// skewWarns is the difference of wall clocks from which events of both hosts are hard to read and pauses end early.
const skewWarns = time.Second

// Diagnose joins the findings of both hosts. other is nil when the other host could not be asked, and problem says why.
// skew is how far the other host's clock is ahead. pair is the status of the asked host.
func Diagnose(pair operator.Status, own operator.Examination, other *operator.Examination, problem string, skew time.Duration) operator.Diagnosis {
	d := operator.Diagnosis{Host: own.Host, Time: own.Time, Level: pair.Level, Summary: pair.Sentence, Findings: slices.Clone(own.Findings)}
	d.Hosts = append(d.Hosts, operator.Runs{Host: own.Host, Role: own.Role, Version: own.Version})
	successor := other
	if own.Role != "active" {
		successor = &own
	}
	if other != nil {
		d.Findings = append(d.Findings, other.Findings...)
		d.Hosts = append(d.Hosts, operator.Runs{Host: other.Host, Role: other.Role, Version: other.Version})
		slices.SortFunc(d.Hosts, func(a, b operator.Runs) int { return cmp.Compare(a.Host, b.Host) })
		d.Findings = append(d.Findings, compare(own, *other, skew)...)
	} else {
		d.Findings = append(d.Findings, operator.Finding{Host: own.Host, Check: "other host", Level: operator.Bad.String(), Value: problem,
			Remedy: "start the other host, or fix the link (HOTPAIR_PEER_LINK)"})
	}
	d.Lateness = map[string]lateness.Day{own.Host: own.Lateness}
	if other != nil {
		d.Lateness[other.Host] = other.Lateness
	}
	d.Findings = append(d.Findings, lease(own, other))
	d.Takeover, d.Verdict = verdict(pair, own, other, successor)
	for _, f := range d.Findings {
		d.Level = max(operator.LevelOf(d.Level), operator.LevelOf(f.Level)).String()
	}
	if !d.Takeover {
		if pair.Level == operator.Good.String() { // the examination found something that the status does not show
			d.Summary = pair.ServedBy + " serves"
		}
		d.Level = operator.Bad.String()
	}
	slices.SortStableFunc(d.Findings, func(a, b operator.Finding) int {
		return cmp.Or(cmp.Compare(operator.LevelOf(b.Level), operator.LevelOf(a.Level)), cmp.Compare(a.Host, b.Host))
	})
	return d
}

func verdict(pair operator.Status, own operator.Examination, other, successor *operator.Examination) (bool, string) {
	switch {
	case pair.ServedBy == "":
		return false, "there is no active host to take over from: " + pair.Sentence
	case successor == nil:
		return false, "NO takeover is possible: the other host does not answer"
	}
	for _, f := range successor.Findings {
		if f.Level == operator.Bad.String() {
			return false, fmt.Sprintf("NO takeover by %s is possible now: %s: %s", successor.Host, f.Check, f.Value)
		}
	}
	worst := int64(0)
	for _, loss := range []string{"other-dies", "other-vanishes"} {
		i := slices.IndexFunc(successor.Predictions, func(o operator.Prediction) bool { return o.Loss == loss })
		switch {
		case i < 0 || !successor.Predictions[i].Serves:
			why := "it predicts nothing"
			if i >= 0 {
				why = ReasonOf(successor.Predictions[i])
			}
			return false, fmt.Sprintf("NO takeover by %s is possible now: %s", successor.Host, wording.Or(why, "see its conditions in hotpair explain"))
		case successor.Predictions[i].Deferred != "":
			return false, fmt.Sprintf("NO takeover by %s is possible now: automatic takeover is paused", successor.Host)
		}
		worst = max(worst, successor.Predictions[i].AfterMS)
	}
	return true, fmt.Sprintf("%s could take over now, within %s at worst", successor.Host, wording.After(worst))
}

// compare returns the findings on differences between the hosts.
func compare(own, other operator.Examination, skew time.Duration) (list []operator.Finding) {
	one := func(check string, level operator.Level, value, remedy string) {
		if level == operator.Good {
			remedy = ""
		}
		list = append(list, operator.Finding{Host: own.Host + "," + other.Host, Check: check, Level: level.String(), Value: value, Remedy: remedy})
	}
	level := operator.Good
	if skew.Abs() > skewWarns {
		level = operator.Warning
	}
	until := ""
	if skew.Abs() > clocks.Apart {
		until = fmt.Sprintf("; while they are more than %s apart a new pair can't start, and pair time follows neither clock", clocks.Apart)
	}
	one("clocks", level, other.Host+" is "+wording.Off(skew), "synchronise the clocks of both machines (chrony, systemd-timesyncd)"+until)
	level = operator.Good
	if active, standby := own, other; active.Role == "active" || standby.Role == "active" {
		if active.Role != "active" {
			active, standby = standby, active
		}
		if standby.Terminals < active.Terminals {
			level = operator.Warning
		}
		one("reach", level, fmt.Sprintf("%s is connected to %d terminals, %s to %d", active.Host, active.Terminals, standby.Host, standby.Terminals),
			"run hotpair terminals probe to see what is wrong with each: after a takeover the unreachable terminals would wait")
	}
	level = operator.Good
	if own.Version != other.Version {
		level = operator.Warning
	}
	one("versions", level, own.Host+" "+own.Version+", "+other.Host+" "+other.Version, "upgrade the older host: stop it, replace the binary, start it")
	level = operator.Good
	if own.Lease != other.Lease {
		level = operator.Warning
	}
	one("leases", level, own.Lease.String()+", "+other.Lease.String(), "set HOTPAIR_LEASE to the same value on both hosts")
	return list
}

// lease judges whether the lease suits these machines and the network between them.
func lease(own operator.Examination, other *operator.Examination) operator.Finding {
	f := operator.Finding{Host: own.Host, Check: "lateness", Level: operator.Good.String()}
	day, shortest := own.Lateness, own.Lease
	if other != nil {
		f.Host += "," + other.Host
		day, shortest = lateness.Both(day, other.Lateness), min(shortest, other.Lease)
	}
	value, short, remedy := day.Advice(shortest)
	if f.Value = value; short {
		f.Level, f.Remedy = operator.Warning.String(), remedy
	}
	return f
}

// PairTime judges, by a host's wall clock, the pair time and the time up to which answers are forgotten.
func PairTime(pair, forgotten, wall time.Time) (level operator.Level, value, remedy string) {
	off := pair.Sub(wall)
	switch {
	case off < -clocks.Off:
		return operator.Warning, wording.Off(off), "if the clocks of both hosts are right, stop both hosts and start them again: a serving pair does not follow a leap ahead, it only remembers answers longer"
	case off > clocks.Off:
		return operator.Warning, wording.Off(off), "run both hosts with correct clocks: pair time follows them within two minutes"
	case forgotten.Sub(wall) > clocks.Off:
		return operator.Warning, "answers up to " + forgotten.Format(time.RFC3339) + " are forgotten", "until then let the agent assign the request ids"
	}
	return operator.Good, wording.Off(off), ""
}
