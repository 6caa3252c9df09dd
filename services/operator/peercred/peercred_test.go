package peercred

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestListen_KnowsWhoConnects: also below a path that no address holds, and in the place of what a killed process left.
func TestListen_KnowsWhoConnects(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "s"), filepath.Join(long, "operator.sock")} {
		for range 2 { // the second one finds the first one's file
			l, err := Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o660 {
				t.Errorf("%v, %v", info, err)
			}
			came := make(chan net.Conn, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					came <- conn
				}
				close(came)
			}()
			conn, err := Dial(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			there := <-came
			if u, ok := Of(there); !ok || u.UID != os.Getuid() || u.PID != os.Getpid() {
				t.Errorf("%+v, %v", u, ok)
			}
			_ = conn.Close()
			_ = there.Close()
			_ = l.Close()
		}
	}
}

func TestListen_LeavesOtherFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(path); err == nil {
		t.Errorf("listens at %v", l.Addr())
	}
	if text, err := os.ReadFile(path); string(text) != "data" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestOf_AnotherConnectionIsNobody(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if u, ok := Of(a); ok {
		t.Errorf("%+v", u)
	}
}
