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
	// settled and unsettled are the pauses between two checks: while nothing has to be done, and while something has.
	settled, unsettled = time.Second, 200 * time.Millisecond
	// birth is how long the first host of a new pair waits for the other one, to write both keys at once: a host that
	// it leaves out briefly loses its connection.
	birth = 3 * time.Second
	// askWithin bounds a question to the witness.
	askWithin = 2 * time.Second
)

// File is the host's copy, in its data directory.
const File = "witness-keys.json"

// Witness stores the ring, as a host reaches it.
type Witness interface {
	// Keys returns the ring of the witness.
	Keys(ctx context.Context) (Ring, error)
	// ReplaceKeys replaces one ring by another. Errors: ErrChanged, ErrImpossible; after any other error the outcome
	// is unknown.
	ReplaceKeys(ctx context.Context, next, over Ring) error
	// Refused reports that the witness rejects this host.
	Refused() bool
}

// Config configures a Keeper.
type Config struct {
	Host    string // this one's name
	Source  *Source
	Peers   func() []identity.Peer // peers at the other ends of this process's connections
	Witness Witness
	Path    string // of the copy of the ring, which shows also after a restart that a witness went back
	Log     *slog.Logger
}

// Keeper keeps the ring up to date for one host. Nothing waits for it: which host is active is decided elsewhere.
type Keeper struct {
	config Config

	mu     sync.Mutex
	known  Ring // the newest that was seen
	admit  string
	barred string // the host with a retired key
	struck string // what only people can correct, as a sentence
	strike string // the last problem that was logged
}

// NewKeeper returns a Keeper. Nothing is read before Run.
func NewKeeper(c Config) *Keeper { return &Keeper{config: c} }

// Run keeps the ring until ctx ends, and returns its error.
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

// Admit accepts the retired key of a connected host, on an operator's request. It reports whether there is such a
// host. A nil Keeper, of a pair without keys, has none.
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

// Shown returns the newest ring that was seen, nil for none, and what only people can correct about it.
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

// load reads the copy. An unreadable copy counts as none: the witness has the ring.
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
		k.config.Log.Warn("the copy of the witness's list of keys is unreadable and is ignored", "path", k.config.Path, "error", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = ring
}

// look compares the ring with its target, and replaces it. It reports whether nothing is left to do.
func (k *Keeper) look(ctx context.Context, alone bool) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	used, waiting := k.config.Source.Keys()
	shown, err := k.config.Witness.Keys(ctx)
	if err != nil {
		if !waiting.IsZero() && k.config.Witness.Refused() {
			k.config.Log.Info("the witness rejects the key that this host used; using the new one", "key", waiting.String())
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
		k.config.Log.Info("the witness has stored a new list of keys", "why", why, "version", next.Version, "keys", next.Sentence())
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

// keep stores a ring that was seen.
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
	if err != nil { // it is a copy: without it, a witness that goes back while this main is down is not noticed
		k.config.Log.Warn("could not write the copy of the witness's list of keys", "path", k.config.Path, "error", err)
	}
}

// tell logs a problem, once.
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
		k.config.Log.Error("the witness rejects a host", "error", err)
	} else if fresh && err != nil && !errors.Is(err, context.Canceled) {
		k.config.Log.Info("could not read the witness's list of keys", "error", err)
	}
}

// facts are the inputs for the target ring.
type facts struct {
	host          string
	used, waiting identity.Fingerprint // keys of this host
	peers         []identity.Peer
	alone         bool   // the wait for the other host of a new pair is over
	admit         string // the host whose key an operator accepts, retired or not
}

// next returns the target ring, given the ring of the witness and the known one, and why it differs from the
// witness's; "" if it does not. problem is what only people can correct. It wraps ErrUnlisted.
func (f facts) next(shown, known Ring) (next Ring, why string, problem error) {
	next = shown
	switch others := f.others(); {
	case f.used.IsZero():
		return next, "", nil
	case shown.None() && known.None() && len(others) == 0 && !f.alone:
		return next, "", nil
	case shown.None() && known.None():
		why = "it had no list"
	case shown.Version <= known.Version && shown.Digest() != known.Digest():
		next, why = known.After(shown), "it had lost the list that this host knows"
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
		problem = fmt.Errorf("%w: %s presents the key %s, which was replaced: if that host is the right one, give it a new key and certificate, "+
			"or accept this key with hotpair admit %s; if not, switch that machine off", ErrUnlisted, peer.Name, peer.Fingerprint, peer.Name.ID)
	default:
		next, why = next.Replaced(f.host, peer.Name.ID, peer.Fingerprint), peer.Name.ID+" has another key"
	}
	if why != "" {
		next.Version = max(shown.Version, known.Version) + 1
	}
	return next, why, problem
}

// others are the connections on which the other host has authenticated itself.
func (f facts) others() []identity.Peer {
	return slices.DeleteFunc(slices.Clone(f.peers), func(p identity.Peer) bool { return p.Name.Role != identity.RoleHost || p.Name.ID == f.host })
}

// unlisted returns the other host if it has authenticated itself with a key that is not in the ring.
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
