package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestDev_SaysWhatIsWrongAndKeepsTheOldOne: a service that ends at once is told with its last words, and runs as soon as it is fixed; what
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
	r.awaitShown("service.py has changed: restarted till on both hosts")
	r.session("> add {\"name\":\"a\"}\n{\"count\":1}\n> status\nhost a is … till ready\nhost b is … till ready\n> nothing {}\n404 … nothing\n> add {\n" +
		"the body is not JSON: line 1, column 1\n> list\ntill.add\ntill.look\n")

	// What has changed is shown at once.
	save(strings.Replace(good, "if __name__", "@service.query\ndef more(tx, q):\n    return {}\n\n\nif __name__", 1))
	r.awaitShown("service.py has changed: restarted till on both hosts")
	r.session("> list\ntill.add\ntill.look\ntill.more\n")

	save(good + "\ndef half(\n")
	r.awaitShown("service.py has changed, but the old program keeps running: build failed")
	r.awaitShown("SyntaxError")
	r.session("> add {\"name\":\"a\"}\n{\"count\":2}\n")

	// However often a file is saved, that is no failure of the service: nothing is given up, and nobody takes over.
	before := restarts(t, filepath.Join(filepath.Dir(r.folder), "pairtill"), "business.till")
	for n := range 3 {
		save(good + "# " + strconv.Itoa(n) + "\n")
		r.awaitShown("service.py has changed: restarted till on both hosts")
	}
	r.session("> status\nhost a is active, paired; till ready\nhost b is standby, paired; till ready\n")
	if after := restarts(t, filepath.Join(filepath.Dir(r.folder), "pairtill"), "business.till"); after != before {
		t.Errorf("%d restarts count as failures", after-before)
	}

	// What is wrong is said with its reason, and the next change is tried at once, whatever is still waited for.
	for _, wrong := range []struct{ with, said string }{
		// After ten seconds its host waits for it no longer, and dev does: on a slow machine that is said before.
		{"service.rum()", "has no attribute 'rum'"},
		{"pass", "exited with code 0 on its own"},
		{"service.name = 'bill'; service.run()", `the host started this program as "till", but it is bill`},
		{"import time; time.sleep(1000)", "till is not ready on host b yet: "},
	} {
		save(strings.Replace(good, "service.run()", wrong.with, 1))
		r.awaitShown(wrong.said)
		save(good)
		r.awaitShown("service.py has changed: restarted till on both hosts")
	}
	save("import time\nopen('building', 'w').close()\ntime.sleep(1000)\n") // a build that does not end
	r.commands("$ until [ -e building ]; do sleep 0.05; done\n")
	save(good)
	r.awaitShown("service.py has changed: restarted till on both hosts")

	// Another one on its ports is refused before anything is started.
	second := exec.Command(binary, "dev", "--port", strconv.Itoa(r.port))
	second.Dir, second.Env = r.folder, r.environ
	save(good)
	r.awaitShown("service.py has changed: restarted till on both hosts")
	if said, err := second.CombinedOutput(); err == nil || !strings.Contains(string(said), "a cluster already runs on port "+strconv.Itoa(r.port)) {
		t.Errorf("%v %s", err, said)
	}
	if err := r.dev.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.ended()
}

// restarts counts those of a process on both hosts of a cluster that count as failures.
func restarts(t *testing.T, dir, process string) (n int) {
	t.Helper()
	file, err := local.ReadFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range file.Hosts {
		s, err := host.Client().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += s.Processes[process].Restarts
	}
	return n
}
