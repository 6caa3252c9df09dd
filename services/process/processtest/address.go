package processtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// The kernel assigns no ports between these on its own.
const lowest, highest = 10000, 32000

// given counts the assigned ports, from a random start: all of this process must be counted in one place.
var given = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(highest - lowest))
	return n
}()

// Address returns a loopback address that is not in use, for a listener that starts later or again; never the same
// twice. Its port is not one that the kernel assigns: such a port could be taken in the meantime, for instance by an
// outgoing connection.
func Address(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", Ports(t, 1))
}

// Ports returns the first of a number of consecutive ports, each like that of Address.
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

// free returns nil if these ports are not in use.
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
