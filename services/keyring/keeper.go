package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// settled and unsettled are the pauses between two looks: while nothing is to be done, and while something is.
	settled, unsettled = time.Second, 200 * time.Millisecond
	// birth is how long the first host of a new pair waits for the other one, to write both keys at once: a host that it leaves out
	// loses its connection for a moment.
	birth = 3 * time.Second
	// askWithin bounds a question to the witness.
	askWithin = 2 * time.Second
)

// File is where a host has its copy, in its data directory.
const File = "witness-keys.json"

// Witness is where the ring is, as a host asks it.
type Witness interface {
	// Keys gives the ring that the witness has.
	Keys(ctx context.Context) (Ring, error)
	// ReplaceKeys replaces one ring by another. Errors: ErrChanged, ErrImpossible; after any other the outcome is unknown.
	ReplaceKeys(ctx context.Context, next, over Ring) error
	// Refused reports that the witness does not let this host in.
	Refused() bool
}

// Config is what a Keeper needs to know.
type Config struct {
	Host    string // this one's name
	Source  *Source
	Peers   func() []identity.Peer // at the other ends of this process's connections
	Witness Witness
	Path    string // of the copy of the ring, so that a witness that went back is noticed after a restart too
	Log     *slog.Logger
}

// Keeper keeps the ring right, for one host. Nothing waits for it: what decides who serves is elsewhere.
type Keeper struct {
	config Config

	mu     sync.Mutex
	known  Ring // the newest that was seen
	admit  string
	barred string // the host that has a retired key
	struck string // what only people can put right, as a sentence
	strike string // the last problem that was told
}

// NewKeeper makes one. Nothing is read before Run.
func NewKeeper(c Config) *Keeper { return &Keeper{config: c} }

// Run keeps the ring until ctx ends, whose error it gives.
func (k *Keeper) Run(ctx context.Context) error {
	k.load()
	began := time.Now()
	for {
		pause := settled
		if done, err := k.look(ctx, time.Since(began) > birth); err != nil || !done {
			k.tell(err)
			pause = unsettled
		}
		if err := pace.Rest(ctx, pause); err != nil {
			return err
		}
	}
}

// Admit has the key of a host that this one is connected to let in, although it was retired: an operator says so. It reports whether there
// is such a host. There is none where nobody keeps keys: a nil Keeper.
func (k *Keeper) Admit(host string) bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.barred != host || host == "" {
		return false
	}
	k.admit = host
	return true
}

// Shown is the newest ring that was seen, nil when there is none or nobody keeps it, and what only people can put right about it.
func (k *Keeper) Shown() (r *Ring, problem string) {
	if k == nil {
		return nil, ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known.None() {
		known := k.known.copied()
		r = &known
	}
	return r, k.struck
}

// load reads the copy. One that can't be read is none: the witness has the ring.
func (k *Keeper) load() {
	data, err := os.ReadFile(k.config.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var ring Ring
	if err == nil {
		ring, err = Decode(data)
	}
	if err != nil {
		k.config.Log.Warn("the copy of the witness's list of keys can't be read: it counts as none", "path", k.config.Path, "error", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = ring
}

// look compares the ring with what it should be, and replaces it. It reports whether nothing is left to do.
func (k *Keeper) look(ctx context.Context, alone bool) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	used, waiting := k.config.Source.Keys()
	shown, err := k.config.Witness.Keys(ctx)
	if err != nil {
		if !waiting.IsZero() && k.config.Witness.Refused() {
			k.config.Log.Info("the witness does not let the key in that this host has used; it goes on with the new one", "key", waiting.String())
			k.config.Source.Pass(waiting)
		}
		return false, err
	}
	k.mu.Lock()
	f := facts{host: k.config.Host, used: used, waiting: waiting, peers: k.config.Peers(), alone: alone, admit: k.admit}
	known := k.known
	k.mu.Unlock()
	next, why, problem := f.next(shown, known)
	if why != "" {
		if err := k.config.Witness.ReplaceKeys(ctx, next, shown); err != nil {
			return false, fmt.Errorf("change the witness's list of keys: %w", err)
		}
		k.config.Log.Info("the witness has a new list of keys", "why", why, "version", next.Version, "keys", next.Sentence())
	}
	k.keep(next)
	if !waiting.IsZero() && next.Has(k.config.Host, waiting) {
		k.config.Source.Pass(waiting)
	}
	k.mu.Lock()
	k.barred, k.struck = "", ""
	if problem != nil {
		k.barred, k.struck = f.others()[0].Name.ID, problem.Error()
	} else if k.admit == f.admit {
		k.admit = ""
	}
	k.mu.Unlock()
	k.tell(problem)
	return problem == nil && !next.None(), nil
}

// keep remembers a ring that was seen.
func (k *Keeper) keep(r Ring) {
	k.mu.Lock()
	same := r.Digest() == k.known.Digest()
	k.known = r
	k.mu.Unlock()
	if same || r.None() {
		return
	}
	data, err := r.Encode()
	if err == nil {
		err = durable.Write(k.config.Path, append(data, '\n'))
	}
	if err != nil { // it is a copy: what is lost is that a witness which goes back while this main is down is not noticed
		k.config.Log.Warn("the copy of the witness's list of keys can't be written", "path", k.config.Path, "error", err)
	}
}

// tell says what is wrong, once.
func (k *Keeper) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	k.mu.Lock()
	fresh := text != k.strike
	k.strike = text
	k.mu.Unlock()
	if fresh && errors.Is(err, ErrUnlisted) {
		k.config.Log.Error("a host is not let in by the witness", "error", err)
	} else if fresh && err != nil && !errors.Is(err, context.Canceled) {
		k.config.Log.Info("the witness's list of keys can't be looked at", "error", err)
	}
}

// facts are what a host goes by.
type facts struct {
	host          string
	used, waiting identity.Fingerprint // own keys
	peers         []identity.Peer
	alone         bool   // the other host of a new pair was waited for
	admit         string // the host whose key an operator lets in, retired or not
}

// next is the ring that should be where one is shown and another was known, and why it is not the one that is shown; "" when it is. problem
// is what only people can put right. It wraps ErrUnlisted.
func (f facts) next(shown, known Ring) (next Ring, why string, problem error) {
	next = shown
	switch others := f.others(); {
	case f.used.IsZero():
		return next, "", nil
	case shown.None() && known.None() && len(others) == 0 && !f.alone:
		return next, "", nil
	case shown.None() && known.None():
		why = "it had none"
	case shown.Version <= known.Version && shown.Digest() != known.Digest():
		next, why = known.After(shown), "it had lost the one that this host knows"
	default:
		if next = shown.Mindful(f.host, known); next.Digest() != shown.Digest() {
			why = "it had a key that was retired"
		}
	}
	for _, key := range []identity.Fingerprint{f.used, f.waiting} {
		if !key.IsZero() && !next.Has(f.host, key) {
			next, why = next.Renewed(f.host, key), "a new key of this host"
		}
	}
	peer, ok := f.unlisted(next)
	switch {
	case !ok:
	case next.IsRetired(peer.Fingerprint) && f.admit != peer.Name.ID:
		problem = fmt.Errorf("%w: %s comes with the key %s, which was replaced by another one: if that host is the right one, give it a new key and certificate, "+
			"or let this one in with hotpair admit %s; if not, it is a machine that should be switched off", ErrUnlisted, peer.Name, peer.Fingerprint, peer.Name.ID)
	default:
		next, why = next.Replaced(f.host, peer.Name.ID, peer.Fingerprint), peer.Name.ID+" has another key"
	}
	if why != "" {
		next.Version = max(shown.Version, known.Version) + 1
	}
	return next, why, problem
}

// others are the connections that the other host has proved itself on.
func (f facts) others() []identity.Peer {
	return slices.DeleteFunc(slices.Clone(f.peers), func(p identity.Peer) bool { return p.Name.Role != identity.RoleHost || p.Name.ID == f.host })
}

// unlisted is the other host, when it has proved itself and with no key that is in the ring.
func (f facts) unlisted(r Ring) (found identity.Peer, ok bool) {
	for _, p := range f.others() {
		if r.Has(p.Name.ID, p.Fingerprint) {
			return identity.Peer{}, false
		}
		if !ok || r.IsRetired(found.Fingerprint) {
			found, ok = p, true
		}
	}
	return found, ok
}
