package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestTrace_OfATakeover: with a directory set, main, updater and terminal-if of the host that takes over each leave the trace
// of it there, which the tool reads.
func TestTrace_OfATakeover(t *testing.T) {
	sideBySide(t)
	dir := filepath.Join(t.TempDir(), "traces")
	c := startCluster(t, []string{"--terminals", "2"}, leaseSetting, "HOTPAIR_TRACE_DIR="+dir)
	c.awaitPaired()
	host, before := c.mustActive()
	c.order("kill", host)
	var after operator.Status
	c.Await(healWithin, "the other host serves", func() bool {
		_, after = c.active()
		return after.Epoch > before.Epoch
	})
	for _, process := range []string{"main", "updater", "terminal-if"} {
		var found []string
		c.Await(healWithin, "trace of "+process, func() bool {
			found, _ = filepath.Glob(filepath.Join(dir, pair.Other(host)+"-"+process+"-*-epoch-2.trace"))
			return len(found) == 1
		})
		text, err := os.ReadFile(found[0])
		if err != nil || len(text) < 1<<10 || !bytes.HasPrefix(text, []byte("go 1.")) {
			t.Errorf("no trace of %s: %d bytes, %.20q, %v", process, len(text), text, err)
		}
	}
}
