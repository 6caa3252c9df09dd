package bus

import (
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// answerWithin is how long a foreign business process may take for one reply: the longest deadline of a request and
// a minute.
const answerWithin = 6 * time.Minute

// Permissions gives what a process of the host may do on the bus: what it needs and nothing else. nil is main's:
// everything.
func Permissions(process string) *server.Permissions {
	inbox := InboxPrefix(process) + ".>"
	beat := HeartbeatSubject(process)
	switch {
	case process == ProcessMain:
		return nil
	case process == ProcessUpdater:
		return permit(
			[]string{beat, InboxPrefix(ProcessMain) + ".>", InboxPrefix(ProcessTerminalInterface) + ".>", InboxPrefix(ProcessBusiness) + ".>", InboxPrefix(ProcessBackup) + ".>"},
			[]string{Control(process), Questions(process), "db.>", inbox})
	case process == ProcessTerminalInterface:
		return permit(
			[]string{beat, "business.>", "pack.business.>", "$SRV.INFO.>", "question." + ProcessUpdater + "." + OfTerminalInterface + ">", InboxPrefix(ProcessMain) + ".>"},
			[]string{Control(process), Questions(process), SubjectRight, SubjectProcesses + ".>", "answers.>", inbox})
	case process == ProcessBackup:
		return permit([]string{beat, CallBackup.Subject(), InboxPrefix(ProcessMain) + ".>"}, []string{Questions(process), inbox})
	case strings.HasPrefix(process, ProcessBusiness+"."):
		service := strings.TrimPrefix(process, ProcessBusiness+".")
		p := permit(
			[]string{beat, "db." + service + ".>", AnswersPrefix(service) + ".>"},
			append(discovery(service), "business."+service+".>", PackSubject(service), SubjectProcesses+"."+ProcessUpdater, inbox))
		p.Response = &server.ResponsePermission{MaxMsgs: 1, Expires: answerWithin}
		return p
	}
	return permit(nil, nil)
}

// discovery is what a service hears of the conventions of NATS services: questions to all, and to it by its name. Who heard
// questions to others could answer for them.
func discovery(service string) (subjects []string) {
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		all := "$SRV." + verb
		subjects = append(subjects, all, all+"."+service, all+"."+service+".>")
	}
	return subjects
}

// permit allows the listed subjects. An empty list of the server means "everything", so nothing is said as a denial.
func permit(publish, subscribe []string) *server.Permissions {
	only := func(subjects []string) *server.SubjectPermission {
		if len(subjects) == 0 {
			return &server.SubjectPermission{Deny: []string{">"}}
		}
		return &server.SubjectPermission{Allow: subjects}
	}
	return &server.Permissions{Publish: only(publish), Subscribe: only(subscribe)}
}

// Permit is permit for the other servers (link, replication, agent), whose users are made beside their protocols.
func Permit(publish, subscribe []string) *server.Permissions { return permit(publish, subscribe) }
