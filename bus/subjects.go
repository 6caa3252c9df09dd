package bus

import "strings"

// Subjects on a host's own bus (loopback, no JetStream). Heartbeats, the right, announcements and orders travel on a
// connection of their own (HostConns.Control), the questions of operators on another, so that the former never wait behind the
// latter. Requests and what the database is asked have servers of their own.
const (
	// SubjectRight carries main's lease.Right to terminal-if and the courier, at each heartbeat interval and at each change.
	SubjectRight = "right"
	// SubjectProcesses announces a ProcessState on SubjectProcesses + "." + process.
	SubjectProcesses = "process"
)

// Subjects between the two mains (link): beats, what is said about roles, and what may be much.
const (
	SubjectBeat  = "link.beat"
	SubjectRoles = "link.roles.>"
	SubjectBulk  = "link.bulk.>"
)

// Subjects on an agent's server, account of the hosts.
const (
	SubjectAgentHello    = "agent.hello"    // AgentHello → AgentWelcome
	SubjectAgentAttach   = "agent.attach"   // AgentAttach → AgentAttached
	SubjectAgentDetach   = "agent.detach"   // AgentDetach → AgentDetached
	SubjectAgentFresh    = "agent.fresh"    // AgentFreshRequest → AgentFresh
	SubjectAgentReceipts = "agent.receipts" // ReceiptsRequest → Receipts
	SubjectAgentChanged  = "agent.changed"  // AgentChange, pushed by the agent to every host
)

// HeartbeatSubject is where a process beats.
func HeartbeatSubject(process string) string { return "heartbeat." + process }

// BusinessSubject is the subject of one operation of a service, one message for each request.
func BusinessSubject(service, operation string) string {
	return "business." + service + "." + operation
}

// BatchSubject is where a service that takes batches gets its requests.
func BatchSubject(service string) string { return "pack.business." + service }

// AnswersPrefix is the prefix of reply subjects for the batches of a service, so that its permission to answer is fixed.
func AnswersPrefix(service string) string { return "answers." + service }

// DatabaseSubject is where a service reads and commits in its own key space; call is read, scan, commit, or pack for batches.
func DatabaseSubject(service, call string) string { return "db." + service + "." + call }

// ServiceOfDatabaseSubject is the inverse of DatabaseSubject.
func ServiceOfDatabaseSubject(subject string) (service, call string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 3 || parts[0] != "db" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// SessionRequests is where an agent sends requests to the session attached with this id.
func SessionRequests(session string) string { return "session." + session + ".requests" }

// SessionAnswers is where an agent takes answers from that session, and from no other.
func SessionAnswers(session string) string { return "session." + session + ".answers" }

// ReplicationSubject is the durable replication subject: the journal of the host that owns it.
func ReplicationSubject(owner string) string { return "replication." + owner }

// ReplicationCall is a request that one updater makes to the other: hello, cut, note, committed, copy.
func ReplicationCall(owner, call string) string { return "updater." + owner + "." + call }

// ComparisonCall is a request of the active's updater to the standby's while both databases are compared.
func ComparisonCall(owner, call string) string { return "comparison." + owner + "." + call }

// JournalStream is the name of the stream behind ReplicationSubject.
func JournalStream(owner string) string { return "journal-" + owner }

// Process names. A business process is ProcessBusiness + "." + its service.
const (
	ProcessMain              = "main"
	ProcessUpdater           = "updater"
	ProcessTerminalInterface = "terminal-if"
	ProcessBusiness          = "business"
	ProcessBackup            = "backup"  // makes backups
	ProcessCourier           = "courier" // sends emissions
)

// InboxPrefix is the prefix of reply subjects of a process.
func InboxPrefix(process string) string { return "inbox." + process }

// Control is the subject of all orders to a process, Questions that of all questions.
func Control(process string) string { return "control." + process + ".>" }

// Questions is where main asks a process questions on which no role depends and whose answers may be large.
func Questions(process string) string { return "question." + process + ".>" }

// IsQuestion tells a question's subject from an order's.
func IsQuestion(subject string) bool { return strings.HasPrefix(subject, "question.") }

// ValidName reports whether s can be a service, host or process name and so one token of a subject.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
