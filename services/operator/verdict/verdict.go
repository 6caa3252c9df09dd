package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Whole completes a status: the host that serves, and the level and summary of the pair.
func Whole(s operator.Status) operator.Status {
	if s.Processes == nil {
		s.Processes = map[string]operator.Process{}
	}
	s.ServedBy = ""
	switch {
	case s.Serves():
		s.ServedBy = s.Host
	case s.Peer.Serves:
		s.ServedBy = s.Peer.Host
	}
	level, sentence := of(s)
	s.Level, s.Sentence = level.String(), sentence
	return s
}

// Line returns a status in one line: the summary, then role, mode and epoch of the host.
func Line(s operator.Status) string {
	line := fmt.Sprintf("%s (%s, %s, epoch %d", s.Sentence, s.Role, s.Mode, s.Epoch)
	if s.WaitingFor != "" && !strings.Contains(s.Sentence, s.WaitingFor) {
		line += ", " + s.WaitingFor
	}
	return line + ")"
}

// alarmLost is the id of the alarm that an acknowledged update is missing.
const alarmLost = "updates-lost"

// lost reports whether an acknowledged update is missing and no operator has acknowledged the alarm.
func lost(s operator.Status) bool {
	return slices.ContainsFunc(s.Alarms, func(a operator.Alarm) bool { return a.ID == alarmLost })
}

// of returns the level and the one-sentence summary of the pair, as this host sees it.
func of(s operator.Status) (operator.Level, string) {
	level, sentence := judge(s)
	switch {
	case lost(s):
		return operator.Bad, "updates are lost, see alarms; " + sentence
	case level == operator.Good && len(s.Alarms) > 0:
		return operator.Warning, sentence + "; see alarms"
	}
	return level, sentence
}

func judge(s operator.Status) (operator.Level, string) {
	peer := wording.Or(s.Peer.Host, "the other host")
	if s.Restored != nil {
		return operator.Bad, s.Restored.Sentence(s.Host)
	}
	switch s.ServedBy {
	case "":
		return operator.Bad, nobody(s, peer)
	case s.Host:
		return active(s, peer)
	}
	return standby(s, peer)
}

// nobody says why nobody serves.
func nobody(s operator.Status, peer string) string {
	if s.Role == "standby" && s.Peer.Link != evidence.Connected {
		// The other host may serve nonetheless: this one can't hear it.
		return fmt.Sprintf("nobody is known to serve: %s, and %s can't be heard", waits(s, peer), peer)
	}
	switch s.Role {
	case "starting":
		return "nobody serves: " + s.Host + " is starting"
	case "active":
		return "nobody serves: " + s.Host + " is active but may not answer: its right has ended"
	case "takeover":
		return "nobody serves: " + s.Host + " is taking over from " + peer
	case "handover":
		return "nobody serves: " + s.Host + " is handing over to " + peer
	case "stopped":
		return "nobody serves: " + s.Host + " has stopped"
	}
	return "nobody serves: " + waits(s, peer)
}

// waits says why a standby does not take over.
func waits(s operator.Status, peer string) string {
	switch {
	case s.Pause != nil && s.Pause.Deferred != "":
		return s.Host + " does not take over: automatic takeover is paused, hotpair resume ends the pause"
	case strings.HasPrefix(s.WaitingFor, "waiting for "):
		return s.Host + " is " + s.WaitingFor
	case s.WaitingFor != "":
		return s.Host + " may not serve: " + s.WaitingFor
	case !s.Fit && s.Unfit != "":
		return s.Host + " can't take over: " + s.Unfit
	case s.Mode == "paired" && !s.Witness.None && !s.Witness.Reachable:
		return s.Host + " can't take over: no witness answers"
	case s.Mode == "paired":
		return s.Host + " is in sync, and takes over once it is sure that " + peer + " is gone"
	}
	return s.Host + " holds every acknowledged update, and takes over now"
}

// active judges the pair from the view of the host that serves.
func active(s operator.Status, peer string) (operator.Level, string) {
	without := outage(s, ownDown(s), s.Peer.Down, s.Host)
	if s.Mode != "paired" {
		switch s.Peer.Progress {
		case bus.PeerProbe, bus.PeerCatchingUp, bus.PeerReceiving, bus.PeerClose:
			return operator.Warning, s.Host + " serves alone until " + peer + " is in sync: " + operator.ProgressWord(s.Peer.Progress) + s.Peer.CatchUp.Suffix(", ") + without
		}
		return operator.Warning, s.Host + " serves alone: if it fails, nobody serves" + without
	}
	holds := s.Host + " serves and " + peer + " holds every update"
	lacks := slices.DeleteFunc(slices.Clone(s.Peer.Down), func(service string) bool { return slices.Contains(ownDown(s), service) })
	switch {
	case s.Pause != nil:
		return operator.Warning, holds + ", but would not take over: automatic takeover is paused" + without
	case s.Peer.Unable != "":
		return operator.Warning, holds + ", but could not take over: " + s.Peer.Unable + without
	case !s.Witness.None && !s.Witness.Reachable:
		return operator.Warning, holds + ", but no witness answers: the next failure stops the service" + without
	case without != "":
		return operator.Warning, holds + without
	case len(lacks) > 0:
		return operator.Warning, holds + ", but " + services(lacks) + " down on " + peer + ": after a takeover its requests would not be answered"
	}
	return operator.Good, holds + ": either host may fail"
}

// standby judges the pair from the view of a host that does not serve, while the other one does.
func standby(s operator.Status, peer string) (operator.Level, string) {
	without := outage(s, s.Peer.Down, ownDown(s), peer)
	switch {
	case s.Mode == "catching-up":
		return operator.Warning, s.Host + " is catching up with " + peer + s.CatchUp.Suffix(": ") + without
	case s.Mode == "copying":
		return operator.Warning, s.Host + " is receiving a snapshot of " + peer + "'s database" + s.CatchUp.Suffix(": ") + without
	case s.Mode == "paired" && s.Pause != nil:
		return operator.Warning, s.Host + " holds every update, but would not take over from " + peer + ": automatic takeover is paused"
	case s.Mode == "paired" && s.Role == "standby":
		why := s.WaitingFor
		if why == "" && !s.Fit {
			why = s.Unfit
		}
		if why == "" && !s.Witness.None && !s.Witness.Reachable {
			why = "no witness answers"
		}
		if why != "" {
			return operator.Warning, s.Host + " is standby and in sync, but could not take over from " + peer + ": " + why + without
		}
		if without != "" {
			return operator.Warning, s.Host + " is standby and in sync" + without
		}
		return operator.Good, s.Host + " is standby and in sync: it takes over when " + peer + " fails"
	case s.Role != "standby":
		return operator.Warning, peer + " serves, and " + s.Host + " is " + s.Role + without
	case s.WaitingFor != "":
		return operator.Bad, s.Host + " can't join " + peer + ", which serves: " + s.WaitingFor
	}
	return operator.Bad, s.Host + " is not in sync with " + peer + ", which serves"
}

// ownDown returns the services of this host that are not ready.
func ownDown(s operator.Status) (services []string) {
	for name, p := range s.Processes {
		if service, is := strings.CutPrefix(name, bus.ProcessBusiness+"."); is && p.State != "ready" {
			services = append(services, service)
		}
	}
	slices.Sort(services)
	return services
}

// outage names the services without an answer, as the end of a sentence; "" when there is none. down are the services
// that are down on the serving host, elsewhere those that are down on the other one.
func outage(s operator.Status, down, elsewhere []string, serves string) string {
	if len(down) == 0 {
		return ""
	}
	where := " down on " + serves
	if s.Mode == "paired" && !slices.ContainsFunc(down, func(service string) bool { return !slices.Contains(elsewhere, service) }) {
		where = " down on both hosts"
	}
	return "; " + services(down) + where
}

func services(names []string) string {
	if len(names) == 1 {
		return "service " + names[0] + " is"
	}
	return "services " + strings.Join(names, ", ") + " are"
}
