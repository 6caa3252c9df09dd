package processtest

import (
	"errors"
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
	return fmt.Sprintf("127.0.0.1:%d", Ports(t, 1))
}

// Ports gives the first of so many ports in a row, each as that of Address is.
func Ports(t testing.TB, count uint32) (first int) {
	t.Helper()
	err := errors.New("more ports requested than exist")
	for range 100 {
		at := (given.Add(count) - count) % (highest - lowest)
		if at+count > highest-lowest {
			continue
		}
		if err = free(lowest+int(at), int(count)); err == nil {
			return lowest + int(at)
		}
	}
	t.Fatalf("no free ports: %v", err)
	return 0
}

// free is nil when nobody listens on these ports.
func free(first, count int) error {
	for port := first; port < first+count; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
	}
	return nil
}
