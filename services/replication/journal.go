package replication

import (
	"context"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// JournalConfig describes the journal of a host.
type JournalConfig struct {
	// Host owns the journal, Peer is the host that may call and be granted.
	Host, Peer string
	// Dir holds the stream and the lock.
	Dir string
	// Listen is host:port for the peer; port 0 picks a free one, empty serves this process only.
	Listen string
	// Password of the user peer: config.DeriveKey(secret, PurposeReplication).
	Password string
	// MaxBytes bounds the stream; a full one refuses frames with ErrFull. Default 1 GiB.
	MaxBytes int64
	// Patience is how long a write may take before the journal counts as stuck. Default 10 s: disk stalls of more than a
	// second were seen on healthy machines, and main decides long before on the age of the frame in flight.
	Patience time.Duration
	Logger   *slog.Logger
}

// Journal is the owner's side of a host's journal. Its methods may be called by any number of goroutines.
type Journal struct{}

// Credentials let the other host's sender append in one session.
type Credentials struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Inbox    string `json:"inbox"` // prefix of reply subjects
	// Last is the stream sequence that the first append must expect.
	Last uint64 `json:"last"`
}

// Read is one message of the stream.
type Read struct {
	Seq uint64
	Raw []byte
}

// JournalInfo is what a stream says of itself.
type JournalInfo struct {
	First, Last uint64 // stream sequences; an empty stream has First = Last+1
	Messages    uint64
	Bytes       int64
	// Recreated says that the stream was made anew, or is shorter than it was, since the directory was last open.
	Recreated bool
}

// NewJournal checks the configuration.
func NewJournal(c JournalConfig) (*Journal, error) { return nil, errStub }

// Open takes the lock, starts the server and opens or makes the stream. The error is ErrLocked or bus.ErrListen.
func (j *Journal) Open(ctx context.Context) error { return errStub }

// Close stops the server. Repeatable.
func (j *Journal) Close() error { return nil }

// Dead is closed when the journal takes no more writes; Err tells why. The process must end.
func (j *Journal) Dead() <-chan struct{} { return nil }

// Err is why the journal is dead; ErrStuck.
func (j *Journal) Err() error { return nil }

// Address is the host:port that it listens on.
func (j *Journal) Address() string { return "" }

// Conn is the owner's connection to the journal's server, on which a Receiver serves calls.
func (j *Journal) Conn() *bus.Conn { return nil }

// Append writes one message behind the last one that this owner knows of and returns its stream sequence when it is
// durable. The error is ErrMoved (something else stands there), ErrFull, ErrStuck (end the process), or ctx's, after
// which the outcome is unknown and the next Append finds it out.
func (j *Journal) Append(ctx context.Context, raw []byte) (seq uint64, err error) { return 0, errStub }

// Read gives messages from stream sequence from on, in order, skipping gaps, about maxBytes of them but at least one if
// there is one. next is where to go on; it is above the last sequence when nothing is left.
func (j *Journal) Read(ctx context.Context, from uint64, maxBytes int) (read []Read, next uint64, err error) {
	return nil, 0, errStub
}

// Stored is a channel that gets a value, never blocking, when somebody else appended.
func (j *Journal) Stored() <-chan struct{} { return nil }

// Info asks the stream.
func (j *Journal) Info(ctx context.Context) (JournalInfo, error) { return JournalInfo{}, errStub }

// Purge gives up messages up to and including a stream sequence. It may come back after a crash; readers skip what they
// know. Cheap when little is to gain: then it does nothing.
func (j *Journal) Purge(ctx context.Context, upTo uint64) error { return errStub }

// Fence makes f rule: every granted user is refused and its connections are closed, then the marker is appended behind
// whatever was read from them before. It returns the marker's stream sequence. Errors as of Append, without ErrMoved.
func (j *Journal) Fence(ctx context.Context, f Fence) (seq uint64, err error) { return 0, errStub }

// Grant lets one session of the other host append, until the next Fence or Revoke. Only the term of the last Fence of
// this process is granted, so that nothing is granted that was not fenced before: otherwise ErrFenced.
func (j *Journal) Grant(t Term) (Credentials, error) { return Credentials{}, errStub }

// Revoke ends every grant and closes the connections.
func (j *Journal) Revoke() {}

// TestWrite makes one durable write, to show that the disk takes it (fitness for a takeover): the present fence again.
func (j *Journal) TestWrite(ctx context.Context) error { return errStub }
