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

// skewWarns is a difference of wall clocks that makes events of both hosts hard to read and ends pauses early.
const skewWarns = time.Second

// Diagnose joins what both hosts found. other is nil when it could not be asked, problem says why; skew is how far its clock
// is ahead. pair is how the pair is, as the host that was asked sees it.
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
		if pair.Level == operator.Good.String() { // the status did not know what was found here
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
		return false, "there is nothing to take over from: " + pair.Sentence
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
			why := "it says nothing"
			if i >= 0 {
				why = ReasonOf(successor.Predictions[i])
			}
			return false, fmt.Sprintf("NO takeover by %s is possible now: %s", successor.Host, wording.Or(why, "see its conditions in hotpair explain"))
		case successor.Predictions[i].Deferred != "":
			return false, fmt.Sprintf("NO takeover by %s now: it is paused", successor.Host)
		}
		worst = max(worst, successor.Predictions[i].AfterMS)
	}
	return true, fmt.Sprintf("%s could take over now, within %s at worst", successor.Host, wording.After(worst))
}

// compare finds what differs between the hosts.
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
		until = fmt.Sprintf("; a new pair does not begin and pair time follows neither while they are more than %s apart", clocks.Apart)
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
			"hotpair terminals probe says what is wrong with each: after a takeover those that are missing would wait")
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
	one("leases", level, own.Lease.String()+", "+other.Lease.String(), "set HOTPAIR_LEASE the same on both hosts")
	return list
}

// lease finds out whether the lease is one for these machines and the line between them.
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

// PairTime judges pair time, and up to when answers are forgotten, by a host's wall clock.
func PairTime(pair, forgotten, wall time.Time) (level operator.Level, value, remedy string) {
	off := pair.Sub(wall)
	switch {
	case off < -clocks.Off:
		return operator.Warning, wording.Off(off), "if the clocks of both hosts are right, stop both and start them: while they serve they follow no leap ahead, and only remember answers longer"
	case off > clocks.Off:
		return operator.Warning, wording.Off(off), "let both hosts run with clocks that are right: it follows them within two minutes"
	case forgotten.Sub(wall) > clocks.Off:
		return operator.Warning, "answers up to " + forgotten.Format(time.RFC3339) + " are forgotten", "until then let the agent give requests their ids"
	}
	return operator.Good, wording.Off(off), ""
}
