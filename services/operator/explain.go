package operator

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// Explanation is the pair explained by one host, with what the other one said.
type Explanation struct {
	Host     string     `json:"host"` // who was asked
	Time     time.Time  `json:"time"`
	Level    string     `json:"level"`
	Summary  string     `json:"summary"`
	Why      []string   `json:"why"`  // sentences: how it came about
	Next     []Foreseen `json:"next"` // what would happen if one more thing were lost
	Hosts    []OwnView  `json:"hosts"`
	NotAsked string     `json:"not_asked,omitempty"` // why the other host's part is missing
	Times    []Implied  `json:"times"`               // worst cases that the settings imply
}

// OwnView is what a host says of itself: its role machine was asked, so this can't differ from what it would do.
type OwnView struct {
	Host       string      `json:"host"`
	Role       string      `json:"role"`
	Mode       string      `json:"mode"`
	Conditions []Condition `json:"conditions"` // before it may take the next epoch
	Outlooks   []Outlook   `json:"outlooks"`
}

// Condition is one thing that must be so.
type Condition struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Needed  string    `json:"needed"`
	Met     bool      `json:"met"`
	Since   time.Time `json:"since,omitzero"` // when it became so, as far as this run of main knows
	Verdict string    `json:"verdict"`
}

// Outlook is what a host would do about a loss.
type Outlook struct {
	Loss     string `json:"loss"` // other-dies, other-vanishes, link-lost, witness-lost, this-returns
	Serves   bool   `json:"serves"`
	AfterMS  int64  `json:"after_ms"` // until updates go on: 0 never stopped, -1 it does not serve
	Role     string `json:"role"`
	Mode     string `json:"mode"`
	Waiting  string `json:"waiting,omitempty"`
	HeldBack string `json:"held_back,omitempty"`
	Moves    []Move `json:"moves"`
}

// Move is one thing that the host would do, and when after the loss.
type Move struct {
	AfterMS int64  `json:"after_ms"`
	Step    string `json:"step,omitempty"`
	Text    string `json:"text"`
}

// Foreseen is what would come of a loss.
type Foreseen struct {
	Loss    string `json:"loss"`  // active, standby, link, witness, both
	Level   string `json:"level"` // good: service goes on; warning: it goes on later or without reserve; bad: nobody serves
	Verdict string `json:"verdict"`
	// Dies and Vanishes: milliseconds until updates go on when processes end, and when nothing answers any more; -1 never.
	DiesMS     int64 `json:"dies_ms"`
	VanishesMS int64 `json:"vanishes_ms"`
}

// Implied is a time that follows from the settings.
type Implied struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
	Rule string `json:"rule"`
}

// outlook of a loss; false when the host did not say.
func (v OwnView) outlook(loss string) (Outlook, bool) {
	for _, o := range v.Outlooks {
		if o.Loss == loss {
			return o, true
		}
	}
	return Outlook{}, false
}

// Foresee joins what the two hosts would do. other is nil when it could not be asked.
func Foresee(own OwnView, other *OwnView) []Foreseen {
	active, standby := &own, other
	if own.Role != "active" && other != nil && other.Role == "active" {
		active, standby = other, &own
	}
	if active.Role != "active" {
		return []Foreseen{
			{Loss: "now", Level: Bad.String(), Verdict: "nobody serves at the moment", DiesMS: -1, VanishesMS: -1},
			foreseeBoth(own, other),
		}
	}
	list := []Foreseen{
		foreseeOne("active", active.Host, standby),
		foreseeOne("standby", hostOf(standby, "the other host"), active),
		foreseeLink(active, standby),
		foreseeWitness(active, standby),
		foreseeBoth(own, other),
	}
	return list
}

func hostOf(v *OwnView, unknown string) string {
	if v == nil {
		return unknown
	}
	return v.Host
}

// foreseeOne is the loss of a host, as the one that stays sees it.
func foreseeOne(loss, lost string, stays *OwnView) Foreseen {
	f := Foreseen{Loss: loss, Level: Bad.String(), DiesMS: -1, VanishesMS: -1}
	if stays == nil {
		f.Verdict = "if " + lost + " is lost, nobody serves until it is back: the other host does not answer"
		return f
	}
	dies, _ := stays.outlook("other-dies")
	vanishes, known := stays.outlook("other-vanishes")
	if !known {
		f.Verdict = stays.Host + " does not say"
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
		f.Verdict = fmt.Sprintf("if %s is lost, nobody serves: %s would not, %s", lost, stays.Host, wording.Or(ReasonOf(vanishes), "see its conditions"))
		return f
	case dies.HeldBack != "":
		f.Verdict = fmt.Sprintf("if %s is lost, %s serves after %s only: %s, held back by the pause", lost, stays.Host, wording.After(vanishes.AfterMS), vanishes.HeldBack)
		return f
	case dies.AfterMS == 0 && vanishes.AfterMS == 0:
		f.Level, f.Verdict = Good.String(), fmt.Sprintf("if %s is lost, %s goes on: nothing waits for %s", lost, stays.Host, lost)
		return f
	}
	f.Level = Good.String()
	f.Verdict = fmt.Sprintf("if %s is lost, %s serves: after %s when its processes die, at most %s when its machine or cable is gone", lost, stays.Host, wording.After(dies.AfterMS), wording.After(vanishes.AfterMS))
	return f
}

// ReasonOf says why a host would not serve; "" when it does not say.
func ReasonOf(o Outlook) string {
	if o.Waiting != "" {
		return "it is " + strings.TrimPrefix(o.Waiting, "it is ")
	}
	if n := len(o.Moves); n > 0 {
		return o.Moves[n-1].Text
	}
	return ""
}

func foreseeLink(active, standby *OwnView) Foreseen {
	o, _ := active.outlook("link-lost")
	f := Foreseen{Loss: "link", Level: Bad.String(), DiesMS: -1, VanishesMS: -1}
	switch {
	case !o.Serves:
		f.Verdict = fmt.Sprintf("if the link is lost, %s can't go on: %s", active.Host, wording.Or(ReasonOf(o), "it may not go solo"))
	case o.AfterMS == 0:
		f.Level, f.DiesMS, f.VanishesMS = Good.String(), 0, 0
		f.Verdict = fmt.Sprintf("if the link is lost, %s goes on: it serves alone already", active.Host)
	default:
		f.Level, f.DiesMS, f.VanishesMS = Good.String(), o.AfterMS, o.AfterMS
		f.Verdict = fmt.Sprintf("if the link is lost, %s goes on alone after at most %s", active.Host, wording.After(o.AfterMS))
		if standby != nil {
			if s, known := standby.outlook("link-lost"); known && s.Serves {
				f.Level = Bad.String()
				f.Verdict += fmt.Sprintf(", and %s takes over too", standby.Host)
			} else if known {
				f.Verdict += fmt.Sprintf("; %s stays standby", standby.Host)
			}
		}
	}
	return f
}

func foreseeWitness(active, standby *OwnView) Foreseen {
	o, _ := active.outlook("witness-lost")
	f := Foreseen{Loss: "witness", Level: Warning.String(), DiesMS: o.AfterMS, VanishesMS: o.AfterMS}
	if !o.Serves {
		f.Level, f.DiesMS, f.VanishesMS = Bad.String(), -1, -1
		f.Verdict = fmt.Sprintf("if the witness is lost, %s stops serving: %s", active.Host, ReasonOf(o))
		return f
	}
	f.Verdict = fmt.Sprintf("if the witness is lost, %s goes on, but the next loss stops the service", active.Host)
	return f
}

// foreseeBoth is a loss of power at both, and only one of them coming back.
func foreseeBoth(own OwnView, other *OwnView) Foreseen {
	f := Foreseen{Loss: "both", Level: Bad.String(), DiesMS: -1, VanishesMS: -1}
	var can, not []string
	views := []*OwnView{&own}
	if other != nil {
		views = append(views, other)
	}
	for _, v := range views {
		o, known := v.outlook("this-returns")
		switch {
		case !known:
		case o.Serves:
			can = append(can, fmt.Sprintf("%s serves %s after it is back alone", v.Host, wording.After(o.AfterMS)))
			f.DiesMS, f.VanishesMS = max(f.DiesMS, o.AfterMS), max(f.VanishesMS, o.AfterMS)
		default:
			not = append(not, fmt.Sprintf("%s alone does not (%s)", v.Host, wording.Or(ReasonOf(o), "see its conditions")))
		}
	}
	if len(can) > 0 {
		f.Level = Warning.String()
	}
	f.Verdict = "if both lose power: " + strings.Join(append(can, not...), "; ")
	return f
}
