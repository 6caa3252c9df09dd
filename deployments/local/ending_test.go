package local

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_D10_SaysWhatItsEndWaitsFor: after Ctrl-C nothing was heard for as long as the load read everything back.
func TestFault_D10_SaysWhatItsEndWaitsFor(t *testing.T) {
	g := tree(t, `trap 'i=1; while [ $i -lt 30 ]; do echo "reading back ids: $i of 30"; i=$((i+1)); sleep 0.1; done; exit 0' TERM; echo up; while :; do sleep 0.05; done`)
	shown := &processtest.Output{}
	c := &Cluster{screen: &screen{to: shown}, groups: map[string]*group{load: g}}
	began, ended := time.Now(), make(chan error, 1)
	go func() { ended <- c.stopTelling(t.Context(), load, stopPatience) }()
	eventually(t, func() bool { return strings.Contains(shown.String(), "stopping the load") })
	if took := time.Since(began); took > time.Second {
		t.Errorf("it says what it waits for after %s", took)
	}
	eventually(t, func() bool { return strings.Contains(shown.String(), "load: reading back ids: ") })
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFault_D10_KeepsTheLogsThatAnErrorNames: they stood in a temporary directory, which was removed with the error.
func TestFault_D10_KeepsTheLogsThatAnErrorNames(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, logs := range []bool{true, false} {
		d, err := claim("")
		if err != nil {
			t.Fatal(err)
		}
		if logs {
			if err := os.WriteFile(d.join("load.log"), []byte("verdict: bad\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if d.keep() != logs {
			t.Errorf("with logs %t: not so", logs)
		}
		if err := d.release(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.path); (err == nil) != logs {
			t.Errorf("with logs %t: %v", logs, err)
		}
	}
}
