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
	// ErrImpossible says that no host makes such a ring of the one that is there.
	ErrImpossible = fault.New("keys-impossible", "no such list of keys can follow the one that the witness has")
	// ErrChanged says that the witness has another ring than the one that was to be replaced; nothing was written.
	ErrChanged = fault.New("keys-changed", "the witness has another list of keys")
	// ErrDamaged says that something is no ring of this version.
	ErrDamaged = errors.New("no readable list of keys")
	// ErrUnlisted says that a key is not in the ring.
	ErrUnlisted = errors.New("the witness knows the pair's keys, and that is none of them")
)

const (
	format = 1
	// mostHosts and mostKeys bound a ring: a pair has two hosts, and each one key and its successor.
	mostHosts, mostKeys = 2, 2
	// mostRetired bounds the retired keys; the oldest go.
	mostRetired = 64
)

// Host is a host of the pair and its keys, the newest first.
type Host struct {
	Host string                 `json:"host"`
	Keys []identity.Fingerprint `json:"keys"`
}

// Ring is the list of keys. It is a value: what changes it gives another. The zero Ring is none.
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

// Of gives a host's keys.
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

// Admits says why a host is not let in, whose certificate is well; nil when it is. Without a ring each is.
func (r Ring) Admits(host string, key identity.Fingerprint) error {
	switch {
	case r.None() || r.Has(host, key):
		return nil
	case r.IsRetired(key):
		return fmt.Errorf("%w: it was replaced by another key of %s", ErrUnlisted, host)
	case len(r.Of(host)) == 0:
		return fmt.Errorf("%w: nor does it know a host %s", ErrUnlisted, host)
	}
	return fmt.Errorf("%w: %s has another", ErrUnlisted, host)
}

// Renewed is the ring with a host's new key beside the one that it has.
func (r Ring) Renewed(host string, key identity.Fingerprint) Ring {
	return r.with(host, append([]identity.Fingerprint{key}, r.Of(host)...))
}

// Replaced is the ring with this key only of a host, as another one vouches for it. A third host takes the place of the one that does not
// vouch.
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

// Mindful is the ring without what a host knows to be retired of the others: who writes first to a witness that was emptied may have an older
// list, or be who should not be let in. Of a host that would have no key left it has those of the list known. Only an operator lets a retired
// key in again, and the host that does that knows it.
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

// After is this ring as the successor of another one, which is older than it or as old and was written elsewhere: what either has
// retired stays retired.
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

// with has these keys of a host, in the version that follows.
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

// tidied sorts and bounds what it changes in place. A key that is listed is not retired, and is one host's.
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

// Follows tells whether a host that is let in can have made r of was. The error is ErrImpossible. A version rises by more than one only
// where the ring has gone back, so a leap is bounded, and not refused.
func (r Ring) Follows(was Ring) error {
	impossible := func(text string, a ...any) error { return fmt.Errorf("%w: %s", ErrImpossible, fmt.Sprintf(text, a...)) }
	if err := r.check(); err != nil {
		return impossible("%s", err)
	}
	switch {
	case r.Version <= was.Version:
		return impossible("version %d after %d", r.Version, was.Version)
	case !membership.Reachable(was.Version, r.Version):
		return impossible("version %d after %d, which no pair comes to", r.Version, was.Version)
	case !was.None() && !r.keeps(was):
		return impossible("none of the keys that are known is left, and who writes has one")
	}
	return nil
}

// keeps reports that a key of was is one of the same host still.
func (r Ring) keeps(was Ring) bool {
	return slices.ContainsFunc(was.Hosts, func(h Host) bool {
		return slices.ContainsFunc(h.Keys, func(f identity.Fingerprint) bool { return r.Has(h.Host, f) })
	})
}

// check says what makes it no ring.
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
				return fmt.Errorf("a key of %s is empty or twice there", h.Host)
			}
			seen[key] = true
		}
	}
	for _, key := range r.Retired {
		if seen[key] {
			return errors.New("a retired key is empty, valid or twice there")
		}
		seen[key] = true
	}
	return nil
}

// stored is a ring as it lies in a file and crosses the wire.
type stored struct {
	Format int `json:"format"`
	Ring
}

// Encode gives a ring as it lies in a file.
func (r Ring) Encode() ([]byte, error) {
	data, err := json.Marshal(stored{format, r})
	if err != nil {
		return nil, fmt.Errorf("encode the list of keys: %w", err)
	}
	return data, nil
}

// Decode reads what Encode wrote. The error is ErrDamaged.
func Decode(data []byte) (Ring, error) {
	var s stored
	if err := strictjson.DecodeMessage(data, &s); err != nil {
		return Ring{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if s.Format != format {
		return Ring{}, fmt.Errorf("%w: format %d, this process knows %d", ErrDamaged, s.Format, format)
	}
	if err := s.check(); err != nil {
		return Ring{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return s.Ring, nil
}

// Digest names a ring exactly; "" is none. It is what a compare-and-set expects.
func (r Ring) Digest() string {
	if r.None() {
		return ""
	}
	data, _ := r.Encode() // of a struct that always encodes
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
