package inspection

import (
	"context"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/services/terminalif/numbers"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/turns"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
)

// Term is the term that a host serves, as a comparison of both databases sees it.
type Term struct {
	Epoch uint64
	Peer  string          // how far the other host is: bus.PeerAwaited, …
	Ended <-chan struct{} // closed when the term has ended
}

// Updater is what looking at a host's data needs of who writes it.
type Updater interface {
	// Term gives the term that is served. The error says that there is none.
	Term() (Term, error)
	// Serves gives the error of a question that only a host which serves an epoch answers; nil when this one does.
	Serves(epoch uint64) error
	// CountDivergent counts anew what is kept as divergent.
	CountDivergent() error
	// Beat tells main at once that something has changed.
	Beat()
	// PairTime is the pair's, as it is now; 0 before the first update.
	PairTime() int64
}

// Remote is the connection to the other host. *replication.Remote is one.
type Remote interface {
	Peer() string
	Await(context.Context) (*bus.Conn, error)
}

// Disk tries the disk of the data directory. *disk.Trial is one.
type Disk interface {
	// Write makes a small write durable, outside of all that the host holds. Its failure ends nothing.
	Write(context.Context) (time.Duration, error)
	// Look looks at the room.
	Look() error
}

// Keeper keeps what both hosts shall know.
type Keeper interface {
	Put(ctx context.Context, key, value []byte) error
}

// Config is what an Inspector looks at, and with whom.
type Config struct {
	Host    string
	Data    string // its data directory
	Needed  uint64 // bytes that its disk must have free for the host to be fit
	Disk    Disk
	Store   *storage.Store
	Facts   *facts.Facts
	Updater Updater
	Remote  Remote
	Space   Keeper
	Turns   turns.Turns // of what reads much
	// BackupKey proves backups: config.BackupKey.
	BackupKey string
	// Trust is the pair's name in certificates, which backups say; empty where it has none.
	Trust string
	Log   *slog.Logger
}

// Inspector answers what operators ask of a host's data.
type Inspector struct {
	config   Config
	verifier *verifier // compares both databases beside all orders
	backups  *backups
}

// New makes an Inspector. Run has it compare, Close ends the backups that are under way.
func New(c Config) *Inspector {
	return &Inspector{config: c, verifier: newVerifier(c), backups: newBackups(c)}
}

// Answer has what main asks answered, each call in a goroutine of the group. An answer is bounded by itself, and outlives no
// process: none ends with what asked for it.
func (i *Inspector) Answer(r *bus.Router, group bus.Group) {
	ctx := context.Background()
	bus.CallExamine.HandleIn(ctx, r, group, i.examine)
	bus.CallAudit.HandleIn(ctx, r, group, i.audit)
	bus.CallHistory.HandleIn(ctx, r, group, func(ctx context.Context, q bus.HistoryRequest) (bus.HistoryPage, error) {
		return turns.Take(ctx, i.config.Turns, func(ctx context.Context) (bus.HistoryPage, error) { return historyPage(ctx, i.config.Store, q) })
	})
	bus.CallDivergent.HandleIn(ctx, r, group, func(ctx context.Context, q bus.DivergentRequest) (bus.DivergentPage, error) {
		return turns.Take(ctx, i.config.Turns, func(context.Context) (bus.DivergentPage, error) { return divergentOf(i.config.Data, q) })
	})
	bus.CallForgetDivergent.HandleIn(ctx, r, group, func(_ context.Context, q bus.ForgetDivergent) (bus.DivergentForgotten, error) {
		return i.forgetDivergent(q)
	})
	numbers.Call.HandleIn(ctx, r, group, i.numbers)
	bus.CallVerify.HandleIn(ctx, r, group, i.verifier.begin)
	bus.CallVerifyState.HandleIn(ctx, r, group, i.verifier.now)
	bus.CallVerifyStop.HandleIn(ctx, r, group, i.verifier.end)
	bus.CallBackup.HandleIn(ctx, r, group, i.backups.answer)
}

// Run leads the comparisons that are ordered until ctx ends.
func (i *Inspector) Run(ctx context.Context) error { return i.verifier.run(ctx) }

// Close ends the backups that are under way. No question may come any more.
func (i *Inspector) Close() { i.backups.stop() }
