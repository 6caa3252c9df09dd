package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/updater/archive"
)

// beside runs processes of the binary beside a cluster, each until the test stops it.
type beside struct {
	*cluster
	cmd *exec.Cmd
	out processtest.Output
}

func (c *cluster) beside(env map[string]string, args ...string) *beside {
	c.Helper()
	b := &beside{cluster: c, cmd: exec.Command(binary, args...)}
	for name, value := range env {
		b.cmd.Env = append(b.cmd.Env, name+"="+value)
	}
	b.cmd.Stderr = &b.out
	if err := b.cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(b.stop)
	return b
}

// stop ends it by SIGTERM and waits.
func (b *beside) stop() {
	if b.cmd.ProcessState == nil {
		_ = b.cmd.Process.Signal(syscall.SIGTERM)
		_ = b.cmd.Wait()
		if b.Failed() {
			b.Logf("%v:\n%s", b.cmd.Args, b.out.String())
		}
	}
}

// TestFault_A14_RestoredCopy: a backup that was restored on spare machines, with the secrets of the pair and an empty witness, kept
// the pair id and leapt over every epoch, so all terminals followed it and refused the living pair for good. It does
// nothing outward now until somebody has said what it is to be; each of the two ways is played, and the way back at a terminal.
func TestFault_A14_RestoredCopy(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_LEASE=1s")
	c.awaitPaired()
	env := c.File().Hosts[local.HostA].StartFile.Env
	secret := env["HOTPAIR_PAIR_SECRET"]
	free := make([]string, 9)
	for i := range free {
		free[i] = processtest.Address(t)
	}

	// A third terminal has an agent of its own.
	till := map[string]string{"HOTPAIR_TERMINAL_ID": "till", "HOTPAIR_TERMINAL_LISTEN": free[0], "HOTPAIR_TERMINAL_APPS": free[8], "HOTPAIR_DATA": filepath.Join(t.TempDir(), "till"),
		"HOTPAIR_TERMINAL_KEY": config.TerminalKey(secret, "till")}
	c.certify(till, identity.Terminal("", "till"))
	agent := c.beside(till, "terminal")
	if out, err := c.hotpair("terminals", "add", "till=nats://"+free[0], "--dir", c.Dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	attached := func(n int) {
		c.Helper()
		c.Await(healWithin, fmt.Sprintf("%d terminals attached to the pair", n), func() bool {
			_, s := c.active()
			return s.Terminals.Attached == n
		})
	}
	attached(3)
	c.eachKey("kept", 5, func(nc *nats.Conn, key string) error {
		_, err := ask(nc, "request.kv.put", []byte(fmt.Sprintf(`{"key":%q,"value":"x"}`, key)))
		return err
	})
	file := filepath.Join(t.TempDir(), "pair.backup")
	if out, err := c.hotpair("backup", file, "--dir", c.Dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	// spare is a host with everything of host a's but its place.
	spare := func(witness string) (map[string]string, func() (operator.Status, error)) {
		e := maps.Clone(env)
		e["HOTPAIR_DATA"] = filepath.Join(t.TempDir(), "data")
		// Nobody restores what the pair may not have made, unless he says so.
		other := exec.Command(binary, "restore", file, "--data", e["HOTPAIR_DATA"], "--name", "a")
		other.Env = append(os.Environ(), "HOTPAIR_PAIR_SECRET=70f1d29e6b8c4a35")
		if out, err := other.CombinedOutput(); err == nil || !strings.Contains(string(out), "made with key") {
			t.Fatalf("restored without a proof: %v\n%s", err, out)
		}
		if out, err := c.hotpair("restore", file, "--dir", c.Dir, "--data", e["HOTPAIR_DATA"], "--name", "a"); err != nil || !strings.Contains(out, "restore finish") {
			t.Fatalf("%v\n%s", err, out)
		}
		_, e["HOTPAIR_BUS_PORT"], _ = strings.Cut(free[1], ":")
		e["HOTPAIR_LINK"], e["HOTPAIR_REPLICATION"], e["HOTPAIR_HTTP"] = free[2], free[3], free[4]
		if witness != "" {
			e["HOTPAIR_WITNESS"], e["HOTPAIR_PEER_LINK"], e["HOTPAIR_PEER_REPLICATION"] = witness, free[6], free[7]
		}
		return e, func() (operator.Status, error) {
			ctx, cancel := context.WithTimeout(t.Context(), healWithin)
			defer cancel()
			return operator.CallStatus.Ask(ctx, operator.NewClient(socketIn(e["HOTPAIR_DATA"])), operator.None{})
		}
	}
	force := func(status func() (operator.Status, error), data string) (s operator.Status) {
		c.Helper()
		said := ""
		c.Await(healWithin, "forced promotion", func() bool {
			for _, loss := range []string{"unknown", "0"} {
				cmd := exec.Command(binary, "promote", "--force", "--accept-loss", loss, "--http", socketIn(data))
				cmd.Env = append(os.Environ(), "HOTPAIR_DATA="+data)
				out, err := cmd.CombinedOutput()
				if said = string(out); err == nil {
					break
				}
			}
			var err error
			s, err = status()
			if err != nil || !s.Serves() {
				t.Log(said)
			}
			return err == nil && s.Serves()
		})
		return s
	}

	// Unfinished, and set to the pair's own witness and hosts: nothing reaches them.
	e, status := spare("")
	host := c.beside(e, "supervisor")
	var s operator.Status
	c.Await(healWithin, "the restored host to say why it waits", func() bool {
		var err error
		s, err = status()
		return err == nil && s.Processes["updater"].State == "ready" && len(s.Alarms) > 0
	})
	if s.Restored == nil || s.Level != "bad" || !strings.Contains(s.Sentence, "hotpair restore finish") || s.Alarms[0].ID != "restored" {
		t.Errorf("it says %q, %+v, alarms %+v", s.Sentence, s.Restored, s.Alarms)
	}
	if len(s.Processes) != 2 || s.Terminals != (operator.Terminals{}) || s.Witness.Reachable || s.Peer.HeardMS != -1 {
		t.Errorf("outward it has %+v, %+v, %+v, %+v", s.Processes, s.Terminals, s.Witness, s.Peer)
	}
	cmd := exec.Command(binary, "promote", "--force", "--accept-loss", "unknown", "--http", socketIn(e["HOTPAIR_DATA"]))
	cmd.Env = append(os.Environ(), "HOTPAIR_DATA="+e["HOTPAIR_DATA"])
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(strings.Join(strings.Fields(string(out)), " "), "hotpair restore finish") {
		t.Errorf("it is promoted: %v\n%s", err, out)
	}
	if out, err := c.hotpair("restore", "finish", "--as-copy", "--data", e["HOTPAIR_DATA"], "--name", "a"); err == nil || !strings.Contains(out, "stop the host") {
		t.Errorf("it is finished while it runs: %v\n%s", err, out)
	}
	host.stop()
	active, before := c.active()
	if active == "" || before.Terminals.Attached != 3 || len(before.InSync) != 2 {
		t.Fatalf("the pair has %+v", before)
	}

	// A copy is another pair: with what proves hosts of the one that it was copied from it does not start.
	if out, err := c.hotpair("restore", "finish", "--as-copy", "--data", e["HOTPAIR_DATA"], "--name", "a"); err != nil || !strings.Contains(out, "a certificate of "+c.root().Pair()) {
		t.Fatalf("%v\n%s", err, out)
	}
	refused := func(sentence string) {
		c.Helper()
		host := c.beside(e, "supervisor")
		c.Await(healWithin, "the copy to say "+sentence, func() bool { return strings.Contains(host.out.String(), sentence) })
		if s, err := status(); err == nil {
			t.Errorf("it runs: %+v", s)
		}
		host.stop()
		if said := host.out.String(); !strings.Contains(said, archive.ErrCopied.Error()) || strings.Contains(said, "main runs") || strings.Contains(said, "updater is ready") {
			t.Errorf("it says:\n%s", said)
		}
	}
	refused("HOTPAIR_TLS_CERT: " + e["HOTPAIR_TLS_CERT"] + " is of pair " + c.root().Pair())
	others, err := authority.New("copied", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.certifyBy(others, e, identity.Host("", "a"))
	refused("HOTPAIR_PAIR_SECRET is that of pair " + before.PairID)
	e["HOTPAIR_PAIR_SECRET"] = "1f9e07c35a6b42d8"
	damaged := maps.Clone(e)
	damaged["HOTPAIR_TLS_KEY"] = filepath.Join(t.TempDir(), "nowhere") // the files of the old pair that it has used are no help
	host = c.beside(damaged, "supervisor")
	c.Await(healWithin, "the copy to miss its key", func() bool { return strings.Contains(host.out.String(), "HOTPAIR_TLS_KEY") })
	host.stop()
	if said := host.out.String(); strings.Contains(said, archive.ErrCopied.Error()) || strings.Contains(said, "main runs") {
		t.Errorf("without a key it says:\n%s", said)
	}

	// Nor does it dial any of the terminals, whatever HOTPAIR_TERMINALS says.
	arbiter := map[string]string{"HOTPAIR_WITNESS_LISTEN": free[5], "HOTPAIR_PAIR_SECRET": e["HOTPAIR_PAIR_SECRET"], "HOTPAIR_DATA": filepath.Join(t.TempDir(), "witness")}
	c.certifyBy(others, arbiter, identity.Witness(""))
	witness := c.beside(arbiter, "witness")
	e["HOTPAIR_WITNESS"], e["HOTPAIR_PEER_LINK"], e["HOTPAIR_PEER_REPLICATION"] = free[5], free[6], free[7]
	host = c.beside(e, "supervisor")
	s = force(status, e["HOTPAIR_DATA"])
	if s.PairID == before.PairID || s.Terminals != (operator.Terminals{}) || s.Restored != nil {
		t.Errorf("the copy is of pair %s with terminals %+v", s.PairID, s.Terminals)
	}
	host.stop()
	witness.stop()
	attached(3)
	if _, now := c.active(); now.Epoch != before.Epoch {
		t.Errorf("the pair went from epoch %d to %d", before.Epoch, now.Epoch)
	}

	// What takes the pair's place has its terminals, although the pair is alive: they follow the higher epoch.
	arbiter["HOTPAIR_DATA"], arbiter["HOTPAIR_PAIR_SECRET"] = filepath.Join(t.TempDir(), "witness"), secret
	c.certify(arbiter, identity.Witness(""))
	c.beside(arbiter, "witness")
	e, status = spare(free[5])
	if out, err := c.hotpair("restore", "finish", "--replaces", "--data", e["HOTPAIR_DATA"], "--name", "a"); err == nil || !strings.Contains(out, "is lost with") {
		t.Errorf("finished without a word: %v\n%s", err, out)
	}
	if out, err := c.hotpair("restore", "finish", "--replaces", "--accept-loss-after", c.positionOf(file), "--data", e["HOTPAIR_DATA"], "--name", "a"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	host = c.beside(e, "supervisor")
	force(status, e["HOTPAIR_DATA"])
	c.Await(healWithin, "terminals at what takes the pair's place", func() bool {
		var err error
		s, err = status()
		return err == nil && s.Terminals.Attached == 3
	})
	if s.PairID != before.PairID {
		t.Errorf("it is of pair %s", s.PairID)
	}
	host.stop()

	// At the terminal, a person takes that back.
	agent.stop()
	if out, err := c.hotpair("terminal", "readmit", "--data", till["HOTPAIR_DATA"], "--epoch", fmt.Sprint(s.Epoch)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.beside(till, "terminal")
	c.Await(healWithin, "an answer of the pair at that terminal", func() bool {
		nc, err := nats.Connect("nats://" + free[8])
		if err != nil {
			return false
		}
		defer nc.Close()
		_, err = ask(nc, "request.kv.put", []byte(`{"key":"again","value":"served"}`))
		return err == nil
	})
}

// socketIn is where a host with this data directory takes its operators' calls.
func socketIn(data string) string {
	return operator.SocketURL + operator.SocketIn(data, "")
}
