//go:build linux

package fence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/commands"
)

// On a full disk nothing is handed out that can't be written down, and the agent goes on; with room again the same taking is still the first. What
// was handed out before stays so, and what an agent that ended had handed out is told to be unknown once that can be written.
func TestFence_FullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: to mount a small disk needs root")
	}
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprintf("made %t", made), func(t *testing.T) { fullDisk(t, made) })
	}
}

func fullDisk(t *testing.T, made bool) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size=1m"); err != nil {
		t.Skipf("SKIPPED, NOTHING OF THIS WAS TRIED: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	p := &pair{says: commands.First.String()}
	f, became := opened(t, dir, p)
	if made {
		if code, said := step(t, f, 1, "a", false); code != bus.CodeOK {
			t.Fatalf("%d %s", code, said)
		}
	}
	filler := filepath.Join(dir, "filler")
	file, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	refused := uint64(0)
	for n := uint64(2); refused == 0 && n < 4000; n++ { // some have room in the file's own pages
		switch code, said := step(t, f, n, "a", false); {
		case code == bus.CodeFull && strings.Contains(said, "no room on the disk"):
			refused = n
		case code != bus.CodeOK && code != bus.CodeBusy:
			t.Fatalf("%d: %d %s", n, code, said)
		case code == bus.CodeOK:
			if code, said := step(t, f, n, "a", true); code != bus.CodeOK && code != bus.CodeFull {
				t.Fatalf("%d is done: %d %s", n, code, said)
			}
		}
	}
	if refused == 0 {
		t.Fatal("the disk has room without end")
	}
	if code, said := step(t, f, refused, "b", false); code != bus.CodeFull {
		t.Errorf("once more: %d %s", code, said)
	}
	if made { // it ends, and is started while the disk is full
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f, became = opened(t, dir, p)
		if err := f.recover(); err != nil {
			t.Fatal(err)
		}
		if code, said := step(t, f, 1, "a", false); code != bus.CodeConflict {
			t.Errorf("what was handed out before: %d %s", code, said)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := f.leave(); err != nil {
		t.Fatal(err)
	}
	if made && (len(*became) == 0 || f.State("p/1/1/1") != string(Unknown)) {
		t.Errorf("%+v, and the first is %s", *became, f.State("p/1/1/1"))
	}
	before := len(p.asked)
	if code, said := step(t, f, refused, "a", false); code != bus.CodeOK {
		t.Errorf("with room again: %d %s", code, said)
	}
	if made {
		return // another run, another token
	}
	if last := p.asked[len(p.asked)-1]; last != p.asked[before-1] {
		t.Errorf("it asked as %+v, and as %+v before", last, p.asked[before-1])
	}
}
