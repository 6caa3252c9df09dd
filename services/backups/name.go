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
	// sealedSuffix follows the name of one that is encrypted.
	sealedSuffix = ".age"
	// stamp is when it was begun, in UTC: names in the order of letters are in the order of time.
	stamp = "20060102T150405.000Z"
)

// Name is what a backup is called: hotpair-PAIR-20260102T030405.000Z-b.backup, with .age behind it where it is encrypted.
type Name struct {
	Pair   string
	Made   time.Time
	Host   string
	Sealed bool
}

// String gives the name.
func (n Name) String() string {
	text := prefix + n.Pair + "-" + n.Made.UTC().Format(stamp) + "-" + n.Host + suffix
	if n.Sealed {
		text += sealedSuffix
	}
	return text
}

// Check refuses what would be no name: of a pair that nobody knows yet, or whose id is not one of ours.
func (n Name) Check() error {
	if again, ok := Parse(n.Pair, n.String()); !ok || again.Host != n.Host {
		return fmt.Errorf("%w: the pair id %q and the host %q make no name of a backup", bus.ErrRefused, n.Pair, n.Host)
	}
	return nil
}

// Parse reads the name of a backup of a pair. false: it is none that this pair has made.
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
