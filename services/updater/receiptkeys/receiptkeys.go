// Package receiptkeys keeps the keys that sign the pair's receipts, in the pair's own key space.
//
// They are data of the pair and of no setting, so that the pair's secret can change, and the audit of a takeover still knows
// what terminals were told before: two keys are valid at a time. Whoever serves makes the first one, and another one when it
// is told to, or when the pair's secret is another than the one the last was made under. Both are one update each, so
// both hosts sign and recognise alike.
//
// The keys are given to terminal-if alone (bus.Permissions). History, events and the lists of backups show names of keys in
// this space, never what is in them.
package receiptkeys

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/storage"
)

const (
	// keyBytes is the length of a key.
	keyBytes = 32
	// tries is how often a change is worked out again because another one came first.
	tries = 4
)

var errStored = errors.New("the receipt keys can't be read")

// stored is the value under bus.SystemReceipts, the newest key first.
type stored struct {
	Keys []storedKey `json:"keys"`
}

type storedKey struct {
	receipt.Key
	// Under marks the pair's secret at the time, and gives nothing of it away.
	Under string `json:"under"`
}

// Keys are those of one host's updater.
type Keys struct {
	store    systemspace.Viewer
	space    Space
	under    string
	now      func() time.Time
	changing *semaphore.Weighted
}

// Space changes the pair's own key space. *systemspace.Space is one.
type Space interface {
	Change(ctx context.Context, c systemspace.Change, work func() (operations []bus.Operation, revision uint64, err error)) error
}

// New makes them; secret is the pair's, now the wall clock.
func New(store systemspace.Viewer, space Space, secret string, now func() time.Time) *Keys {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("which secret the keys of receipts were made under"))
	return &Keys{store: store, space: space, under: hex.EncodeToString(mac.Sum(nil)[:8]), now: now, changing: semaphore.NewWeighted(1)}
}

// Answer answers terminal-if and main, each call in a goroutine of the group.
func (k *Keys) Answer(r *bus.Router, group bus.Group) {
	ctx := context.Background()
	receipt.CallKeys.HandleIn(ctx, r, group, k.keys)
	receipt.CallRotate.HandleIn(ctx, r, group, k.rotate)
}

// keys gives the keys. When there is none, or the newest is of another secret, the host that serves makes one before.
func (k *Keys) keys(ctx context.Context, _ receipt.KeysQuestion) (receipt.Keys, error) {
	known, err := k.change(ctx, func(s stored) (bool, error) { return len(s.Keys) == 0 || s.Keys[0].Under != k.under, nil })
	if errors.Is(err, systemspace.ErrNotServed) {
		err = nil // the host that serves does it
	}
	var keys receipt.Keys
	for _, one := range known.Keys {
		keys.Keys = append(keys.Keys, one.Key)
	}
	return keys, err
}

// rotate makes a new key, which signs from now on.
func (k *Keys) rotate(ctx context.Context, _ receipt.Rotate) (receipt.Rotated, error) {
	known, err := k.change(ctx, func(s stored) (bool, error) {
		if len(s.Keys) == 0 {
			return true, nil
		}
		if age := k.now().Sub(s.Keys[0].Made); age >= 0 && age < receipt.Settles {
			return false, fmt.Errorf("%w: the receipt key is %v old and only two keys are valid at a time: terminals may still show receipts of the previous key; ask again in %v",
				bus.ErrRefused, age.Round(time.Second), (receipt.Settles - age).Round(time.Second))
		}
		return true, nil
	})
	if errors.Is(err, systemspace.ErrNotServed) {
		err = fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	if err != nil {
		return receipt.Rotated{}, err
	}
	return receipt.Rotated{Made: known.Keys[0].Made}, nil
}

// change puts a new key before those there are, if wanted says so, and gives those there are then.
func (k *Keys) change(ctx context.Context, wanted func(stored) (bool, error)) (known stored, err error) {
	var next stored
	err = k.space.Change(ctx, systemspace.Change{What: "the keys of receipts", Head: bus.SystemReceipts, Turn: k.changing, Tries: tries},
		func() ([]bus.Operation, uint64, error) {
			var revision uint64
			var err error
			if known, revision, err = k.read(); err != nil {
				return nil, 0, err
			}
			next = known
			if want, err := wanted(known); err != nil || !want {
				return nil, 0, err
			}
			next = stored{Keys: append([]storedKey{k.make()}, known.Keys[:min(len(known.Keys), receipt.Known-1)]...)}
			value, err := json.Marshal(next)
			return []bus.Operation{{Key: []byte(bus.SystemReceipts), Value: value}}, revision, err
		})
	if err != nil {
		return known, err
	}
	return next, nil
}

// make makes a key.
func (k *Keys) make() storedKey {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails: it ends the process instead
	return storedKey{Key: receipt.Key{Secret: secret, Made: k.now().UTC().Truncate(time.Millisecond)}, Under: k.under}
}

// read gives what is committed.
func (k *Keys) read() (known stored, revision uint64, err error) {
	err = k.store.View(func(r *storage.Reader) error {
		value, at, ok := r.Get(bus.SystemSpace, []byte(bus.SystemReceipts))
		revision = at
		if !ok {
			return nil
		}
		if err := json.Unmarshal(value, &known); err != nil {
			return errStored // what the library says could quote a key
		}
		return nil
	})
	return known, revision, err
}
