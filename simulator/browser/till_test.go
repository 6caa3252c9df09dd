package browser_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/simulator/clustertest"
)

// till is a terminal of a cluster with an agent of its own, behind a cable.
type till struct {
	*testing.T
	*cable
	HTTP string // of the agent, for its applications

	binary  string
	environ []string
	agent   *exec.Cmd
	said    processtest.Output
}

// startTill adds a terminal to the pair of a cluster, and starts its agent.
func startTill(t *testing.T, c *clustertest.Cluster, id string) *till {
	t.Helper()
	listen, web := processtest.Address(t), processtest.Address(t)
	files, err := filepath.Abs(kioskFiles)
	if err != nil {
		t.Fatal(err)
	}
	root, err := founding.OpenRoot(c.Dir, false)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := root.Rotate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), id)
	proof, err := issuer.Equip(filepath.Join(t.TempDir(), "certificate"), identity.Terminal(issuer.Pair(), id), time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a := &till{T: t, cable: lay(t, listen), HTTP: "http://" + web, binary: c.File().Binary}
	secret := c.File().Hosts[local.HostA].Env["HOTPAIR_PAIR_SECRET"]
	a.environ = append(os.Environ(), "HOTPAIR_DATA="+data, "HOTPAIR_TERMINAL_ID="+id, "HOTPAIR_TERMINAL_KEY="+config.TerminalKey(secret, id), "HOTPAIR_TERMINAL_LISTEN="+listen,
		"HOTPAIR_TERMINAL_APPS="+processtest.Address(t), "HOTPAIR_TERMINAL_HTTP="+web, "HOTPAIR_TERMINAL_FILES="+files,
		"HOTPAIR_TLS_CERT="+proof.Certificate, "HOTPAIR_TLS_KEY="+proof.Key, "HOTPAIR_TLS_CA="+proof.Roots)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("agent of %s:\n%s", id, a.said.String())
		}
	})
	if out, err := exec.CommandContext(t.Context(), a.binary, "terminals", "add", id+"=nats://"+a.Address, "--dir", c.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a.start()
	return a
}

// start starts the agent.
func (a *till) start() {
	a.Helper()
	a.agent = exec.Command(a.binary, "terminal")
	a.agent.Env, a.agent.Stdout, a.agent.Stderr = a.environ, &a.said, &a.said
	if err := a.agent.Start(); err != nil {
		a.Fatal(err)
	}
	agent := a.agent
	a.Cleanup(func() {
		_ = agent.Process.Kill() // it has ended, if the test killed it
		_ = agent.Wait()
	})
	at := strings.TrimPrefix(a.HTTP, "http://")
	processtest.Await(a, "the agent's door for HTTP", func() bool {
		conn, err := net.Dial("tcp", at)
		return err == nil && conn.Close() == nil
	})
}

// freeze stops the agent as it stands: who asks it is not answered.
func (a *till) freeze() {
	a.Helper()
	if err := a.agent.Process.Signal(syscall.SIGSTOP); err != nil {
		a.Fatal(err)
	}
}

// kill ends the agent by SIGKILL.
func (a *till) kill() {
	a.Helper()
	if err := a.agent.Process.Kill(); err != nil {
		a.Fatal(err)
	}
	_ = a.agent.Wait() // killed
}
