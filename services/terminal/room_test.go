//go:build linux

package terminal

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/position"
)

// smallDisk is a directory on a disk of its own, of so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: to mount a small disk needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=0700,size=%d", bytes)); err != nil {
		t.Skipf("SKIPPED, NOTHING OF THIS WAS TRIED: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that a disk has, and gives what gives it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// The disk of an agent fills up and empties again. Meanwhile what is to be queued is refused in words, notices stay with the pair, and all else
// goes on; the agent does not end, whose applications would lose the other host with it. Nothing is lost that was accepted.
func TestAgent_LivesOnADiskThatFillsUpAndEmpties(t *testing.T) {
	for _, used := range []bool{true, false} {
		t.Run(fmt.Sprintf("used before %t", used), func(t *testing.T) { diskFillsUp(t, used) })
	}
}

func diskFillsUp(t *testing.T, used bool) {
	dir := smallDisk(t, 16<<20)
	a, url := withHTTP(t, func(c *Config) { c.Data = dir })
	h := tells(t, a, "a", 1)
	queue := func(n int) httpAnswer { return post(t, url+"/v1/till/sell", fmt.Sprint(n), bus.HeaderQueue, "yes") }
	accepted, heard := 0, 0
	if used {
		for accepted < 20 {
			if got := queue(accepted); got.status != http.StatusAccepted {
				t.Fatalf("%+v", got)
			}
			accepted++
		}
		h.tell(`{"n":1}`)
		heard++
	}
	empty := fill(t, dir)
	large := `"` + strings.Repeat("x", 900<<10) + `"`
	full := 0
	for full < 3 {
		switch got := post(t, url+"/v1/till/sell", large, bus.HeaderQueue, "yes"); got.status {
		case http.StatusAccepted: // while there is room that was taken ahead
			accepted++
		default:
			wantProblem(t, got, http.StatusInsufficientStorage, "nothing")
			if !strings.Contains(got.body, "no room on the disk") {
				t.Errorf("%s", got.body)
			}
			full++
		}
	}
	for range 3 {
		answer := h.batch(h.next(large))
		if !strings.Contains(answer.Why, "no room on the disk") || answer.Cursor == nil {
			t.Fatalf("a notice that there is no room for: %+v", answer)
		}
		h.cursor, h.count, h.serial, h.began = *answer.Cursor, answer.Cursor.Marks[notices.Own].Count, 0, false // as a host goes on
	}
	began := time.Now()
	processtest.Await(t, "receipts to be written twice", func() bool {
		if got := post(t, url+"/v1/till/sell", "1"); got.status != http.StatusOK || got.body != `"done"` {
			t.Fatalf("who is not queued: %+v", got)
		}
		return time.Since(began) > 5*time.Second/2
	})
	a.stop() // it can be started while the disk is full
	a, url = withHTTP(t, func(c *Config) { c.Data = dir })
	before := a.inbox.Last() // numbers that may have been given are left out where there is no file
	if c := a.queue.Count(); c.Waiting != accepted || used && before != uint64(heard) {
		t.Errorf("after a start %+v and %d notices, want %d and %d", c, before, accepted, heard)
	}
	wantProblem(t, post(t, url+"/v1/till/sell", large, bus.HeaderQueue, "yes"), http.StatusInsufficientStorage, "nothing")
	h = tells(t, a, "a", 2)
	if got := post(t, url+"/v1/till/sell", "1"); got.status != http.StatusOK {
		t.Errorf("who is not queued, after a start: %+v", got)
	}
	empty()
	if got := queue(accepted); got.status != http.StatusAccepted {
		t.Errorf("with room again: %+v", got)
	}
	accepted++
	h.tell(large, `{"n":2}`)
	if last := a.inbox.Last(); last != before+2 {
		t.Errorf("%d notices are kept, want 2 after %d", last, before)
	}
	done := newHost(t, a, "b")
	done.takesQueue(3, 1, 1<<30, func(q bus.Request, answer func(bus.Reply)) {
		answer(bus.Reply{Body: []byte(`{}`), Position: position.Position{Epoch: 3, Sequence: q.ID.Counter}})
	})
	processtest.Await(t, "all that was accepted to be done", func() bool { return a.queue.Count().Waiting == 0 })
	if c := a.queue.Count(); c.Done != accepted {
		t.Errorf("%d of %d are done: %+v", c.Done, accepted, c)
	}
}
