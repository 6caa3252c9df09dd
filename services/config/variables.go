package config

import (
	"log/slog"
	"time"
)

// The tags of a field: split_words makes PairSecret HOTPAIR_PAIR_SECRET (envconfig's own tag for a name would also
// read a bare PAIR_SECRET or HOST); default is the value if unset; needed says that there is none; form is the shape
// of a value in help; secret hides the value wherever it would be shown; of says for a host's variable whether it
// belongs to the pair or the host; desc is for operators.
const (
	ofPair = "pair" // both hosts should have the same value: either may serve, and should do it alike
	ofHost = "host" // its place and its neighbours, or receivers of its reports
)

// Log configures a process's log, on standard error.
type Log struct {
	LogLevel  slog.Level `split_words:"true" default:"info" of:"host" form:"level" desc:"Lowest level that is logged: debug, info, warn or error."`
	LogFormat LogFormat  `split_words:"true" default:"text" of:"host" form:"text or json" desc:"Format of log lines: text for people, json for log collectors."`
}

// Name is the host's name.
type Name struct {
	Host string `split_words:"true" needed:"true" of:"host" form:"name" desc:"Name of this host, different from its peer's: lower-case letters, digits and hyphens, up to 32. It appears in the pair record, logs and status."`
}

// Storage is where a process keeps what must survive it.
type Storage struct {
	Data string `split_words:"true" needed:"true" of:"host" form:"directory" desc:"Directory for everything that must survive: database, journal, identity (of a witness: the pair record; of a terminal: its counters). Its disk must store what fsync confirms. A directory belongs to one process tree."`
}

// PairKey is the secret that both hosts and the witness share. PairSecret is filled from whichever of the two was
// set.
type PairKey struct {
	PairSecret     Secret `split_words:"true" secret:"true" of:"pair" form:"secret" desc:"Secret by which the hosts and the witness authenticate each other, the same on all three, at least 16 bytes (openssl rand -hex 32). A terminal gets only a key of its own, derived from it. This or HOTPAIR_PAIR_SECRET_FILE is required."`
	PairSecretFile string `split_words:"true" of:"host" form:"file" desc:"File that holds the pair secret instead (a trailing line end is ignored), readable only by its owner and group."`
}

// TLS identifies a process to hosts, witness and terminals on other machines. All three files or none.
type TLS struct {
	TLSCert string `split_words:"true" of:"host" form:"file" desc:"File with the certificate of this host, witness or terminal in PEM, followed by its chain. Its one URI name identifies the member: spiffe://PAIR/host/a, /witness, /terminal/till-7. With it, connections between machines use TLS 1.3 with certificates on both sides. Reloaded when it changes; an unusable file is ignored and raises an alarm."`
	TLSKey  string `split_words:"true" of:"host" form:"file" desc:"File with the private key of that certificate in PEM (ECDSA P-256 or Ed25519), readable only by its owner."`
	TLSCa   string `split_words:"true" of:"host" form:"file" desc:"File with the root certificates of the pair in PEM, which this process trusts."`
	// Insecure is never set together with files.
	Insecure    bool `default:"false" of:"pair" form:"true or false" desc:"Allow plain-text connections between machines. Otherwise, without a certificate, only loopback addresses (127.0.0.1) are accepted. Anyone who reaches a plain-text connection can read everything on it, including the keys of the pair, and act as a host: use it only for tests in an isolated network. An alarm is raised while it is set."`
	TLSOptional bool `split_words:"true" of:"host" default:"false" form:"true or false" desc:"Also accept plain text from members without a certificate: only while a pair moves from secrets to certificates, because an attacker between two machines can force both to plain text."`
}

// Sealed reports whether connections between machines use TLS.
func (t TLS) Sealed() bool { return t.TLSCert != "" }

// Authority lets a host issue the certificates of its pair, if the pair is its own authority. Both files or none.
type Authority struct {
	AuthorityKey  string `split_words:"true" of:"host" form:"file" desc:"File with the issuing key of the pair, sealed, when the pair is its own authority (hotpair authority init). With it a host enrols terminals, and renews their certificates and its own. Without it, certificates come from elsewhere."`
	AuthoritySeal string `split_words:"true" of:"host" form:"file" desc:"Key file that opens the seal of HOTPAIR_AUTHORITY_KEY, readable only by its owner. Keep it out of HOTPAIR_DATA and of every backup: anyone with both files can issue certificates."`
}

// Issues reports whether the host issues certificates.
func (a Authority) Issues() bool { return a.AuthorityKey != "" }

// Pace is the lease, from which all timers derive.
type Pace struct {
	Lease time.Duration `split_words:"true" default:"300ms" of:"pair" form:"duration" desc:"How long the standby promises not to take over from a silent active. All timers derive from it: a heartbeat every 1/8 of it, a silent active is replaced after 1.1 times, a frozen main is killed after 2 times. 100ms to 1m; the same on both hosts. A shorter lease reacts faster to silence, but is more likely to mistake a stall for a failure. A killed host is detected at once with any value."`
}

// Patience is what a host assumes about a peer that does not answer.
type Patience struct {
	StandbyPatience time.Duration `split_words:"true" default:"2s" of:"pair" form:"duration" desc:"How long updates wait for a standby that is alive but slow to store them, before the active continues without redundancy. Disks can stall for over a second."`
	RefusedIsDead   bool          `split_words:"true" default:"true" of:"pair" form:"true or false" desc:"Treat a refused connection as proof that the peer's processes have ended, and take over at once. Set it to false where something else may answer for the peer's address, such as a proxy or a firewall that sends resets."`
}

// Bounds limit how much of the past is kept.
type Bounds struct {
	HistoryMaxUpdates int           `split_words:"true" default:"1000000" of:"pair" form:"number" desc:"How many updates the update history keeps at most. A returning host that is still within the history catches up from it; otherwise it gets a snapshot of everything."`
	HistoryMaxAge     time.Duration `split_words:"true" default:"168h" of:"pair" form:"duration" desc:"How long an update stays in the history at most."`
	HistoryMaxBytes   Bytes         `split_words:"true" default:"1GiB" of:"pair" form:"bytes" desc:"How large the history grows at most."`
	Retention         time.Duration `split_words:"true" default:"24h" of:"pair" form:"duration" desc:"How long a repeated request with an id from the application gets the first answer again instead of being executed again. An older id is refused (410)."`
	JournalMaxBytes   Bytes         `split_words:"true" default:"256MiB" of:"pair" form:"bytes" desc:"How large the journal grows at most, at least 16MiB. It is truncated up to what the database holds; when it is full, updates wait."`
	EventsMax         int           `split_words:"true" default:"10000" of:"pair" form:"number" desc:"How many events the pair's event log keeps at most, 100 to 1000000. The same on both hosts."`
}

// Deferral configures the timers of services.
type Deferral struct {
	TimerTries int `split_words:"true" default:"20" of:"pair" form:"number" desc:"How often a timer of a service may fail before it is parked, which raises an alarm, 1 to 1000. It is retried after a second at first, and after up to five minutes later: 20 tries take about an hour."`
}

// Hooks receive alarms and the audit trail.
type Hooks struct {
	AlarmCommand string        `split_words:"true" of:"host" form:"/path" desc:"Program that this host runs for each alarm that it raises, clears or acknowledges, with the alarm as JSON on its standard input and in the variables ALARM_ID, ALARM_STATE, ALARM_SEVERITY, ALARM_HOST, ALARM_TEXT, ALARM_REMEDY and ALARM_SINCE. It gets no secrets. Its output is logged. Empty: none."`
	AlarmTimeout time.Duration `split_words:"true" default:"30s" of:"host" form:"duration" desc:"How long the alarm command may run before it is killed, 1s to 10m. Further alarms wait until it ends."`
	AlarmWebhook Secret        `split_words:"true" secret:"true" of:"host" form:"http://…" desc:"URL to which the same JSON is posted. Each try may take 5s; without an answer 2xx it is retried for up to an hour. Empty: none."`
	AuditTrail   string        `split_words:"true" of:"host" form:"/path|syslog" desc:"Where this host writes its audit trail, one line of JSON for each entry: what operators requested and why, the outcome, what the pair did, and who was refused. The absolute path of a file or pipe, which is reopened when logrotate has renamed it; or syslog for this machine's syslog (syslog:/path for another socket). Nothing waits for it; entries that could not be written are counted and raise an alarm. Empty: no audit trail besides the pair's event log."`
}

// Backups configures automatic backups.
type Backups struct {
	BackupEvery     time.Duration `split_words:"true" default:"0s" of:"pair" form:"duration" desc:"How often the pair makes a backup automatically, 1s to 720h. One host makes it, the standby if it is in sync. Each backup is checked and read back from where it is kept, and once a day restored on trial. An alarm is raised if there is no good backup for twice this time. 0: only on hotpair backup now."`
	BackupTo        string        `split_words:"true" of:"host" form:"/folder|s3://…" desc:"Where backups are kept: the absolute path of a folder, preferably on another disk or a mounted share, or s3://bucket/prefix. Backup names contain the pair's id. Empty: no automatic backups."`
	BackupKeep      Keep          `split_words:"true" default:"last=24,daily=7,weekly=5" of:"pair" form:"list" desc:"Which backups are kept: the last ones, and the newest of each of the last days, weeks and months (UTC): last=24,daily=7,weekly=5,monthly=12. A number alone means last. Others are removed after each good backup, but only those that this pair made, and never the last good one."`
	BackupRecipient string        `split_words:"true" of:"pair" form:"age1…" desc:"Public key of age to which backups are encrypted. The private key is never on a host: hotpair restore --identity needs it. Empty: backups are not encrypted, and anyone who can read them can read the database."`
	BackupWork      string        `split_words:"true" of:"host" form:"/folder" desc:"Folder in which a backup is made and restored on trial, with room for two copies of the database. Empty: a folder in HOTPAIR_BACKUP_TO; for a bucket, backup-work in HOTPAIR_DATA, where it leaves free what the host needs."`

	BackupS3Endpoint   string `split_words:"true" default:"https://s3.amazonaws.com" of:"host" form:"https://…" desc:"URL of the S3 service, for example https://s3.example.com:9000. Plain http is accepted for this machine only."`
	BackupS3Region     string `split_words:"true" default:"us-east-1" of:"host" form:"name" desc:"Region of the bucket."`
	BackupS3Access     string `split_words:"true" of:"host" form:"id" desc:"Id of the access key for the bucket. The key must be allowed to list, put, get and delete objects, and to list and abort uploads."`
	BackupS3Secret     Secret `split_words:"true" secret:"true" of:"host" form:"secret" desc:"Secret access key for the bucket."`
	BackupS3SecretFile string `split_words:"true" of:"host" form:"file" desc:"File that holds the secret access key instead, readable only by its owner and group."`
	BackupS3Ca         string `split_words:"true" of:"host" form:"file" desc:"File with the root certificates to trust for the service, in PEM; read for each connection. Empty: the system's roots."`
	BackupS3PathStyle  bool   `split_words:"true" default:"true" of:"host" form:"true or false" desc:"Put the bucket name into the path, as most services other than Amazon's need. false: put it into the host name."`
}

// Tracing records execution traces of takeovers.
type Tracing struct {
	TraceDir string `split_words:"true" of:"host" form:"/directory" desc:"Directory that gets the Go execution trace of main, updater and terminal-if around each takeover, one file each, the last 8 of each process, at most 64MiB each (mostly 1 to 10). Read them with go tool trace. Recording costs some percent of a processor and 16 to 40MB in each of the three processes. Empty: nothing is recorded."`
}

// Work is what the host does for terminals.
type Work struct {
	Business     Services `split_words:"true" default:"kv,ledger" of:"pair" form:"list" desc:"Business processes to run: names of built-in ones (kv, ledger, sequence, tickets) and name=/path/to/program for any other, separated by commas."`
	BusinessUser string   `split_words:"true" of:"host" form:"user" desc:"User that business processes run as, for a host that is started as root: they can then neither read the host's data and secrets nor signal its processes. Empty: the user of the host."`
	// TakeoverNeeds is a subset of Business.
	TakeoverNeeds Names `split_words:"true" of:"pair" form:"list" desc:"Services of HOTPAIR_BUSINESS that a host needs to serve: while one of them does not run on a host, that host does not become active. If any other service does not run, only its own requests wait. Empty: none."`
}

// Console is where a host answers operators.
type Console struct {
	HTTP          string `split_words:"true" default:"127.0.0.1:7704" of:"host" form:"host:port" desc:"Address of status, metrics and console of a host. Without an operator's token only this machine can read the state of the pair. Any address but loopback (127.0.0.1) needs HOTPAIR_HTTP_TLS_CERT."`
	HTTPTlsCert   string `split_words:"true" of:"host" form:"file" desc:"File with a certificate for the names and addresses by which operators reach this host, in PEM, followed by its chain. With it HOTPAIR_HTTP is HTTPS, TLS 1.3 only. Reloaded when it changes; while it is unusable the last usable one is kept. Empty: HOTPAIR_HTTP is plain HTTP on a loopback address."`
	HTTPTlsKey    string `split_words:"true" of:"host" form:"file" desc:"File with the private key of that certificate in PEM."`
	HTTPHosts     Names  `split_words:"true" of:"host" form:"list" desc:"Names by which clients may address this host over HTTP, separated by commas, in addition to its IP addresses, localhost and the name in HOTPAIR_HTTP. Any other name is refused: a web page could have pointed its own name here. Empty: none."`
	HTTPSocket    string `split_words:"true" of:"host" form:"/path" desc:"Unix socket on which a host serves the same interface as over HTTP. Root and the host's own user are admin there: the kernel identifies them, so they need no token, and it works while tokens can't be looked up. Empty: operator.sock in HOTPAIR_DATA."`
	HTTPToken     Secret `split_words:"true" secret:"true" of:"pair" form:"secret" desc:"Token with the role admin that belongs to no named operator, at least 16 bytes, for programs that set up pairs. It never expires, and removing it takes a restart: prefer named operators (hotpair operators add). Empty: none."`
	HTTPTokenFile string `split_words:"true" of:"host" form:"file" desc:"File that holds the token instead, readable only by its owner and group."`
	Reasons       string `split_words:"true" default:"optional" of:"pair" form:"optional|required" desc:"Whether an operator must give a reason for each change (--reason, or the header Hotpair-Reason). The reason is recorded in the events."`
}

// Host is the settings of the supervisor and the main of a host.
type Host struct {
	Name
	Storage
	BusPort         int    `split_words:"true" default:"7701" of:"host" form:"port" desc:"Port on 127.0.0.1 of the bus between the host's own processes; 0 picks a free one."`
	Link            string `split_words:"true" default:":7702" of:"host" form:"host:port" desc:"Where main listens for the other main. Only the peer needs to reach it."`
	Replication     string `split_words:"true" default:":7703" of:"host" form:"host:port" desc:"Where the updater listens for the other updater. Only the peer needs to reach it."`
	PeerLink        string `split_words:"true" needed:"true" of:"host" form:"host:port" desc:"HOTPAIR_LINK of the other host, as reachable from this host."`
	PeerReplication string `split_words:"true" needed:"true" of:"host" form:"host:port" desc:"HOTPAIR_REPLICATION of the other host, as reachable from this host."`
	Witness         string `split_words:"true" needed:"true" of:"pair" form:"host:port" desc:"HOTPAIR_WITNESS_LISTEN of the witness, as reachable from this host; on a third machine. The same on both hosts. none: there is no witness, and the terminals are asked instead; then two hosts that lose contact may both serve, each its own terminals, until they meet again."`
	PairKey
	TLS
	Authority
	Terminals     Terminals `split_words:"true" of:"pair" form:"list" desc:"Terminals to dial: id=nats://host:port, separated by commas; the same on both hosts. May be empty."`
	TerminalsFile string    `split_words:"true" of:"host" form:"file" desc:"File that holds the terminals instead, separated by commas or one per line, for more than fit into a variable. Read when a process starts."`
	Work
	Console
	Pace
	Patience
	Bounds
	Deferral
	Hooks
	Backups
	Tracing
	Log
}

// NoWitness is the value of HOTPAIR_WITNESS for a pair without a witness. It must be set explicitly: a forgotten
// variable must not silently weaken the guarantees.
const NoWitness = "none"

// Witnessless reports whether the pair has no witness.
func (h Host) Witnessless() bool { return h.Witness == NoWitness }

// Witness is the settings of a witness.
type Witness struct {
	WitnessListen string `split_words:"true" default:":7705" form:"host:port" desc:"Where the witness listens for both hosts."`
	Storage
	PairKey
	TLS
	Log
}

// Terminal is the settings of a terminal's agent.
type Terminal struct {
	TerminalID          string        `split_words:"true" needed:"true" form:"name" desc:"Id of this terminal as in HOTPAIR_TERMINALS of the hosts: letters, digits, hyphens and underscores, up to 64."`
	TerminalListen      string        `split_words:"true" default:":4223" form:"host:port" desc:"Where the agent listens for both hosts."`
	TerminalApps        string        `split_words:"true" default:"127.0.0.1:4222" form:"host:port" desc:"Where the agent listens for applications of this machine: any NATS client, without credentials. Only loopback addresses are accepted."`
	TerminalKey         Secret        `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Key of this terminal only: the hex HMAC-SHA256 of terminal:ID under the pair secret. Hosts authenticate with it."`
	TerminalDeadline    time.Duration `split_words:"true" default:"30s" form:"duration" desc:"How long a request may wait for its answer if the application sets no deadline."`
	TerminalDeadlineMax time.Duration `split_words:"true" default:"5m" form:"duration" desc:"The longest deadline that an application may set."`
	PairID              string        `split_words:"true" form:"id" desc:"The pair this terminal belongs to. Empty: the first pair that attaches, remembered in HOTPAIR_DATA. To move the terminal to another pair, set its id."`
	Applications
	Queue
	Storage
	TLS
	Log
}

// Cluster is what the cluster command passes on to the hosts it starts; it sets all their other variables itself.
type Cluster struct {
	Work
	Pace
	Patience
	Bounds
	Deferral
	Hooks
	Backups
	Tracing
	Log
}

// Operator is the settings of the operator's commands, to find their host.
type Operator struct {
	Console
	// Data is optional here: the socket of the host on this machine is looked up there.
	Data  string `split_words:"true" form:"directory"`
	Token Secret `split_words:"true" secret:"true" form:"secret" desc:"Token of the operator who runs the command; not needed where the unix socket of a host is accessible."`
}

// Bus is how a process of a host connects to its bus. Main makes new values for each start of each process.
type Bus struct {
	BusURL      string `split_words:"true" needed:"true" form:"nats://host:port" desc:"The host's bus."`
	BusUser     string `split_words:"true" needed:"true" form:"name" desc:"User of the process on the bus."`
	BusPassword Secret `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Password of that user, new at each start."`
	BusInbox    string `split_words:"true" needed:"true" form:"subject" desc:"Prefix of reply subjects; the user may subscribe to no others (custom inbox prefix of the client)."`
}

// Traffic is where a process listens for business processes; see package traffic.
type Traffic struct {
	TrafficListen string `split_words:"true" needed:"true" form:"host:port" desc:"Where the process listens for business processes."`
	TrafficKey    Secret `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Secret from which their passwords are derived, new at each start of main."`
}

// Routes are where a business process connects, as BUS_USER with BUS_PASSWORD.
type Routes struct {
	RequestsURL string `split_words:"true" needed:"true" form:"nats://host:port" desc:"Where a business process receives requests and answers them."`
	DatabaseURL string `split_words:"true" needed:"true" form:"nats://host:port" desc:"Where a business process reads and commits."`
}

// Updater is the environment of the updater, from main.
type Updater struct {
	Bus
	Traffic
	Name
	Storage
	Replication     string `split_words:"true" needed:"true"`
	PeerReplication string `split_words:"true" needed:"true"`
	PairSecret      Secret `split_words:"true" needed:"true" secret:"true"`
	TLS
	Pace
	Patience
	Bounds
	Tracing
	Log
}

// TerminalInterface is the environment of terminal-if, from main.
type TerminalInterface struct {
	Bus
	Traffic
	Name
	Storage
	PairSecret Secret `split_words:"true" needed:"true" secret:"true"`
	TLS
	Authority
	Terminals     Terminals `split_words:"true"`
	TerminalsFile string    `split_words:"true"`
	Pace
	Deferral
	Tracing
	Log
}

// Business is the environment of a business process, built in or in any other language, from main. It contains no
// secret of the pair.
type Business struct {
	Bus
	Routes
	Name
	Pace
	Log
}

// Backup is the environment of the process that makes backups, from main. Its only secret of the pair is the key that
// signs them.
type Backup struct {
	Bus
	Name
	Storage
	Backups
	BackupKey Secret `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Key with which the pair signs its backups, derived from the pair secret."`
	Pace
	Log
}

// Courier is the environment of the process that sends emissions, from main. It contains no secret of the pair.
type Courier struct {
	Bus
	Name
	Pace
	Log
}

// Inherited is what a parent process of hotpair tells a child about itself. Package process sets and reads it.
type Inherited struct {
	ParentPID    int `split_words:"true" form:"number" desc:"Process id of the parent; a child with another parent ends."`
	LifelineFD   int `split_words:"true" form:"number" desc:"File descriptor of the pipe that tells the supervisor when the last descendant of a main has ended. Keep it open, pass it on to children, write nothing."`
	SupervisorFD int `split_words:"true" form:"number" desc:"File descriptor of the socket on which main sends heartbeats and its status, and is told to reload its files."`
	SecretsFD    int `split_words:"true" form:"number" desc:"File descriptor of a socket from which the child reads its secrets, as NAME=value separated by zero bytes."`
	LastWordsFD  int `split_words:"true" form:"number" desc:"File descriptor of a file. What a process writes there before it fails is shown to operators as the reason."`
}
