package terminal

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// helperURL makes this test binary the process of a host that attaches to an agent and then does nothing.
const helperURL = "HOTPAIR_TEST_HOST_URL"

func TestHelperHost(t *testing.T) {
	url := os.Getenv(helperURL)
	if url == "" {
		return // only a child of TestAgent_KnowsAtOnceThatAHostWasKilled has work here
	}
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: "x", URL: url, User: bus.AgentUser, Password: "key"})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, name: "x", conn: conn, base: 1}
	if got := h.attach(1, 1, func(bus.Request, func(bus.Reply)) {}); !got.OK {
		t.Fatalf("%+v", got)
	}
	os.Stdout.WriteString("attached\n")
	select {}
}

// A host that is killed with SIGKILL has no time to say so; its terminals know it all the same, and tell the other host.
func TestAgent_KnowsAtOnceThatAHostWasKilled(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	y := newHost(t, a, "y")
	pushed, err := y.conn.SubscribeSync(bus.SubjectAgentChanged)
	if err != nil {
		t.Fatal(err)
	}
	if err := y.conn.Flush(); err != nil { // what another connection does next comes after it
		t.Fatal(err)
	}
	x := exec.Command(os.Args[0], "-test.run=^TestHelperHost$")
	x.Env = append(os.Environ(), helperURL+"="+a.URL())
	out, err := x.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Process.Kill(); _ = x.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "attached\n" {
		t.Fatalf("helper says %q, %v", line, err)
	}
	var change bus.AgentChange
	m, err := pushed.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if _ = bus.DecodeJSON(m.Data, &change); !change.Fresh {
		t.Fatalf("pushed %+v", change)
	}
	if err := x.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if m, err = pushed.NextMsg(patience); err != nil { // silence would tell it after minutes
		t.Fatal(err)
	}
	if _ = bus.DecodeJSON(m.Data, &change); change.Fresh {
		t.Errorf("pushed %+v", change)
	}
}
