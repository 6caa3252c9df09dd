package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/durable"
)

// hintName is the name of the hint in the journal's directory.
const hintName = "stream.json"

// hint is what the directory remembers of its stream, beside it: how far it had got. It can show that a stream ends too early,
// and nothing else. What can't be read, or is of another stream, shows nothing: the journal itself is judged then.
type hint struct {
	Created time.Time `json:"created"`
	Last    uint64    `json:"last"`
	// Sum is the checksum of the other two: half a hint, or an edited one, is none.
	Sum string `json:"crc64"`
}

func (h hint) sum() string {
	text := fmt.Sprintf("%s %d", h.Created.UTC().Format(time.RFC3339Nano), h.Last)
	return fmt.Sprintf("%016x", crc64.Checksum([]byte(text), sumTable))
}

// hints keeps the hint of a directory.
type hints struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	there  hint
	failed bool // a write has failed; it is not tried again
}

func newHints(dir string, log *slog.Logger) *hints {
	return &hints{path: filepath.Join(dir, hintName), log: log}
}

// read gives the hint; known is false when there is none, or nothing that was written as one.
func (h *hints) read() (there hint, known bool) {
	raw, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return hint{}, false
	}
	if err == nil {
		err = json.Unmarshal(raw, &there)
	}
	if err == nil && there.Sum != there.sum() {
		err = errors.New("its checksum is wrong")
	}
	if err != nil {
		h.log.Warn("the hint of the journal's end can't be read; the journal itself is read", "file", h.path, "error", err)
		return hint{}, false
	}
	return there, true
}

// write replaces the hint by a later one. A failure costs what the next start might have noticed, and nothing else.
func (h *hints) write(next hint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed || next.Created.Equal(h.there.Created) && next.Last <= h.there.Last {
		return
	}
	next.Sum = next.sum()
	raw, err := json.Marshal(next)
	if err == nil {
		err = durable.Write(h.path, raw)
	}
	if err != nil {
		h.failed = true
		h.log.Warn("the hint of the journal's end can't be written; no further attempt is made", "file", h.path, "error", err)
		return
	}
	h.there = next
}

// lacking reports whether a stream that ends at last lacks what it once had. A hint of this very stream says how far it had
// got. Without one the stream itself tells: it keeps its numbers when it is purged, and whoever has been in a pair, or has a hint of
// another stream, has appended to it, so an empty one was made anew.
func lacking(there hint, known bool, created time.Time, last uint64, used bool) bool {
	if known && there.Created.Equal(created) {
		return last < there.Last
	}
	return last == 0 && (used || known && there.Last > 0)
}
