package traffic

import (
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

// answerWithin is how long a foreign business process may take for one reply: the longest deadline of a request and
// a minute.
const answerWithin = 6 * time.Minute

// permissions returns the subjects that a process needs on a server. nil is for those that may not connect.
type permissions func(process string) *server.Permissions

// requestPermissions are those on terminal-if's server. Main asks services about themselves, by the conventions of NATS services.
func requestPermissions(process string) *server.Permissions {
	inbox := bus.InboxPrefix(process) + ".>"
	switch process {
	case bus.ProcessTerminalInterface:
		return broker.Permit([]string{"business.>", "pack.business.>", "$SRV.INFO.>"}, []string{"answers.>", inbox})
	case bus.ProcessMain:
		return broker.Permit([]string{"$SRV.>"}, []string{inbox})
	}
	name, is := service(process)
	if !is {
		return nil
	}
	p := broker.Permit([]string{bus.AnswersPrefix(name) + ".>"}, append(discovery(name), bus.BusinessSubject(name, ">"), bus.BatchSubject(name)))
	p.Response = &server.ResponsePermission{MaxMsgs: 1, Expires: answerWithin}
	return p
}

// databasePermissions are those on the updater's server.
func databasePermissions(process string) *server.Permissions {
	if process == bus.ProcessUpdater {
		return broker.Permit([]string{bus.InboxPrefix(bus.ProcessBusiness) + ".>"}, []string{"db.>"})
	}
	name, is := service(process)
	if !is {
		return nil
	}
	return broker.Permit([]string{bus.DatabaseSubject(name, ">")}, []string{bus.InboxPrefix(process) + ".>"})
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
