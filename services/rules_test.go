package services_test

import (
	"slices"
	"strings"
)

// rule forbids imports to some packages. Tests may import what they like: they put packages together.
type rule struct {
	name    string
	applies func(pkg string) bool
	forbids func(imported string) bool
}

// within holds for the folders and all below them.
func within(folders ...string) func(string) bool {
	return func(pkg string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return pkg == f || strings.HasPrefix(pkg, f+"/") })
	}
}

func but(set, except func(string) bool) func(string) bool {
	return func(pkg string) bool { return set(pkg) && !except(pkg) }
}

func all(string) bool { return true }

// words are the packages that hold nothing but a type or a function or two which everybody shares.
var words = within("storage/position", "services/clocks", "services/durable", "services/evidence", "services/fault", "services/histogram", "services/lateness", "services/lease", "services/level", "services/membership", "services/pace", "services/refusals", "services/requestid", "services/regular", "services/reread", "services/rights", "services/strictjson", "services/version")

// ours are all packages of the module, as imports name them.
var ours = within("bus", "storage", "services", "simulator", "deployments")

// roleDecides are the packages of which the role machine is made.
func roleDecides(pkg string) bool {
	return slices.Contains([]string{"services/role", "services/role/canon", "services/role/exchange", "services/role/record", "services/role/restraint"}, pkg)
}

// serviceDecides are the packages that decide what comes of what services leave behind.
var serviceDecides = within("services/commands", "services/emissions", "services/notices", "services/timers")

// inbox are the bolt files of an agent's own: what it was told, what became of commands, and what it has to have done; not what decides of the latter.
var inbox = but(within("services/terminal/fence", "services/terminal/inbox", "services/terminal/queue", "services/terminal/boltfile"), lanes)

// lanes decide what may be sent of a queue.
var lanes = within("services/terminal/queue/lanes")

var rules = []rule{
	{"role decides only: nothing of ours but how its state is written down, no system, no network",
		roleDecides,
		func(i string) bool {
			return ours(i) && !words(i) && !(roleDecides(i) && i != "services/role") || within("os", "net", "syscall", "context", "sync")(i)
		}},
	{"what explores role knows nothing else of ours",
		within("services/role"),
		but(ours, func(i string) bool { return words(i) || within("services/role")(i) })},
	{"what comes of what services leave behind is decided only: nothing of ours, no system, no network, and apart from one another",
		serviceDecides,
		func(i string) bool {
			return ours(i) && !words(i) || within("os", "net", "syscall", "context", "sync")(i)
		}},
	{"who only connects, as every service does, carries no server of the bus",
		but(within("bus", "services/business", "services/config", "services/launch", "services/logs", "services/process"), within("bus/broker", "services/business/businesstest")),
		within("bus/broker", "services/traffic", "github.com/nats-io/nats-server", "github.com/nats-io/jwt")},
	{"storage knows nothing of the bus or of the services",
		within("storage"),
		but(within("bus", "services", "simulator", "deployments"), words)},
	{"the bus knows no service and no database; it carries what is decided of what services leave behind",
		within("bus"),
		but(within("storage", "services", "simulator", "deployments"), func(i string) bool { return words(i) || serviceDecides(i) })},
	{"business processes, terminal-if, terminal and operator know the bus, not the database",
		but(within("services/business", "services/terminalif", "services/terminal", "services/operator"), inbox),
		but(within("storage"), words)},
	{"what an agent was told, and has to have done, is kept in files of its own: apart from the agent, and from the database",
		inbox,
		but(ours, func(i string) bool {
			return words(i) || lanes(i) || i == "storage/pages" || within("bus", "services/commands", "services/notices", "services/terminal/boltfile")(i)
		})},
	{"what may be sent of a queue is decided only: nothing of ours, no system, no network",
		lanes,
		func(i string) bool {
			return ours(i) && !words(i) || within("os", "net", "syscall", "context", "sync")(i)
		}},
	{"a service of Windows is run apart from what it does",
		within("services/terminal/winservice"),
		but(ours, func(i string) bool { return words(i) || within("services/terminal/winservice")(i) })},
	{"the command line of an agent is known by programs alone",
		but(all, within(".", "services/terminal/hotpair-terminal", "services/terminal/program")),
		within("services/terminal/program")},
	{"HTTP at a terminal asks the agent, and knows nothing of sessions and requests",
		within("services/terminal/web"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/terminal/web")(i) })},
	{"what touches a terminal's bytes knows the bus, and nothing of sessions and requests",
		within("services/terminalif/wire"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/terminalif/wire")(i) })},
	{"only terminal-if touches a terminal's bytes",
		but(all, within("services/terminalif")),
		within("services/terminalif/wire")},
	{"only journal, replication and updater join bus and database; the world looks at what came of it",
		but(all, func(pkg string) bool {
			return inbox(pkg) || within("services/journal", "services/replication", "services/updater", "storage", "simulator/world")(pkg)
		}),
		but(within("storage"), words)},
	{"the journal is of one host: it knows nobody who writes to it",
		within("services/journal"),
		but(within("services"), func(i string) bool { return words(i) || within("services/journal")(i) })},
	{"replication knows the journal, and no process",
		within("services/replication"),
		but(within("services"), func(i string) bool {
			return words(i) || within("services/journal", "services/link", "services/replication")(i)
		})},
	{"a connection to the other host knows the bus, and nothing of what is said on it",
		within("services/link"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/door", "services/link")(i) })},
	{"the wires know who belongs at which end, and no process",
		within("services/wires"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/door", "services/identity", "services/keyring")(i)
		})},
	{"whose keys the witness lets in is decided apart from doors and from what is said",
		within("services/keyring"),
		but(ours, func(i string) bool { return words(i) || within("services/identity", "services/keyring")(i) })},
	{"who is at the other end is decided apart from what is said, and from every port",
		within("services/identity"),
		but(ours, func(i string) bool { return words(i) || within("services/identity")(i) })},
	{"a door knows who may come in, and nothing of what is said inside",
		within("services/door"),
		but(ours, func(i string) bool { return words(i) || i == "services/identity" })},
	{"the authority issues certificates, and lets nobody in",
		but(within("services/authority"), within("services/authority/authoritytest")),
		but(ours, func(i string) bool { return words(i) || i == "services/identity" || i == "services/sealing" })},
	{"what seals does not know what is sealed",
		within("services/sealing"),
		ours},
	{"certificates of tests are for tests",
		all,
		within("services/identity/identitytest", "services/authority/authoritytest")},
	{"the cases that tickets passes in every language are for tests",
		but(all, within("services/business/tickets/ticketstest")),
		within("services/business/tickets/ticketstest")},
	{"programs in other languages are started by tests",
		all,
		within("services/business/languagetest")},
	{"what visits models is for tests",
		all,
		within("services/modeltest")},
	{"what systemd is told is said to systemd alone, whoever says it",
		but(within("services/systemd"), within("services/systemd/systemdtest")),
		but(ours, words)},
	{"the systemd of tests is for tests",
		all,
		within("services/systemd/systemdtest")},
	{"who starts a host's processes knows how they are started, not what they do",
		within("services/processes"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/process", "services/processes", "services/role", "services/traffic")(i)
		})},
	{"what is told of services, and kept of them, is apart from who runs them",
		within("services/processes/paths", "services/processes/programs", "services/processes/said"),
		but(ours, func(i string) bool { return words(i) || i == "bus" || i == "services/processes/said" })},
	{"how a process begins knows how it is set, and not what it does",
		within("services/launch"),
		but(ours, func(i string) bool {
			return words(i) || i == "services/config" || i == "services/logs" || i == "services/process"
		})},
	{"the servers of requests know who connects, and nothing of what is asked",
		within("services/traffic"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/config", "services/traffic")(i) })},
	{"the event log of a main knows the bus only: who records now, main says",
		within("services/events"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/events")(i) })},
	{"who makes backups knows what is asked of it, and neither the database nor who decides when",
		within("services/backups"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/backups", "services/config")(i) })},
	{"what is known of backups is apart from who makes them",
		func(pkg string) bool { return pkg == "services/backups" },
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"who keeps what is known of backups knows the pair's own key space, not who makes them",
		within("services/updater/backuprecord"),
		but(ours, func(i string) bool {
			return words(i) || i == "services/backups" || within("bus", "storage", "services/updater/systemspace")(i)
		})},
	{"the audit trail knows events, and nobody who makes them",
		within("services/trail"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/events", "services/operator/wording", "services/trail")(i)
		})},
	{"alarms know what they are judged by, not who gathers it",
		within("services/alarms"),
		but(within("services"), func(i string) bool {
			return words(i) || within("services/alarms", "services/config", "services/identity", "services/role", "services/trail", "services/wires")(i) || i == "services/backups"
		})},
	{"what operators can ask for knows main by what it asks of it",
		within("services/operations"),
		but(within("services", "storage"), func(i string) bool {
			return words(i) || i == "services/backups" || i == "services/operator" || within("services/alarms", "services/arbiter", "services/config", "services/events", "services/metrics",
				"services/accounts", "services/door", "services/enrolment", "services/issuing", "services/identity", "services/courier/waybill", "services/operations", "services/operator/access", "services/operator/certificates", "services/operator/registry", "services/processes/programs", "services/processes/said", "services/terminalif/agenda", "services/terminalif/delivery", "services/terminalif/receipt", "services/operator/verdict", "services/role", "services/supervisor", "services/wires")(i)
		})},
	{"what operators see knows neither how it is served nor how it is shown",
		func(pkg string) bool { return pkg == "services/operator" },
		within("services/operator/web", "services/operator/command", "services/operator/registry", "services/operator/screen", "net/http/httptest", "github.com/spf13/cobra")},
	{"HTTP and command line for operators know nothing of each other",
		within("services/operator/web", "services/operator/registry", "services/operator/verdict"),
		within("services/operator/command", "services/operator/hosts", "services/operator/screen", "github.com/spf13/cobra")},
	{"the command line asks hosts over the interface",
		within("services/operator/command"),
		but(within("services/operator/web", "services/operator/registry", "services/mainprocess"), words)},
	{"the list of operators knows the bus, and neither who keeps it nor who asks",
		within("services/accounts"),
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"who asks is found out apart from what is asked",
		within("services/operator/access", "services/operator/peercred"),
		but(ours, func(i string) bool {
			return words(i) || i == "services/accounts" || i == "services/operator" || within("services/operator/peercred", "services/operator/wording")(i)
		})},
	{"lists of terminals are read and shown apart from the commands that take them",
		but(all, within("services/operator/command", "services/operator/roster")),
		within("services/operator/roster")},
	{"an upgrade is walked through apart from the command that begins it",
		but(all, within("services/operator/command", "services/operator/rollout")),
		within("services/operator/rollout")},
	{"only main.go has the command line",
		but(all, within(".", "services/operator/command")),
		within("services/operator/command")},
	{"the part of it that asks no host stands alone; who knows the files brings it",
		but(all, within(".", "services/operator/command", "services/operator/offline", "services/updater/archive", "simulator")),
		within("services/operator/offline")},
	{"how commands that ask no host are told things is for them alone",
		but(all, within("services/operator/offline", "services/operator/usage", "services/conformance", "deployments")),
		within("services/operator/usage")},
	{"the outbox of tests is for tests",
		all,
		within("services/updater/leaving/leavingtest")},
	{"who tries programs plays a host towards them, and is known by nobody",
		but(all, within(".", "services/conformance")),
		within("services/conformance")},
	{"the receiver of tests is for tests",
		all,
		within("services/courier/receivertest")},
	{"who sends to the outside knows what is asked of it, and neither the database nor who keeps what waits",
		within("services/courier"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/courier", "services/emissions")(i)
		})},
	{"what is said of emissions is apart from who sends them",
		within("services/courier/waybill", "services/courier/signature"),
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"the host of tests is for tests",
		all,
		within("services/operator/operatortest")},
	{"the audit knows what it reports and where, not who asks for it",
		within("services/audit"),
		but(within("services"), func(i string) bool {
			return words(i) || i == "services/operator" || within("services/alarms", "services/audit", "services/role")(i)
		})},
	{"who keeps the pair's own key space knows the store, not who writes it",
		within("services/updater/systemspace"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/accounts", "services/config", "services/journal", "services/updater/systemspace", "services/updater/turns")(i)
		})},
	{"who may enrol is decided apart from sessions, and from whoever keeps it",
		within("services/enrolment"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/authority", "services/door", "services/identity", "services/renewal")(i)
		})},
	{"who renews certificates over sessions knows no process, and neither door nor bus",
		within("services/renewal"),
		but(ours, func(i string) bool { return words(i) || within("services/authority", "services/identity")(i) })},
	{"who holds the issuing key knows the authority, and no process",
		within("services/issuing"),
		but(ours, func(i string) bool {
			return words(i) || within("services/authority", "services/config", "services/identity")(i)
		})},
	{"who keeps the register of terminals knows the pair's own key space, not who enrols",
		within("services/updater/members"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/enrolment", "services/identity", "services/updater/members", "services/updater/systemspace")(i)
		})},
	{"who keeps the keys of receipts knows the pair's own key space, not who signs",
		within("services/updater/receiptkeys"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/journal", "services/terminalif/receipt", "services/updater/systemspace")(i)
		})},
	{"who looks at what a host has stored knows the store and comparisons, not who writes it",
		within("services/updater/inspection"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/terminalif/numbers", "services/replication/comparison", "services/updater/inspection", "services/updater/turns")(i)
		})},
	{"whether ranges hold is decided apart from who commits, and from whoever keeps the data",
		within("services/updater/ranges"),
		but(ours, func(i string) bool { return words(i) || i == "storage" || within("bus", "storage/history")(i) })},
	{"what a range is knows nothing of who asks",
		within("bus/keyrange"),
		but(ours, words)},
	{"JSON is a form of what the bus carries, and knows nothing of who says it",
		within("bus/jsonform"),
		but(ours, func(i string) bool { return words(i) || within("bus")(i) })},
	{"who tries a disk knows how it is told, and nothing of what stands on it",
		within("services/updater/disk"),
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"bolt stays with the store, its layout and its sections, and with the files of an agent",
		but(all, func(pkg string) bool {
			return pkg == "storage" || inbox(pkg) || within("storage/layout", "storage/section")(pkg)
		}),
		within("github.com/boltdb/bolt")},
	{"what stands in the database file, and what will, is the store's own affair",
		but(all, within("storage")),
		within("storage/format", "storage/layout", "storage/overlay", "storage/place")},
	{"a bolt file is looked at by whoever has one",
		but(all, func(pkg string) bool { return inbox(pkg) || within("storage")(pkg) }),
		within("storage/pages")},
	{"how things are written down knows nothing of what is written",
		within("storage/format"),
		but(ours, words)},
	{"pages knows how bolt writes a file, not what we write into it",
		within("storage/pages"),
		but(ours, within("storage/format"))},
	{"the history is a shape: it knows no file and no database",
		within("storage/history"),
		but(ours, func(i string) bool { return words(i) || within("storage/format")(i) })},
	{"facts, origins and what was kept as divergent are files beside the database",
		within("storage/facts", "storage/origin", "storage/divergent"),
		but(ours, func(i string) bool {
			return words(i) || within("storage/format", "storage/history", "storage/place")(i)
		})},
	{"how data come into a directory knows nothing of the data",
		within("storage/place"),
		but(ours, words)},
	{"the layout knows the history, the overlay the layout, and neither who uses them",
		within("storage/layout", "storage/overlay"),
		but(ours, func(i string) bool {
			return words(i) || within("storage/format", "storage/history", "storage/layout")(i)
		})},
	{"a section is read from a view and repaired in a transaction, whoever gives them",
		within("storage/section"),
		but(ours, func(i string) bool {
			return words(i) || within("storage/format", "storage/history", "storage/layout", "storage/overlay", "storage/section")(i)
		})},
	{"only main.go and the simulator know the simulator",
		but(all, within(".", "simulator")),
		within("simulator")},
	{"what measures the packages knows none of them",
		within("services/house"),
		but(ours, within("services/house"))},
	{"nobody knows what measures the packages",
		but(all, within("services/house")),
		within("services/house")},
	{"a bundle knows what is in it, and neither who makes it nor where it goes",
		within("deployments/bundle", "deployments/questions"),
		within("deployments/founding", "deployments/install", "deployments/local", "deployments/questions")},
	{"who makes a pair knows no machine",
		within("deployments/founding"),
		within("deployments/install", "deployments/local")},
	{"who makes the folder of a service knows the runtimes that go into it, and no host",
		within("services/scaffold"),
		but(ours, func(i string) bool {
			return words(i) || within("services/business/python", "services/business/typescript", "services/config", "services/scaffold")(i)
		})},
	{"a request from a shell knows terminals by what applications do, and where clusters are",
		within("deployments/ask"),
		but(ours, func(i string) bool { return words(i) || within("bus", "deployments/ask", "deployments/local")(i) })},
	{"only main.go has what a developer types",
		but(all, within(".", "deployments/dev", "simulator")),
		within("deployments/dev")},
	{"only main.go and the simulator know deployments",
		but(all, within(".", "simulator", "deployments")),
		within("deployments")},
}
