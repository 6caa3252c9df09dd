package broker

import (
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
)

// Permissions returns what a process of the host may do on main's bus: what it needs and nothing else. nil, main's own,
// allows everything. Requests of terminals and calls to the database do not use this bus.
func Permissions(process string) *server.Permissions {
	inbox := bus.InboxPrefix(process) + ".>"
	beat := bus.HeartbeatSubject(process)
	switch {
	case process == bus.ProcessMain:
		return nil
	case process == bus.ProcessUpdater:
		return permit(
			[]string{beat, bus.InboxPrefix(bus.ProcessMain) + ".>", bus.InboxPrefix(bus.ProcessTerminalInterface) + ".>", bus.InboxPrefix(bus.ProcessBackup) + ".>", bus.InboxPrefix(bus.ProcessCourier) + ".>"},
			[]string{bus.Control(process), bus.Questions(process), inbox})
	case process == bus.ProcessTerminalInterface:
		return permit(
			[]string{beat, "question." + bus.ProcessUpdater + "." + bus.OfTerminalInterface + ">", bus.InboxPrefix(bus.ProcessMain) + ".>"},
			[]string{bus.Control(process), bus.Questions(process), bus.SubjectRight, bus.SubjectProcesses + ".>", inbox})
	case process == bus.ProcessBackup:
		return permit([]string{beat, bus.CallBackup.Subject(), bus.InboxPrefix(bus.ProcessMain) + ".>"}, []string{bus.Questions(process), inbox})
	case process == bus.ProcessCourier:
		return permit([]string{beat, "question." + bus.ProcessUpdater + "." + bus.ProcessCourier + ".>"}, []string{bus.SubjectRight, inbox})
	case strings.HasPrefix(process, bus.ProcessBusiness+"."):
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
