package processtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Address gives an address of loopback that nobody listens on, for what is started later or again. Its port is none that the
// kernel hands out: such a one can be somebody else's, an outgoing connection's for instance, before it is listened on.
func Address(t testing.TB) string {
	t.Helper()
	const lowest, highest, attempts = 10000, 32000, 100
	var err error
	for range attempts {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatalf("no free port: %v", err)
	return ""
}
