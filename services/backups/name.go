package backups

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	prefix = "hotpair-"
	suffix = ".backup"
	// sealedSuffix ends the name of an encrypted backup.
	sealedSuffix = ".age"
	// stamp is the start time, in UTC: the alphabetical order of names is their order in time.
	stamp = "20060102T150405.000Z"
)

// Name is the name of a backup: hotpair-PAIR-20260102T030405.000Z-b.backup, followed by .age if it is encrypted.
type Name struct {
	Pair   string
	Made   time.Time
	Host   string
	Sealed bool
}

// String returns the name.
func (n Name) String() string {
	text := prefix + n.Pair + "-" + n.Made.UTC().Format(stamp) + "-" + n.Host + suffix
	if n.Sealed {
		text += sealedSuffix
	}
	return text
}

// Check refuses what makes no valid name: an unknown pair, or an invalid id.
func (n Name) Check() error {
	if again, ok := Parse(n.Pair, n.String()); !ok || again.Host != n.Host {
		return fmt.Errorf("%w: the pair id %q and the host %q can't be in the name of a backup", bus.ErrRefused, n.Pair, n.Host)
	}
	return nil
}

// Parse reads the name of a backup of a pair. false: this pair did not make it.
func Parse(pair, text string) (Name, bool) {
	if !bus.ValidName(pair) {
		return Name{}, false
	}
	rest, ours := strings.CutPrefix(text, prefix+pair+"-")
	if !ours {
		return Name{}, false
	}
	rest, sealed := strings.CutSuffix(rest, sealedSuffix)
	rest, ours = strings.CutSuffix(rest, suffix)
	made, host, parts := strings.Cut(rest, "-")
	at, err := time.Parse(stamp, made)
	n := Name{Pair: pair, Made: at, Host: host, Sealed: sealed}
	return n, ours && parts && err == nil && bus.ValidName(host) && n.String() == text
}
