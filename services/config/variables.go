package config

import (
	"log/slog"
	"time"
)

// The tags of a field: split_words makes PairSecret HOTPAIR_PAIR_SECRET (envconfig's own tag for a name would make it
// read a bare PAIR_SECRET or HOST as well); default is the value when unset; needed says that there is none; form is
// what help prints as the shape of a value; secret hides the value wherever it would be shown; of says for a variable of
// a host whose it is; desc is for operators.
const (
	ofPair = "pair" // both hosts should have the same: either may serve, and shall do it alike
	ofHost = "host" // its place and its neighbours, or who is told of what it does
)

// Log is how a process writes its log, to standard error.
type Log struct {
	LogLevel  slog.Level `split_words:"true" default:"info" of:"host" form:"level" desc:"Least level that is logged: debug, info, warn or error."`
	LogFormat LogFormat  `split_words:"true" default:"text" of:"host" form:"text or json" desc:"Form of a log line: text for people, json for collectors."`
}

// Name is the host's name.
type Name struct {
	Host string `split_words:"true" needed:"true" of:"host" form:"name" desc:"Name of this host, different from its peer's: lower-case letters, digits and hyphens, up to 32. It stands in the pair record, logs and status."`
}

// Storage is where a process keeps what must survive it.
type Storage struct {
	Data string `split_words:"true" needed:"true" of:"host" form:"directory" desc:"Directory for everything that must survive: database, journal, identity (of a witness: the pair record; of a terminal: its counters). On a disk whose fsync is honest; one process tree for each directory."`
}

// PairKey is the secret that both hosts and the witness share. PairSecret is filled whichever of the two was set.
type PairKey struct {
	PairSecret     Secret `split_words:"true" secret:"true" of:"pair" form:"secret" desc:"What the hosts and the witness prove to each other, the same on all three, at least 16 bytes (openssl rand -hex 32). Terminals never get it, only the key derived for each. This or HOTPAIR_PAIR_SECRET_FILE is required."`
	PairSecretFile string `split_words:"true" of:"host" form:"file" desc:"File that holds the pair secret instead (ends of line are cut), readable by nobody but its owner and group."`
}

// TLS is what a process proves who it is with, to hosts, witness and terminals on other machines. All three files or none.
type TLS struct {
	TLSCert string `split_words:"true" of:"host" form:"file" desc:"File with the certificate of this host, witness or terminal in PEM, its chain behind it; its one URI name says who that is: spiffe://PAIR/host/a, /witness, /terminal/till-7. With it the wires between machines are TLS 1.3, proved on both sides. Read again when it changes; what can't be used changes nothing and is an alarm."`
	TLSKey  string `split_words:"true" of:"host" form:"file" desc:"File with the private key of that certificate in PEM (ECDSA P-256 or Ed25519), readable by nobody but its owner."`
	TLSCa   string `split_words:"true" of:"host" form:"file" desc:"File with the roots of the pair in PEM: whom this process believes."`
	// Insecure is never set with files.
	Insecure    bool `default:"false" of:"pair" form:"true or false" desc:"Let the wires between machines be plain text. Without a certificate only addresses of this machine (127.0.0.1) are taken else. Whoever reaches a plain wire can read everything on it, the pair's keys too, and act as a host: only for tests in a network of its own. It is an alarm for as long as it is set."`
	TLSOptional bool `split_words:"true" of:"host" default:"false" form:"true or false" desc:"Speak plain text too, with whoever has no certificate yet: only while a pair moves from secrets to certificates, for somebody between two machines can have both speak it."`
}

// Sealed reports whether the wires are TLS.
func (t TLS) Sealed() bool { return t.TLSCert != "" }

// Authority is how a host issues the certificates of its pair, where the pair is its own authority. Both files or none.
type Authority struct {
	AuthorityKey  string `split_words:"true" of:"host" form:"file" desc:"File with the issuing key of the pair, sealed, when the pair is its own authority (hotpair authority init). With it a host enrols terminals, and renews their certificates and its own. Without it certificates come from elsewhere."`
	AuthoritySeal string `split_words:"true" of:"host" form:"file" desc:"Key file that opens the seal of HOTPAIR_AUTHORITY_KEY, readable by nobody but its owner. It lies outside of HOTPAIR_DATA and of every backup: who has both files can issue certificates."`
}

// Issues reports whether the host issues certificates.
func (a Authority) Issues() bool { return a.AuthorityKey != "" }

// Pace is the one timer from which the others follow.
type Pace struct {
	Lease time.Duration `split_words:"true" default:"300ms" of:"pair" form:"duration" desc:"How long the standby promises not to take over on silence; all timers follow from it: a heartbeat each 1/8, a silent active is replaced after 1.1, a frozen main is killed after 2. 100ms to 1m; the same on both hosts. Shorter reacts faster to silence, and mistakes a stall for it sooner; a killed host is noticed at once with any value."`
}

// Patience is what a host believes about a peer that does not answer.
type Patience struct {
	StandbyPatience time.Duration `split_words:"true" default:"2s" of:"pair" form:"duration" desc:"How long updates wait for a standby that is alive but slow to store them, before the active goes on alone. Disks stall for over a second at times."`
	RefusedIsDead   bool          `split_words:"true" default:"true" of:"pair" form:"true or false" desc:"Take a refused connection as proof that the peer's processes are gone, and take over at once. Set false where something else may answer for the peer's address: a proxy, a firewall that resets."`
}

// Bounds are how much of the past is kept.
type Bounds struct {
	HistoryMaxUpdates int           `split_words:"true" default:"1000000" of:"pair" form:"number" desc:"How many updates the update history keeps at most. A host that returns within the history catches up from it, later it gets a copy of everything."`
	HistoryMaxAge     time.Duration `split_words:"true" default:"168h" of:"pair" form:"duration" desc:"How long an update stays in the history at most."`
	HistoryMaxBytes   Bytes         `split_words:"true" default:"1GiB" of:"pair" form:"bytes" desc:"How large the history grows at most."`
	Retention         time.Duration `split_words:"true" default:"24h" of:"pair" form:"duration" desc:"How long the answer to a request that carries an id of an application is repeated instead of executing it again. An older id is refused (410)."`
	JournalMaxBytes   Bytes         `split_words:"true" default:"256MiB" of:"pair" form:"bytes" desc:"How large the journal grows at most, at least 16MiB. It is emptied behind what the database holds; when full, updates wait."`
	EventsMax         int           `split_words:"true" default:"10000" of:"pair" form:"number" desc:"How many events the pair's event log keeps at most, 100 to 1000000. The same on both hosts."`
}

// Deferral is how what services put off is run.
type Deferral struct {
	TimerTries int `split_words:"true" default:"20" of:"pair" form:"number" desc:"How often a timer of a service may fail before it is parked, which is an alarm, 1 to 1000. It is tried again after a second at first, after five minutes at last: 20 tries take about an hour."`
}

// Hooks are told of alarms, and of all that happens.
type Hooks struct {
	AlarmCommand string        `split_words:"true" of:"host" form:"/path" desc:"Program that is run at each alarm that this host raises, clears or acknowledges, with the alarm as JSON on its standard input and in the variables ALARM_ID, ALARM_STATE, ALARM_SEVERITY, ALARM_HOST, ALARM_TEXT, ALARM_REMEDY and ALARM_SINCE. It gets no secret. What it prints is logged. Empty: none."`
	AlarmTimeout time.Duration `split_words:"true" default:"30s" of:"host" form:"duration" desc:"When the alarm command is killed that has not ended, 1s to 10m. Alarms wait for it meanwhile."`
	AlarmWebhook Secret        `split_words:"true" secret:"true" of:"host" form:"http://…" desc:"URL to which the same JSON is posted. Each try has 5s; while there is no answer 2xx it is tried again, up to an hour. Empty: none."`
	AuditTrail   string        `split_words:"true" of:"host" form:"/path|syslog" desc:"Where this host writes its audit trail as it happens, a line of JSON for each entry: what operators wanted and why, what came of it, what the pair did, who was refused. A file or pipe by its whole path, which is opened anew when logrotate has renamed it; or syslog, that of this machine (syslog:/path for another socket). Nothing waits for it; what could not be written is counted, and is an alarm. Empty: nowhere, and the pair's event log is all there is."`
}

// Backups are made by themselves.
type Backups struct {
	BackupEvery     time.Duration `split_words:"true" default:"0s" of:"pair" form:"duration" desc:"How often the pair makes a backup by itself, 1s to 720h; one host does, the standby where it is in sync. It is checked, once a day restored on trial, and read back from where it is kept. No good one for twice as long is an alarm. 0: only when hotpair backup now says so."`
	BackupTo        string        `split_words:"true" of:"host" form:"/folder|s3://…" desc:"Where backups are kept: a folder by its whole path, best on another disk or a mounted share, or s3://bucket/prefix. Their names carry the pair's id. Empty: the pair makes none by itself."`
	BackupKeep      Keep          `split_words:"true" default:"last=24,daily=7,weekly=5" of:"pair" form:"list" desc:"Which backups are kept: so many of the last, and of so many days, weeks and months (UTC) the newest of each: last=24,daily=7,weekly=5,monthly=12. A number alone is that of the last. Older ones are removed after each good one: only those that this pair has made itself, and never the last good one."`
	BackupRecipient string        `split_words:"true" of:"pair" form:"age1…" desc:"Public key of age to which backups are encrypted. The key that decrypts never lies on a host: hotpair restore --identity takes it. Empty: they are not encrypted, and whoever reads the place reads the database."`
	BackupWork      string        `split_words:"true" of:"host" form:"/folder" desc:"Folder in which a backup is made and restored on trial, with room for the database twice. Empty: a folder in HOTPAIR_BACKUP_TO; for a bucket backup-work in HOTPAIR_DATA, where it leaves what the host needs free."`

	BackupS3Endpoint   string `split_words:"true" default:"https://s3.amazonaws.com" of:"host" form:"https://…" desc:"The S3 service of a bucket, as https://s3.example.com:9000. Plain http is taken for this machine only."`
	BackupS3Region     string `split_words:"true" default:"us-east-1" of:"host" form:"name" desc:"Region of the bucket."`
	BackupS3Access     string `split_words:"true" of:"host" form:"id" desc:"Id of the access key for the bucket. It needs to list, put, get and delete objects, and to list and abort uploads."`
	BackupS3Secret     Secret `split_words:"true" secret:"true" of:"host" form:"secret" desc:"Secret access key for the bucket."`
	BackupS3SecretFile string `split_words:"true" of:"host" form:"file" desc:"File that holds the secret access key instead, readable by nobody but its owner and group."`
	BackupS3Ca         string `split_words:"true" of:"host" form:"file" desc:"File with the certificates to believe of the service, in PEM; read for each connection. Empty: the system's."`
	BackupS3PathStyle  bool   `split_words:"true" default:"true" of:"host" form:"true or false" desc:"Name the bucket in the path, as most services want it that are not Amazon's. false: in the name of the host."`
}

// Tracing is for whoever looks for what a takeover waited for.
type Tracing struct {
	TraceDir string `split_words:"true" of:"host" form:"/directory" desc:"Directory that gets the Go execution trace of main, updater and terminal-if around each takeover, one file each, the last 8 of each process, at most 64MiB each (mostly 1 to 10). Read one with go tool trace. Recording costs some percent of a processor and 16 to 40MB in each of the three. Empty: nothing is recorded."`
}

// Work is what the host does for terminals.
type Work struct {
	Business     Services `split_words:"true" default:"kv,ledger" of:"pair" form:"list" desc:"Business processes to run: names of built-in ones (kv, ledger, sequence, tickets) and name=/path/to/program for any other, separated by commas."`
	BusinessUser string   `split_words:"true" of:"host" form:"user" desc:"User of this machine as whom business processes run, for a host that is started as root: they can then read nothing of the host's, neither its data nor its secrets, and signal none of its processes. Empty: as the host itself."`
	// TakeoverNeeds are never more than Business.
	TakeoverNeeds Names `split_words:"true" of:"pair" form:"list" desc:"Services of HOTPAIR_BUSINESS without which a host does not serve: while one of them does not run there, it neither takes over nor is it handed over to. Of any other one that does not run, only its own requests wait. Empty: none."`
}

// Console is where a host answers operators.
type Console struct {
	HTTP          string `split_words:"true" default:"127.0.0.1:7704" of:"host" form:"host:port" desc:"Address of status, metrics and console of a host. Without the token of an operator it tells this machine how the pair is, and nobody else anything. Any other address than one of this machine alone (127.0.0.1) needs HOTPAIR_HTTP_TLS_CERT."`
	HTTPTlsCert   string `split_words:"true" of:"host" form:"file" desc:"File with a certificate for the names and addresses under which operators ask this host, in PEM, its chain behind it. With it HOTPAIR_HTTP is HTTPS, TLS 1.3 only. Read again when it changes; while it can't be used the last one that could is kept. Empty: HOTPAIR_HTTP is plain, and an address of this machine alone."`
	HTTPTlsKey    string `split_words:"true" of:"host" form:"file" desc:"File with the private key of that certificate in PEM."`
	HTTPHosts     Names  `split_words:"true" of:"host" form:"list" desc:"Names under which the host may be asked over HTTP, separated by commas, beside its IP addresses, localhost and the name in HOTPAIR_HTTP. Any other one is refused: a web page could have pointed its own name here. Empty: none."`
	HTTPSocket    string `split_words:"true" of:"host" form:"/path" desc:"Unix socket at which a host answers as over HTTP. Root and the host's own user are admin there, by the kernel's word and without a token, also while nobody's token can be looked up. Empty: operator.sock in HOTPAIR_DATA."`
	HTTPToken     Secret `split_words:"true" secret:"true" of:"pair" form:"secret" desc:"A token that is admin and nobody's in particular, at least 16 bytes, for programs that set pairs up. It never expires and only a restart takes it away: prefer operators with names (hotpair operators add). Empty: none."`
	HTTPTokenFile string `split_words:"true" of:"host" form:"file" desc:"File that holds the token instead, readable by nobody but its owner and group."`
	Reasons       string `split_words:"true" default:"optional" of:"pair" form:"optional|required" desc:"Whether who changes something must say why (--reason, or the header Hotpair-Reason). What is said stands in the events."`
}

// Host is what the supervisor and the main of a host read.
type Host struct {
	Name
	Storage
	BusPort         int    `split_words:"true" default:"7701" of:"host" form:"port" desc:"Port on 127.0.0.1 of the bus between the host's own processes; 0 takes any free one."`
	Link            string `split_words:"true" default:":7702" of:"host" form:"host:port" desc:"Where main listens for the other main. Only the peer needs to reach it."`
	Replication     string `split_words:"true" default:":7703" of:"host" form:"host:port" desc:"Where the updater listens for the other updater. Only the peer needs to reach it."`
	PeerLink        string `split_words:"true" needed:"true" of:"host" form:"host:port" desc:"HOTPAIR_LINK of the other host, as this one reaches it."`
	PeerReplication string `split_words:"true" needed:"true" of:"host" form:"host:port" desc:"HOTPAIR_REPLICATION of the other host, as this one reaches it."`
	Witness         string `split_words:"true" needed:"true" of:"pair" form:"host:port" desc:"HOTPAIR_WITNESS_LISTEN of the witness, as this host reaches it; on a third machine. The same on both hosts. none: there is no witness and the terminals are asked instead; then two hosts that lose each other may both serve, each its own terminals, until they meet."`
	PairKey
	TLS
	Authority
	Terminals     Terminals `split_words:"true" of:"pair" form:"list" desc:"Terminals to dial: id=nats://host:port, separated by commas; the same on both hosts. May be empty."`
	TerminalsFile string    `split_words:"true" of:"host" form:"file" desc:"File that holds the terminals instead, separated by commas or in lines: one variable can't hold thousands. Read when a process starts."`
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

// NoWitness is the value of HOTPAIR_WITNESS for a pair without one. It must be said: a forgotten variable must not
// quietly promise less.
const NoWitness = "none"

// Witnessless reports whether the pair has no witness.
func (h Host) Witnessless() bool { return h.Witness == NoWitness }

// Witness is what a witness reads.
type Witness struct {
	WitnessListen string `split_words:"true" default:":7705" form:"host:port" desc:"Where the witness listens for both hosts."`
	Storage
	PairKey
	TLS
	Log
}

// Terminal is what the agent at a terminal reads.
type Terminal struct {
	TerminalID          string        `split_words:"true" needed:"true" form:"name" desc:"Id of this terminal as in HOTPAIR_TERMINALS of the hosts: letters, digits, hyphens and underscores, up to 64."`
	TerminalListen      string        `split_words:"true" default:":4223" form:"host:port" desc:"Where the agent listens for both hosts."`
	TerminalApps        string        `split_words:"true" default:"127.0.0.1:4222" form:"host:port" desc:"Where the agent listens for applications of this machine: any NATS client, without credentials. An address that is not loopback is refused."`
	TerminalKey         Secret        `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Key of this terminal alone, derived from the pair secret: hex HMAC-SHA256 of terminal:ID under the pair secret. Hosts prove themselves with it."`
	TerminalDeadline    time.Duration `split_words:"true" default:"30s" form:"duration" desc:"How long a request may wait for its answer when the application sets no deadline."`
	TerminalDeadlineMax time.Duration `split_words:"true" default:"5m" form:"duration" desc:"The longest deadline that an application may ask for."`
	PairID              string        `split_words:"true" form:"id" desc:"The pair this terminal belongs to. Empty: the first pair that attaches, remembered in HOTPAIR_DATA. Setting another id is how an operator moves the terminal to a new pair."`
	Applications
	Queue
	Storage
	TLS
	Log
}

// Cluster is what the cluster command hands on to the hosts it starts; it sets all their other variables itself.
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

// Operator is what the operator's commands read to find their host.
type Operator struct {
	Console
	// Data is optional here: the socket of the host on this machine is looked for there.
	Data  string `split_words:"true" form:"directory"`
	Token Secret `split_words:"true" secret:"true" form:"secret" desc:"Token of the operator who runs the command, where the unix socket of a host is not at hand."`
}

// Bus is how a process of a host reaches its bus. Main makes new ones for each start of each process.
type Bus struct {
	BusURL      string `split_words:"true" needed:"true" form:"nats://host:port" desc:"The host's bus."`
	BusUser     string `split_words:"true" needed:"true" form:"name" desc:"User of the process on the bus."`
	BusPassword Secret `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Password of that user, made anew at each start."`
	BusInbox    string `split_words:"true" needed:"true" form:"subject" desc:"Prefix of reply subjects; the user may subscribe to no others (custom inbox prefix of the client)."`
}

// Traffic is where a process listens for business processes; package traffic.
type Traffic struct {
	TrafficListen string `split_words:"true" needed:"true" form:"host:port" desc:"Where the process listens for business processes."`
	TrafficKey    Secret `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"What their passwords are derived from, made anew at each start of main."`
}

// Routes are where a business process connects, as BUS_USER with BUS_PASSWORD.
type Routes struct {
	RequestsURL string `split_words:"true" needed:"true" form:"nats://host:port" desc:"Where a business process gets requests and answers them."`
	DatabaseURL string `split_words:"true" needed:"true" form:"nats://host:port" desc:"Where a business process reads and commits."`
}

// Updater is what main gives its updater.
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

// TerminalInterface is what main gives its terminal-if.
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

// Business is what main gives a business process, its own or one of any other language. It has no secret of the pair.
type Business struct {
	Bus
	Routes
	Name
	Pace
	Log
}

// Backup is what main gives the process that makes backups. It has no secret of the pair but the key that proves them.
type Backup struct {
	Bus
	Name
	Storage
	Backups
	BackupKey Secret `split_words:"true" needed:"true" secret:"true" form:"secret" desc:"Key by which the pair proves its backups, derived from the pair secret."`
	Pace
	Log
}

// Courier is what main gives the process that sends emissions. It has no secret of the pair.
type Courier struct {
	Bus
	Name
	Pace
	Log
}

// Inherited is what a parent that is hotpair tells a child about itself. Package process sets and reads it.
type Inherited struct {
	ParentPID    int `split_words:"true" form:"number" desc:"Process id of the parent; a child that finds another one ends."`
	LifelineFD   int `split_words:"true" form:"number" desc:"Descriptor of the pipe by which the supervisor knows when the last descendant of a main is gone. Leave it open, hand it on to children, write nothing."`
	SupervisorFD int `split_words:"true" form:"number" desc:"Descriptor of the socket on which main beats and says what it does, and hears when it is to read its files again."`
	SecretsFD    int `split_words:"true" form:"number" desc:"Descriptor of a socket from which the child reads its secrets, as NAME=value with zero bytes between."`
	LastWordsFD  int `split_words:"true" form:"number" desc:"Descriptor of a file. What a process writes there before it fails is shown to operators as the reason."`
}
