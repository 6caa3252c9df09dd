package bus

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// headerPrefix is the prefix of all headers of hotpair, compared without case.
const headerPrefix = "hotpair-"

// StrayHeader says what is wrong with a message's hotpair headers, of which each in taken may be set once; "" when they
// are correct. A header in another case would be ignored, and a request with an id would be executed as if it had none.
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
