package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/strictjson"
)

var (
	// ErrImpossible says that no host makes this ring from the present one.
	ErrImpossible = fault.New("keys-impossible", "this list of keys can't follow the list that the witness has")
	// ErrChanged says that the witness has another ring than the expected one; nothing was written.
	ErrChanged = fault.New("keys-changed", "the witness has another list of keys")
	// ErrDamaged says that data are not a ring of this version.
	ErrDamaged = errors.New("not a readable list of keys")
	// ErrUnlisted says that a key is not in the ring.
	ErrUnlisted = errors.New("the witness does not know this key")
)

const (
	format = 1
	// mostHosts and mostKeys bound a ring: a pair has two hosts, and each one key and its successor.
	mostHosts, mostKeys = 2, 2
	// mostRetired bounds the retired keys; the oldest are dropped.
	mostRetired = 64
)

// Host is a host of the pair and its keys, the newest first.
type Host struct {
	Host string                 `json:"host"`
	Keys []identity.Fingerprint `json:"keys"`
}

// Ring is the list of keys. It is a value: changes return another one. The zero Ring is none.
type Ring struct {
	// Version rises with each change.
	Version uint64 `json:"version"`
	// Hosts are in the order of their names.
	Hosts []Host `json:"hosts"`
	// Retired are keys that were replaced, the newest first. None of them is in Hosts.
	Retired []identity.Fingerprint `json:"retired,omitempty"`
}

// None reports that there is no ring.
func (r Ring) None() bool { return r.Version == 0 }

// Of returns a host's keys.
func (r Ring) Of(host string) []identity.Fingerprint {
	for _, h := range r.Hosts {
		if h.Host == host {
			return h.Keys
		}
	}
	return nil
}

// Has reports whether a key is a host's.
func (r Ring) Has(host string, key identity.Fingerprint) bool {
	return slices.Contains(r.Of(host), key)
}

// IsRetired reports whether a key was replaced.
func (r Ring) IsRetired(key identity.Fingerprint) bool { return slices.Contains(r.Retired, key) }

// Admits returns why a host with a valid certificate is rejected; nil if it is not. Without a ring every host is
// accepted.
func (r Ring) Admits(host string, key identity.Fingerprint) error {
	switch {
	case r.None() || r.Has(host, key):
		return nil
	case r.IsRetired(key):
		return fmt.Errorf("%w: it was replaced by another key of %s", ErrUnlisted, host)
	case len(r.Of(host)) == 0:
		return fmt.Errorf("%w, nor a host %s", ErrUnlisted, host)
	}
	return fmt.Errorf("%w: %s has another key", ErrUnlisted, host)
}

// Renewed returns the ring with a host's new key beside its present one.
func (r Ring) Renewed(host string, key identity.Fingerprint) Ring {
	return r.with(host, append([]identity.Fingerprint{key}, r.Of(host)...))
}

// Replaced returns the ring with only this key of a host, as another one vouches for it. A third host replaces the
// one that does not vouch.
func (r Ring) Replaced(by, host string, key identity.Fingerprint) Ring {
	next := r.with(host, []identity.Fingerprint{key})
	for _, h := range next.Hosts {
		if h.Host != by && h.Host != host {
			next.Retired = append(slices.Clone(h.Keys), next.Retired...)
		}
	}
	next.Hosts = slices.DeleteFunc(next.Hosts, func(h Host) bool { return h.Host != by && h.Host != host })
	return next.tidied()
}

// Mindful returns the ring without the keys of others that a host knows to be retired: the first to write to an
// emptied witness may have an older list, or be a machine that should be rejected. A host that would have no key left
// keeps those of the known list. Only an operator accepts a retired key again, and the host that does so knows it.
func (r Ring) Mindful(by string, known Ring) Ring {
	next := r
	for _, h := range r.Hosts {
		left := slices.DeleteFunc(slices.Clone(h.Keys), known.IsRetired)
		if h.Host == by || len(left) == len(h.Keys) {
			continue
		}
		if len(left) == 0 {
			left = known.Of(h.Host)
		}
		if len(left) > 0 {
			next = next.with(h.Host, left)
		} else {
			next = next.copied()
			next.Retired = append(slices.Clone(h.Keys), next.Retired...)
			next.Hosts = slices.DeleteFunc(next.Hosts, func(o Host) bool { return o.Host == h.Host })
			next = next.tidied()
		}
	}
	return next
}

// After returns this ring as the successor of another one, which is older, or of the same version but written
// elsewhere: keys retired in either stay retired.
func (r Ring) After(other Ring) Ring {
	next := r.copied()
	next.Version = max(r.Version, other.Version) + 1
	for _, key := range other.Retired {
		if !slices.Contains(next.Retired, key) {
			next.Retired = append(next.Retired, key)
		}
	}
	return next.tidied()
}

// with returns the ring with these keys of a host, in the next version.
func (r Ring) with(host string, keys []identity.Fingerprint) Ring {
	next := r.copied()
	next.Version++
	next.Retired = slices.DeleteFunc(next.Retired, func(f identity.Fingerprint) bool { return f == keys[0] })
	kept := keys[:min(len(keys), mostKeys)]
	dropped := slices.DeleteFunc(slices.Clone(r.Of(host)), func(f identity.Fingerprint) bool { return slices.Contains(kept, f) })
	next.Retired = append(dropped, next.Retired...)
	next.Hosts = slices.DeleteFunc(next.Hosts, func(h Host) bool { return h.Host == host })
	next.Hosts = append(next.Hosts, Host{Host: host, Keys: slices.Clone(kept)})
	return next.tidied()
}

func (r Ring) copied() Ring {
	r.Hosts, r.Retired = slices.Clone(r.Hosts), slices.Clone(r.Retired)
	return r
}

// tidied sorts and bounds its own changes in place. A listed key is not retired, and belongs to one host.
func (r Ring) tidied() Ring {
	slices.SortFunc(r.Hosts, func(a, b Host) int { return strings.Compare(a.Host, b.Host) })
	seen := map[identity.Fingerprint]bool{}
	r.Retired = slices.DeleteFunc(r.Retired, func(f identity.Fingerprint) bool {
		again := seen[f] || slices.ContainsFunc(r.Hosts, func(h Host) bool { return slices.Contains(h.Keys, f) })
		seen[f] = true
		return again
	})
	r.Retired = r.Retired[:min(len(r.Retired), mostRetired)]
	return r
}

// Follows reports whether an accepted host can have made r from was. The error is ErrImpossible. A version rises by
// more than one only where the ring went back, so a leap is bounded but not refused.
func (r Ring) Follows(was Ring) error {
	impossible := func(text string, a ...any) error { return fmt.Errorf("%w: %s", ErrImpossible, fmt.Sprintf(text, a...)) }
	if err := r.check(); err != nil {
		return impossible("%s", err)
	}
	switch {
	case r.Version <= was.Version:
		return impossible("version %d after %d", r.Version, was.Version)
	case !membership.Reachable(was.Version, r.Version):
		return impossible("version %d after %d is too far ahead", r.Version, was.Version)
	case !was.None() && !r.keeps(was):
		return impossible("it keeps none of the known keys, although the writer has one")
	}
	return nil
}

// keeps reports that a key of was is still one of the same host.
func (r Ring) keeps(was Ring) bool {
	return slices.ContainsFunc(was.Hosts, func(h Host) bool {
		return slices.ContainsFunc(h.Keys, func(f identity.Fingerprint) bool { return r.Has(h.Host, f) })
	})
}

// check says why it is not a valid ring.
func (r Ring) check() error {
	if r.Version == 0 || len(r.Hosts) == 0 || len(r.Hosts) > mostHosts || len(r.Retired) > mostRetired {
		return fmt.Errorf("version %d with %d hosts and %d retired keys", r.Version, len(r.Hosts), len(r.Retired))
	}
	seen := map[identity.Fingerprint]bool{{}: true}
	for i, h := range r.Hosts {
		if i > 0 && r.Hosts[i-1].Host >= h.Host || len(h.Keys) == 0 || len(h.Keys) > mostKeys {
			return fmt.Errorf("host %.64q with %d keys", h.Host, len(h.Keys))
		}
		if err := identity.Host("p", h.Host).Check(); err != nil {
			return err
		}
		for _, key := range h.Keys {
			if seen[key] {
				return fmt.Errorf("a key of %s is empty or listed twice", h.Host)
			}
			seen[key] = true
		}
	}
	for _, key := range r.Retired {
		if seen[key] {
			return errors.New("a retired key is empty, still valid or listed twice")
		}
		seen[key] = true
	}
	return nil
}

// stored is a ring in a file and on the network.
type stored struct {
	Format int `json:"format"`
	Ring
}

// Encode encodes a ring for a file.
func (r Ring) Encode() ([]byte, error) {
	data, err := json.Marshal(stored{format, r})
	if err != nil {
		return nil, fmt.Errorf("encode the list of keys: %w", err)
	}
	return data, nil
}

// Decode reads the result of Encode. The error is ErrDamaged.
func Decode(data []byte) (Ring, error) {
	var s stored
	if err := strictjson.DecodeMessage(data, &s); err != nil {
		return Ring{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if s.Format != format {
		return Ring{}, fmt.Errorf("%w: format %d, but this process knows format %d", ErrDamaged, s.Format, format)
	}
	if err := s.check(); err != nil {
		return Ring{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return s.Ring, nil
}

// Digest identifies a ring exactly; "" for none. A compare-and-set expects it.
func (r Ring) Digest() string {
	if r.None() {
		return ""
	}
	data, _ := r.Encode() // encoding can't fail
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Sentence is the ring for logs.
func (r Ring) Sentence() string {
	if r.None() {
		return "none"
	}
	list := make([]string, len(r.Hosts))
	for i, h := range r.Hosts {
		keys := make([]string, len(h.Keys))
		for j, key := range h.Keys {
			keys[j] = key.String()[:16] + "…"
		}
		list[i] = h.Host + " with " + strings.Join(keys, " and ")
	}
	return strings.Join(list, ", ")
}
