package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestDev_SaysWhatIsWrongAndKeepsTheOldOne: a service that ends at once is told with its last words, and runs as soon as it is mended; what
// can't be built changes nothing. A signal ends all.
func TestDev_SaysWhatIsWrongAndKeepsTheOldOne(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a pair")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("SKIPPED: there is no python3 here, so a service that fails was not tried")
	}
	sideBySide(t)
	r := &reader{t: t, folder: t.TempDir(), bin: t.TempDir(), port: processtest.Ports(t, 100)}
	r.install()
	t.Cleanup(r.end)
	r.commands("$ hotpair service new till --lang python\n$ cd till\n")
	service := filepath.Join(r.folder, "service.py")
	text, err := os.ReadFile(service)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(service, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	save(strings.Replace(good, "service.run()", `raise SystemExit("there is no drawer")`, 1))
	r.start()
	r.awaitShown("till is not ready on host … there is no drawer")
	r.awaitShown("ready: the pair, but not till yet: ")

	save(good)
	r.awaitShown("service.py has changed: till is started again on both hosts")
	r.session("> add {\"name\":\"a\"}\n{\"count\":1}\n> status\nhost a is … till ready\nhost b is … till ready\n> nothing {}\n404 … nothing\n> add {\n" +
		"the body is no JSON: line 1, column 1\n> list\ntill.add\ntill.look\n")

	save(good + "\ndef half(\n")
	r.awaitShown("service.py has changed, but the old program goes on: build failed")
	r.awaitShown("SyntaxError")
	r.session("> add {\"name\":\"a\"}\n{\"count\":2}\n")

	// Another one on its ports is refused before anything is started.
	second := exec.Command(binary, "dev", "--port", strconv.Itoa(r.port))
	second.Dir, second.Env = r.folder, r.environ
	save(good)
	r.awaitShown("service.py has changed: till is started again on both hosts")
	if said, err := second.CombinedOutput(); err == nil || !strings.Contains(string(said), "a cluster runs already on port "+strconv.Itoa(r.port)) {
		t.Errorf("%v %s", err, said)
	}
	if err := r.dev.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.ended()
}
