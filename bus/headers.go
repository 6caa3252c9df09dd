package bus

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// headerPrefix is what all headers of ours begin with, in any letters.
const headerPrefix = "hotpair-"

// StrayHeader says what is wrong with the headers of a message of which some of ours may stand there, each once; "" if nothing is.
// One in other letters would pass unseen, and a request under an id would be done as if it had none.
func StrayHeader(h nats.Header, taken ...string) string {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if len(name) < len(headerPrefix) || !strings.EqualFold(name[:len(headerPrefix)], headerPrefix) {
			continue
		}
		like := slices.IndexFunc(taken, func(t string) bool { return strings.EqualFold(t, name) })
		switch {
		case like >= 0 && taken[like] != name:
			return fmt.Sprintf("unknown header %.80q: write it as %s, in exactly these letters", name, taken[like])
		case like < 0:
			return fmt.Sprintf("unknown header %.80q: remove it, or use one of %s", name, strings.Join(taken, ", "))
		case len(h[name]) > 1:
			return fmt.Sprintf("the header %s is set %d times: set it once", name, len(h[name]))
		}
	}
	return ""
}
