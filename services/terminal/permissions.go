package terminal

import (
	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/renewal"
)

// The account of the hosts at their server, and of the applications at theirs.
const (
	hostsAccount = "HOSTS"
	appsAccount  = "APPS"
)

// Users of the agent itself, one for each account it works in. Their passwords are random and never leave the process.
const (
	ownHosts  = "agent-hosts"
	ownApps   = "agent-apps"
	ownEvents = "agent-events"
)

// appSubjects is where applications send requests, answersInbox the inboxes of stock NATS clients.
const (
	requestPrefix = "request."
	appSubjects   = requestPrefix + ">"
	answersInbox  = "_INBOX.>"
	inboxPrefix   = "_INBOX."
)

// disconnects is the server's event for each ended connection of the hosts' account.
const disconnects = "$SYS.ACCOUNT." + hostsAccount + ".DISCONNECT"

// hostPermissions are those of a host: its calls, the requests of its sessions, the answers to them, the notices.
func hostPermissions() *server.Permissions {
	return broker.Permit(
		[]string{bus.SubjectAgentHello, bus.SubjectAgentAttach, bus.SubjectAgentDetach, bus.SubjectAgentFresh,
			bus.SubjectAgentReceipts, renewal.Subject, bus.SessionAnswers("*") + ".>", notice.Subject("*")},
		[]string{bus.SubjectAgentChanged, bus.SessionRequests("*"), answersInbox})
}

// discovery are the questions of service discovery.
var discovery = [...]string{"$SRV.PING", "$SRV.PING.>", "$SRV.INFO", "$SRV.INFO.>"}

// asked is what applications may send.
var asked = append(discovery[:], appSubjects, notice.SubjectAfter, notice.SubjectTake, notice.SubjectDone, bus.SubjectQueueGet, bus.SubjectQueueForget,
	bus.SubjectQueueResults)

// appPermissions are those of a local application: send requests, discover services, and receive answers and notices.
func appPermissions() *server.Permissions {
	return broker.Permit(asked, []string{answersInbox, notice.AppSubjects, notice.FencedSubjects})
}

// ownHostsPermissions are the agent's towards the hosts: a host that makes up a reply subject can't make the agent
// publish there.
func ownHostsPermissions() *server.Permissions {
	return broker.Permit(
		[]string{bus.SubjectAgentChanged, bus.SessionRequests("*"), answersInbox},
		[]string{"agent.*", bus.SessionAnswers("*") + ".>", notice.Subject("*")})
}

// ownAppsPermissions are the agent's own for the account of applications. The agent checks the subjects that it
// publishes to itself (request): the server would check the inbox of each answer again, at 3 % of the whole path.
func ownAppsPermissions() *server.Permissions {
	return &server.Permissions{Subscribe: &server.SubjectPermission{Allow: asked}}
}
