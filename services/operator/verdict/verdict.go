package verdict

import (
	"slices"
	"strings"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Whole completes a status for programs: what it means is said.
func Whole(s operator.Status) operator.Status {
	if s.Processes == nil {
		s.Processes = map[string]operator.Process{}
	}
	level, sentence := Summary(s)
	s.Level, s.Sentence = level.String(), sentence
	return s
}

// alarmLost is the id of the alarm that an acknowledged update is missing.
const alarmLost = "updates-lost"

// lost reports whether an acknowledged update is missing and no operator has said that it was seen.
func lost(s operator.Status) bool {
	return slices.ContainsFunc(s.Alarms, func(a operator.Alarm) bool { return a.ID == alarmLost })
}

// Summary says in one sentence how the pair is, as this host sees it, and how good that is.
func Summary(s operator.Status) (operator.Level, string) {
	level, sentence := judge(s)
	if lost(s) {
		return operator.Bad, "updates are lost, see alarms; " + sentence
	}
	if level == operator.Good && !s.Witness.None && !s.Witness.Reachable {
		return operator.Warning, strings.Split(sentence, ":")[0] + ", but no witness answers: the next failure stops the service"
	}
	if level == operator.Good && len(s.Alarms) > 0 {
		return operator.Warning, sentence + "; see alarms"
	}
	return level, sentence
}

func judge(s operator.Status) (operator.Level, string) {
	peer := wording.Or(s.Peer.Host, "the other host")
	switch {
	case s.Pause == nil || s.Mode != "paired":
	case s.Serves():
		return operator.Warning, s.Host + " serves and " + peer + " holds every update, but would not take over while that is paused"
	case s.Role == "standby" && s.Pause.HeldBack != "":
		return operator.Bad, s.Host + " holds every update and does not take over, because that is paused: hotpair resume ends it"
	case s.Role == "standby":
		return operator.Warning, s.Host + " holds every update, but would not take over from " + peer + " while that is paused"
	}
	switch s.Role {
	case "starting":
		return operator.Warning, s.Host + " is starting"
	case "active":
		switch {
		case s.RightUntilMS <= 0:
			return operator.Bad, s.Host + " is active but may not answer: its right has ended"
		case s.Mode == "paired":
			return operator.Good, s.Host + " serves and " + peer + " holds every update: either host may fail"
		}
		switch s.Peer.Progress {
		case bus.PeerProbe, bus.PeerCatchingUp, bus.PeerCopying, bus.PeerClose:
			return operator.Warning, s.Host + " serves alone until " + peer + " is in sync: " + operator.ProgressWord(s.Peer.Progress) + s.Peer.CatchUp.Suffix(", ")
		}
		return operator.Warning, s.Host + " serves alone: if it fails, nobody serves"
	case "takeover":
		return operator.Warning, s.Host + " is taking over from " + peer
	case "handover":
		return operator.Warning, s.Host + " is handing over to " + peer
	case "stopped":
		return operator.Bad, s.Host + " has stopped"
	}
	return judgeStandby(s, peer)
}

func judgeStandby(s operator.Status, peer string) (operator.Level, string) {
	switch s.Mode {
	case "paired":
		return operator.Good, s.Host + " is standby and in sync: it takes over when " + peer + " fails"
	case "catching-up":
		return operator.Warning, s.Host + " is catching up with " + peer + s.CatchUp.Suffix(": ")
	case "copying":
		return operator.Warning, s.Host + " is taking a copy of " + peer + "'s database" + s.CatchUp.Suffix(": ")
	}
	switch {
	case s.WaitingFor != "" && s.Active == peer && s.Peer.Role == "active":
		return operator.Bad, s.Host + " can't join " + peer + ": " + s.WaitingFor
	case strings.HasPrefix(s.WaitingFor, "waiting for "):
		return operator.Bad, s.Host + " is " + s.WaitingFor
	case s.WaitingFor != "":
		return operator.Bad, s.Host + " may not serve: " + s.WaitingFor
	}
	return operator.Bad, s.Host + " may not serve and is not in sync"
}
