//go:build unix

package terminal

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/requestid"
)

// example gives how an example is started; without what it needs the test is skipped.
func example(t *testing.T, argv ...string) []string {
	t.Helper()
	needed := argv[0]
	if needed == "sh" {
		needed = "curl"
	}
	if _, err := exec.LookPath(needed); err != nil {
		t.Skipf("SKIPPED: there is no %s here, so its example was not tried", needed)
	}
	return argv
}

// built is an example in Go.
func built(t *testing.T, name string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", binary, "./examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// playing is an example that runs: its processes are one group, which is killed when the test ends.
type playing struct {
	testing.TB
	cmd       *exec.Cmd
	out, said processtest.Output
	ended     chan struct{}
	err       error // once it has ended
}

func play(t testing.TB, argv []string, args ...string) *playing {
	t.Helper()
	p := &playing{TB: t, cmd: exec.Command(argv[0], slices.Concat(argv[1:], args)...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "DEADLINE=500ms", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "TMPDIR="+t.TempDir())
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends all of it at once.
func (p *playing) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-p.ended
}

// awaits waits until it has printed something.
func (p *playing) awaits(text string) {
	p.Helper()
	processtest.Await(p, "the example prints "+text, func() bool { return strings.Contains(p.out.String(), text) })
}

// exampleWithin is how long an example may take: an interpreter starts, and tries again after pauses, on a machine that may be busy.
const exampleWithin = 2 * time.Minute

// end waits for its end.
func (p *playing) end() (out, said string, err error) {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(exampleWithin):
		p.Fatalf("the example does not end: %s%s", p.out.String(), p.said.String())
	}
	return p.out.String(), p.said.String(), p.err
}

// TestExamples_Sell runs the examples in each language: one whose first try has no answer sends the same again, and one that is
// refused says why.
func TestExamples_Sell(t *testing.T) {
	for name, argv := range map[string][]string{
		"curl": {"sh", "examples/sell.sh"}, "Python": {"python3", "examples/sell.py"}, "Node": {"node", "examples/sell.mjs"}, "Go": {built(t, "sell")},
		"NATS": {built(t, "nats"), "sell"},
	} {
		t.Run(name, func(t *testing.T) {
			argv := example(t, argv...)
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
			if name == "NATS" {
				url = a.AppURL()
			}
			run := func(seat string) (out, said string, err error) { return play(t, argv, url, seat, "ann").end() }
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

// TestExamples_QueueAndHear runs those that queue: no host is there, the example is killed and started again, and then one comes. It is done once,
// and the example hears that, and what else this terminal is told.
func TestExamples_QueueAndHear(t *testing.T) {
	for name, argv := range map[string][]string{
		"curl": {"sh", "examples/queue.sh"}, "Python": {"python3", "examples/queue.py"}, "Node": {"node", "examples/queue.mjs"}, "NATS": {built(t, "nats"), "queue"},
	} {
		t.Run(name, func(t *testing.T) {
			argv := example(t, argv...)
			a, url := withHTTP(t, nil)
			if name == "NATS" {
				url = a.AppURL()
			}
			first := play(t, argv, url, "A1", "ann", "order 17")
			first.awaits("queued: ")
			first.kill()
			again := play(t, argv, url, "A1", "ann", "order 17")
			again.awaits("queued: ")
			if n := a.queue.Count().Waiting; n != 1 {
				t.Errorf("%d requests are queued", n)
			}
			h := newHost(t, a, "a")
			let, asked := make(chan struct{}), make(chan bus.Request, 8)
			got := h.takesQueue(1, 1, 1<<17, func(q bus.Request, answer func(bus.Reply)) {
				asked <- q
				<-let
				if strings.Contains(string(q.Body), `"B2"`) {
					answer(bus.Reply{Code: bus.CodeConflict, Message: "seat B2 is sold"})
					return
				}
				answer(bus.Reply{Body: []byte(`{"seat":"A1","state":"sold","customer":"ann"}`)})
			})
			if !got.OK || got.Notices == nil {
				t.Fatalf("%+v", got)
			}
			told := &telling{host: h, session: "a-1-1", epoch: 1, cursor: *got.Notices, count: got.Notices.Marks[notices.Own].Count, service: "tickets"}
			// Told until it is heard: nobody knows when the example begins to listen.
			for tick := time.NewTicker(50 * time.Millisecond); !strings.Contains(again.out.String(), "told: "); <-tick.C {
				if told.count > 1000 {
					t.Fatalf("the example hears nothing: %s%s", again.out.String(), again.said.String())
				}
				told.tell(`{"seat":"C3","state":"sold"}`)
			}
			close(let)
			out, said, err := again.end()
			if err != nil || !strings.Contains(out, "done: ") || !strings.Contains(out, `"A1"`) || !strings.Contains(out, `"C3"`) || said != "" {
				t.Fatalf("%v: %s%s", err, out, said)
			}
			q := <-asked
			if string(q.Body) != `{"seat":"A1","customer":"ann"}` && string(q.Body) != `{"seat": "A1", "customer": "ann"}` && string(q.Body) != `{"customer":"ann","seat":"A1"}` {
				t.Errorf("asked %s", q.Body)
			}
			// The same once more gets the same outcome.
			if out, said, err := play(t, argv, url, "A1", "ann", "order 17").end(); err != nil || !strings.Contains(out, "done: ") || said != "" {
				t.Errorf("%v: %s%s", err, out, said)
			}
			if out, said, err := play(t, argv, url, "B2", "ann", "order 18").end(); err == nil || strings.Contains(out, "done: ") || !strings.Contains(said, "seat B2 is sold") {
				t.Errorf("%v: %s%s", err, out, said)
			}
			// Another sale under a key that was used is refused.
			if out, said, err := play(t, argv, url, "A3", "ann", "order 17").end(); err == nil || out != "" || said == "" {
				t.Errorf("%v: %s%s", err, out, said)
			}
			if <-asked; len(asked) > 0 {
				t.Errorf("asked %d times more", len(asked))
			}
		})
	}
}
