package verdict

import (
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// predictionOf returns the host's prediction for a loss; false when it made none.
func predictionOf(v *operator.OwnView, loss string) (operator.Prediction, bool) {
	for _, o := range v.Predictions {
		if o.Loss == loss {
			return o, true
		}
	}
	return operator.Prediction{}, false
}

// Foresee joins the predictions of the two hosts. other is nil when it could not be asked.
func Foresee(own operator.OwnView, other *operator.OwnView) []operator.Foreseen {
	active, standby := &own, other
	if own.Role != "active" && other != nil && other.Role == "active" {
		active, standby = other, &own
	}
	if active.Role != "active" {
		return []operator.Foreseen{
			{Loss: "now", Level: operator.Bad.String(), Verdict: "nobody serves at the moment", DiesMS: -1, VanishesMS: -1},
			foreseeBoth(own, other),
		}
	}
	list := []operator.Foreseen{
		foreseeOne("active", active.Host, standby),
		foreseeOne("standby", hostOf(standby, "the other host"), active),
		foreseeLink(active, standby),
		foreseeWitness(active, standby),
		foreseeBoth(own, other),
	}
	return list
}

func hostOf(v *operator.OwnView, unknown string) string {
	if v == nil {
		return unknown
	}
	return v.Host
}

// foreseeOne predicts the loss of one host, from the view of the remaining host.
func foreseeOne(loss, lost string, stays *operator.OwnView) operator.Foreseen {
	f := operator.Foreseen{Loss: loss, Level: operator.Bad.String(), DiesMS: -1, VanishesMS: -1}
	if stays == nil {
		f.Verdict = "if " + lost + " is lost, nobody serves until it is back: the other host does not answer"
		return f
	}
	dies, _ := predictionOf(stays, "other-dies")
	vanishes, known := predictionOf(stays, "other-vanishes")
	if !known {
		f.Verdict = stays.Host + " predicts nothing"
		return f
	}
	if dies.Serves {
		f.DiesMS = dies.AfterMS
	}
	if vanishes.Serves {
		f.VanishesMS = vanishes.AfterMS
	}
	switch {
	case !dies.Serves && !vanishes.Serves:
		f.Verdict = fmt.Sprintf("if %s is lost, nobody serves: %s would not take over (%s)", lost, stays.Host, wording.Or(ReasonOf(vanishes), "see its conditions"))
		return f
	case dies.Deferred != "":
		f.Verdict = fmt.Sprintf("if %s is lost, %s serves only after %s: %s, deferred by the pause", lost, stays.Host, wording.After(vanishes.AfterMS), vanishes.Deferred)
		return f
	case dies.AfterMS == 0 && vanishes.AfterMS == 0:
		f.Level, f.Verdict = operator.Good.String(), fmt.Sprintf("if %s is lost, %s keeps serving: it does not wait for %s", lost, stays.Host, lost)
		return f
	}
	f.Level = operator.Good.String()
	f.Verdict = fmt.Sprintf("if %s is lost, %s serves: after %s when its processes die, at most %s when its machine or cable is gone", lost, stays.Host, wording.After(dies.AfterMS), wording.After(vanishes.AfterMS))
	return f
}

// ReasonOf returns the reason why a host would not serve; "" when the prediction has none.
func ReasonOf(o operator.Prediction) string {
	if o.Waiting != "" {
		return "it is " + strings.TrimPrefix(o.Waiting, "it is ")
	}
	if n := len(o.Moves); n > 0 {
		return o.Moves[n-1].Text
	}
	return ""
}

func foreseeLink(active, standby *operator.OwnView) operator.Foreseen {
	o, _ := predictionOf(active, "link-lost")
	f := operator.Foreseen{Loss: "link", Level: operator.Bad.String(), DiesMS: -1, VanishesMS: -1}
	switch {
	case !o.Serves:
		f.Verdict = fmt.Sprintf("if the link is lost, %s stops serving: %s", active.Host, wording.Or(ReasonOf(o), "it may not serve alone"))
	case o.AfterMS == 0:
		f.Level, f.DiesMS, f.VanishesMS = operator.Good.String(), 0, 0
		f.Verdict = fmt.Sprintf("if the link is lost, %s keeps serving: it serves alone already", active.Host)
	default:
		f.Level, f.DiesMS, f.VanishesMS = operator.Good.String(), o.AfterMS, o.AfterMS
		f.Verdict = fmt.Sprintf("if the link is lost, %s serves alone after at most %s", active.Host, wording.After(o.AfterMS))
		if standby != nil {
			if s, known := predictionOf(standby, "link-lost"); known && s.Serves {
				f.Level = operator.Bad.String()
				f.Verdict += fmt.Sprintf(", and %s takes over too", standby.Host)
			} else if known {
				f.Verdict += fmt.Sprintf("; %s stays standby", standby.Host)
			}
		}
	}
	return f
}

func foreseeWitness(active, standby *operator.OwnView) operator.Foreseen {
	o, _ := predictionOf(active, "witness-lost")
	f := operator.Foreseen{Loss: "witness", Level: operator.Warning.String(), DiesMS: o.AfterMS, VanishesMS: o.AfterMS}
	if !o.Serves {
		f.Level, f.DiesMS, f.VanishesMS = operator.Bad.String(), -1, -1
		f.Verdict = fmt.Sprintf("if the witness is lost, %s stops serving: %s", active.Host, ReasonOf(o))
		return f
	}
	f.Verdict = fmt.Sprintf("if the witness is lost, %s keeps serving, but the next loss stops the service", active.Host)
	return f
}

// foreseeBoth predicts a loss of power at both hosts when only one of them comes back.
func foreseeBoth(own operator.OwnView, other *operator.OwnView) operator.Foreseen {
	f := operator.Foreseen{Loss: "both", Level: operator.Bad.String(), DiesMS: -1, VanishesMS: -1}
	var can, not []string
	views := []*operator.OwnView{&own}
	if other != nil {
		views = append(views, other)
	}
	for _, v := range views {
		o, known := predictionOf(v, "this-returns")
		switch {
		case !known:
		case o.Serves:
			can = append(can, fmt.Sprintf("%s serves %s after it comes back alone", v.Host, wording.After(o.AfterMS)))
			f.DiesMS, f.VanishesMS = max(f.DiesMS, o.AfterMS), max(f.VanishesMS, o.AfterMS)
		default:
			not = append(not, fmt.Sprintf("%s alone does not serve (%s)", v.Host, wording.Or(ReasonOf(o), "see its conditions")))
		}
	}
	if len(can) > 0 {
		f.Level = operator.Warning.String()
	}
	f.Verdict = "if both lose power: " + strings.Join(append(can, not...), "; ")
	return f
}
