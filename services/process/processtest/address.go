package processtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// Ports that the kernel hands out to nobody by itself lie between these.
const lowest, highest = 10000, 32000

// given is how many were given, from a random one on: what is all of this process's must be counted in one place.
var given = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(highest - lowest))
	return n
}()

// Address gives an address of loopback that nobody listens on, for what is started later or again; never one twice. Its port is none
// that the kernel hands out: such a one can be somebody else's, an outgoing connection's for instance, before it is listened on.
func Address(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+given.Add(1)%(highest-lowest))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatalf("no free port: %v", err)
	return ""
}
