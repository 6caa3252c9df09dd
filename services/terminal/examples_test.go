package terminal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/requestid"
)

// TestExamples_SellOverHTTP runs the examples in each language: one whose first try has no answer sends the same again, and one that is
// refused says why.
func TestExamples_SellOverHTTP(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sell")
	if out, err := exec.Command("go", "build", "-o", binary, "./examples/sell").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, argv := range map[string][]string{
		"curl": {"sh", "examples/sell.sh"}, "Python": {"python3", "examples/sell.py"}, "Node": {"node", "examples/sell.mjs"}, "Go": {binary},
	} {
		t.Run(name, func(t *testing.T) {
			needed := argv[0]
			if name == "curl" {
				needed = name
			}
			if _, err := exec.LookPath(needed); err != nil {
				t.Skipf("SKIPPED: there is no %s here, so its example was not tried", needed)
			}
			a, url := withHTTP(t, nil)
			var mu sync.Mutex
			var asked []bus.Request
			newHost(t, a, "a").attach(1, 1, func(q bus.Request, answer func(bus.Reply)) {
				mu.Lock()
				asked = append(asked, q)
				n := len(asked)
				mu.Unlock()
				switch {
				case strings.Contains(string(q.Body), `"B2"`):
					answer(bus.Reply{Code: bus.CodeConflict, Message: "seat B2 is sold"})
				case n > 1:
					answer(bus.Reply{Body: []byte(`{"seat":"A1","state":"sold","customer":"ann"}`)})
				}
			})
			run := func(seat string) (out, said string, err error) {
				var stdout, stderr strings.Builder
				c := exec.Command(argv[0], append(argv[1:], url, seat, "ann")...)
				c.Env = append(os.Environ(), "DEADLINE=500ms", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
				c.Stdout, c.Stderr = &stdout, &stderr
				err = c.Run()
				return stdout.String(), stderr.String(), err
			}
			out, said, err := run("A1")
			if err != nil || !strings.Contains(out, "sold") || said != "" {
				t.Fatalf("%v: %s%s", err, out, said)
			}
			if len(asked) != 2 || asked[0].ID.App == "" || asked[0].ID != asked[1].ID || string(asked[0].Body) != string(asked[1].Body) || asked[0].Service+"."+asked[0].Operation != "tickets.sell" {
				t.Errorf("asked %+v", asked)
			}
			if _, err := requestid.Issued(asked[0].ID.App); err != nil {
				t.Error(err)
			}
			if out, said, err := run("B2"); err == nil || out != "" || !strings.Contains(said, "seat B2 is sold") || len(asked) != 3 {
				t.Errorf("%v: %s%s, asked %d times", err, out, said, len(asked))
			}
		})
	}
}
