package main

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/operator"
)

// phase is a part of a takeover, with its length.
type phase struct {
	name string
	took time.Duration
}

// Phases of a takeover, in their order. Each begins where the one before ends, the first at the loss; "attach" runs
// beside "first answer".
const (
	phaseStop     = "stop"    // planned only: requests are finished, the old active lets go (B3–B6)
	phaseDetect   = "detect"  // the other host begins to take over (first B7)
	phasePrepare  = "prepare" // its journal is fenced and validated, its disk takes a write
	phaseArbiter  = "arbiter" // the epoch is taken (last B7)
	phaseSwitch   = "switch"  // its updater serves, the other processes are active (B8)
	phaseFirst    = "first"   // from there the first application gets its answer
	phaseAttach   = "attach"  // from there all terminals are attached (B9)
	phaseLastUser = "last"    // from the first application's answer to the last one's
)

// phasesOf tells where the time went between a loss and the answers of the next term, from the events of both hosts and
// from what applications saw. Events that are not there, as of a host that restarted a process in place, give no phase.
func phasesOf(events []operator.Event, loss time.Time, answers []time.Time) []phase {
	events = slices.DeleteFunc(slices.Clone(events), func(e operator.Event) bool { return e.Time.Before(loss) || e.Step == "" })
	slices.SortStableFunc(events, func(a, b operator.Event) int { return a.Time.Compare(b.Time) })
	first := slices.IndexFunc(events, func(e operator.Event) bool { return e.Step == "B7" })
	if first < 0 {
		return nil
	}
	successor := events[first].Host
	var list []phase
	last := loss
	add := func(name string, until time.Time) {
		list = append(list, phase{name, until.Sub(last)})
		last = until
	}
	if i := slices.IndexFunc(events[:first], func(e operator.Event) bool { return e.Step == "B6" }); i >= 0 {
		add(phaseStop, events[i].Time)
	}
	add(phaseDetect, events[first].Time)
	var taking []time.Time // of B7, the first included
	var serving, attached time.Time
	for _, e := range events[first:] {
		switch {
		case e.Host != successor:
		case e.Step == "B7" && serving.IsZero():
			taking = append(taking, e.Time)
		case e.Step == "B8" && serving.IsZero():
			serving = e.Time
		case e.Step == "B9" && attached.IsZero():
			attached = e.Time
		}
	}
	if len(taking) > 2 {
		add(phasePrepare, taking[1])
	}
	if len(taking) > 1 {
		add(phaseArbiter, taking[len(taking)-1])
	}
	if serving.IsZero() {
		return nil // it was begun and given up: another host serves on
	}
	add(phaseSwitch, serving)
	if len(answers) > 0 {
		list = append(list, phase{phaseFirst, answers[0].Sub(serving)})
	}
	if !attached.IsZero() {
		list = append(list, phase{phaseAttach, attached.Sub(serving)})
	}
	if len(answers) > 1 {
		list = append(list, phase{phaseLastUser, answers[len(answers)-1].Sub(answers[0])})
	}
	return list
}
