package bus

import (
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// Permissions gives what a process of the host may do on main's bus: what it needs and nothing else. nil is main's:
// everything. Requests and what the database is asked go another way.
func Permissions(process string) *server.Permissions {
	inbox := InboxPrefix(process) + ".>"
	beat := HeartbeatSubject(process)
	switch {
	case process == ProcessMain:
		return nil
	case process == ProcessUpdater:
		return permit(
			[]string{beat, InboxPrefix(ProcessMain) + ".>", InboxPrefix(ProcessTerminalInterface) + ".>", InboxPrefix(ProcessBackup) + ".>", InboxPrefix(ProcessCourier) + ".>"},
			[]string{Control(process), Questions(process), inbox})
	case process == ProcessTerminalInterface:
		return permit(
			[]string{beat, "question." + ProcessUpdater + "." + OfTerminalInterface + ">", InboxPrefix(ProcessMain) + ".>"},
			[]string{Control(process), Questions(process), SubjectRight, SubjectProcesses + ".>", inbox})
	case process == ProcessBackup:
		return permit([]string{beat, CallBackup.Subject(), InboxPrefix(ProcessMain) + ".>"}, []string{Questions(process), inbox})
	case process == ProcessCourier:
		return permit([]string{beat, "question." + ProcessUpdater + "." + ProcessCourier + ".>"}, []string{SubjectRight, inbox})
	case strings.HasPrefix(process, ProcessBusiness+"."):
		return permit([]string{beat}, nil)
	}
	return permit(nil, nil)
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
