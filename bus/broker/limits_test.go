package broker

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// TestFault_A13_WhoDoesNotReadIsClosed: no test had come to what a server holds for a connection that does not read. At the bound it is closed, and
// not before; memory stays within it, and who writes to it is slowed, not stopped.
func TestFault_A13_WhoDoesNotReadIsClosed(t *testing.T) {
	const bound, piece, pieces = 64 << 20, 1 << 20, 160
	users := NewUsers()
	users.Allow("u", Grant{Password: "p"})
	s := startServer(t, users)
	deaf, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := fmt.Fprint(deaf, "CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"p\"}\r\nSUB x 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	greeting := make([]byte, 0, 4096)
	for one := make([]byte, 1); !bytes.HasSuffix(greeting, []byte("PONG\r\n")); greeting = append(greeting, one[0]) {
		if _, err := io.ReadFull(deaf, one); err != nil {
			t.Fatalf("%v behind %q", err, greeting)
		}
	}
	talks := connect(t, s, bus.ConnConfig{User: "u", Password: "p"})
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	for range pieces {
		if err := talks.Publish("x", make([]byte, piece)); err != nil {
			t.Fatal(err)
		}
		if err := talks.Flush(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapInuse)
	}
	if grown := most - before.HeapInuse; grown < bound*3/4 || grown > bound*3 {
		t.Errorf("the heap grew by %d MiB, the bound is %d MiB", grown>>20, bound>>20)
	}
	_ = deaf.SetReadDeadline(time.Now().Add(20 * time.Second))
	if read, err := io.Copy(io.Discard, deaf); err != nil || read >= bound {
		t.Errorf("%d MiB come when it reads, and then %v: it is to be closed", read>>20, err)
	}
}
