package witness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/arbiter/arbitertest"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/role"
)

const secret = "a secret of the pair"

// within bounds everything a test waits for.
const within = 20 * time.Second

// TestMain lets the test binary be a witness process, for tests that kill one.
func TestMain(m *testing.M) {
	data := os.Getenv("WITNESS_TEST_DATA")
	if data == "" {
		os.Exit(m.Run())
	}
	w := New(Config{
		Listen: os.Getenv("WITNESS_TEST_LISTEN"), Data: data, Secret: secret, Probe: 100 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	go func() {
		<-w.Ready()
		fmt.Println(w.Address())
	}()
	if err := w.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run starts a witness in this process and gives it with a function that stops it and says how it ended.
func run(t *testing.T, data, listen string) (*Witness, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := New(Config{Listen: listen, Data: data, Secret: secret, Probe: 50 * time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(within):
			return errors.New("the witness does not stop")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	select {
	case <-w.Ready():
	case err := <-done:
		stopped = true
		t.Fatalf("witness ended: %v", err)
	case <-time.After(within):
		t.Fatal("witness is not ready")
	}
	return w, stop
}

// connect gives a host's client of the witness at an address.
func connect(t *testing.T, address, host string) *arbiter.Client {
	t.Helper()
	c := arbiter.New(arbiter.Config{Address: address, Secret: secret, Host: host})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	waiting, waited := context.WithTimeout(ctx, within)
	defer waited()
	if err := c.Wait(waiting); err != nil {
		t.Fatal(err)
	}
	return c
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	return ctx
}

func TestWitness_KeepsARegister(t *testing.T) {
	arbitertest.Conformance(t, func(t *testing.T) (arbiter.Register, arbiter.Register) {
		w, _ := run(t, t.TempDir(), processtest.Address(t))
		return connect(t, w.Address(), "a"), connect(t, w.Address(), "b")
	})
}

func TestWitness_Restart_KeepsIdentityAndRecord(t *testing.T) {
	data := t.TempDir()
	w, stop := run(t, data, processtest.Address(t))
	c := connect(t, w.Address(), "a")
	record := arbitertest.Sample(w.ID())
	revision, err := c.Write(deadline(t), record, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again, _ := run(t, data, w.Address())
	if again.ID() != w.ID() {
		t.Errorf("identity was %s, is %s", w.ID(), again.ID())
	}
	v := readWhenBack(t, c)
	if v.Revision != revision || !v.Record.Equal(record) {
		t.Errorf("reads %+v, wrote %+v at %d", v, record, revision)
	}
}

// readWhenBack reads as soon as the client has found the witness again.
func readWhenBack(t *testing.T, c *arbiter.Client) arbiter.Value {
	t.Helper()
	ctx := deadline(t)
	for {
		if err := c.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		v, err := c.Read(ctx)
		if err == nil {
			return v
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestWitness_Replaced_IsNotWrittenTo(t *testing.T) {
	w, stop := run(t, t.TempDir(), processtest.Address(t))
	c := connect(t, w.Address(), "a")
	record := arbitertest.Sample(w.ID())
	if _, err := c.Write(deadline(t), record, 0); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	other, _ := run(t, t.TempDir(), w.Address())
	v := readWhenBack(t, c)
	if !v.Empty || v.WitnessID != other.ID() || v.WitnessID == w.ID() {
		t.Errorf("reads %+v from a new witness", v)
	}
	if _, err := c.Write(deadline(t), record, 0); !errors.Is(err, arbiter.ErrOtherWitness) {
		t.Errorf("Write = %v, want ErrOtherWitness", err)
	}
}

func TestWitness_Gone_IsUnreachable(t *testing.T) {
	w, stop := run(t, t.TempDir(), processtest.Address(t))
	c := connect(t, w.Address(), "a")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "the client notices", func() bool { return !c.Status().Reachable })
	if _, err := c.Write(deadline(t), arbitertest.Sample(w.ID()), 0); !errors.Is(err, arbiter.ErrUnreachable) || errors.Is(err, arbiter.ErrUnknown) {
		t.Errorf("Write = %v, want ErrUnreachable", err)
	}
	if s := c.Status(); s.WitnessID != w.ID() || s.Problem == "" {
		t.Errorf("Status = %+v", s)
	}
}

func TestWitness_WrongSecret_IsToldSo(t *testing.T) {
	w, _ := run(t, t.TempDir(), processtest.Address(t))
	c := arbiter.New(arbiter.Config{Address: w.Address(), Secret: "another secret of a pair", Host: "a"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	processtest.Await(t, "the client says why", func() bool { return strings.Contains(c.Status().Problem, "another pair secret") })
}

func TestWitness_DirectoryInUse_IsErrLocked(t *testing.T) {
	data := t.TempDir()
	run(t, data, processtest.Address(t))
	if err := New(Config{Listen: processtest.Address(t), Data: data, Secret: secret}).Run(deadline(t)); !errors.Is(err, ErrLocked) {
		t.Errorf("Run = %v, want ErrLocked", err)
	}
}

func TestWitness_PortInUse_IsErrListen(t *testing.T) {
	l, err := net.Listen("tcp", processtest.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = New(Config{Listen: l.Addr().String(), Data: t.TempDir(), Secret: secret}).Run(deadline(t))
	if !errors.Is(err, bus.ErrListen) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Run = %v, want ErrListen naming %s", err, l.Addr())
	}
}

func TestWitness_ForeignDirectory_IsErrForeign(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "hotpair.db"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := New(Config{Listen: processtest.Address(t), Data: data, Secret: secret}).Run(deadline(t))
	if !errors.Is(err, ErrForeign) {
		t.Errorf("Run = %v, want ErrForeign", err)
	}
	if entries, _ := os.ReadDir(data); len(entries) != 1 {
		t.Errorf("the refusing witness left %v", entries)
	}
}

func TestWitness_DamagedDirectory_IsErrDamaged(t *testing.T) {
	folder := filepath.Join(storeFolder, "$G", "streams", stream)
	damages := map[string]func(t *testing.T, data string){
		"identity unreadable": func(t *testing.T, data string) {
			if err := os.WriteFile(filepath.Join(data, identityFile), []byte(`{"format":1`), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"store gone":   func(t *testing.T, data string) { remove(t, filepath.Join(data, storeFolder)) },
		"stream gone":  func(t *testing.T, data string) { remove(t, filepath.Join(data, folder)) },
		"values gone":  func(t *testing.T, data string) { remove(t, filepath.Join(data, folder, "msgs")) },
		"store is old": func(t *testing.T, data string) { inflate(t, data) },
		"other's store": func(t *testing.T, data string) {
			w, stop := run(t, filepath.Join(data, "x"), processtest.Address(t))
			_ = w
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			remove(t, filepath.Join(data, storeFolder))
			if err := os.Rename(filepath.Join(data, "x", storeFolder), filepath.Join(data, storeFolder)); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			w, stop := run(t, data, processtest.Address(t))
			if _, err := connect(t, w.Address(), "a").Write(deadline(t), arbitertest.Sample(w.ID()), 0); err != nil {
				t.Fatal(err)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			damage(t, data)
			err := New(Config{Listen: processtest.Address(t), Data: data, Secret: secret}).Run(deadline(t))
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("Run = %v, want ErrDamaged", err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// inflate makes the identity file remember more than the store has, as after a store was put back.
func inflate(t *testing.T, data string) {
	t.Helper()
	d, err := openDirectory(data)
	if err != nil {
		t.Fatal(err)
	}
	id := d.identity
	id.Sequence += 1000
	if err := errors.Join(d.write(id), d.close()); err != nil {
		t.Fatal(err)
	}
}

func TestWitness_CrashWhileFounding_StartsAgain(t *testing.T) {
	data := t.TempDir()
	d, err := openDirectory(data) // identity is written, the register is not made
	if err != nil {
		t.Fatal(err)
	}
	id := d.identity.ID
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	w, _ := run(t, data, processtest.Address(t))
	if w.ID() != id {
		t.Errorf("identity was %s, is %s", id, w.ID())
	}
}

// process starts a witness as a process of its own.
func process(t *testing.T, data, listen string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WITNESS_TEST_DATA="+data, "WITNESS_TEST_LISTEN="+listen)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the witness process did not start: %v", err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestWitness_Kill9_KeepsAcknowledgedWrites(t *testing.T) {
	data := t.TempDir()
	cmd, address := process(t, data, processtest.Address(t))
	c := connect(t, address, "a")
	ctx := deadline(t)
	v := readWhenBack(t, c)
	record, revision := arbitertest.Sample(v.WitnessID), uint64(0)
	record.Version = 0
	for round := range 3 {
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			time.Sleep(time.Duration(20+30*round) * time.Millisecond) // not a condition: the moment of the kill is free
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		var doubt *role.Record
		for {
			next := record
			next.Version++
			r, err := c.Write(ctx, next, revision)
			if err != nil {
				if errors.Is(err, arbiter.ErrUnknown) {
					doubt = &next
				} else if !errors.Is(err, arbiter.ErrUnreachable) {
					t.Fatal(err)
				}
				break
			}
			record, revision = next, r
		}
		<-killed
		cmd, _ = process(t, data, address)
		v := readWhenBack(t, c)
		switch {
		case v.Revision == revision && v.Record.Equal(record):
		case doubt != nil && v.Revision > revision && v.Record.Equal(*doubt):
		default:
			t.Fatalf("round %d: acknowledged %+v at %d, found %+v", round, record, revision, v)
		}
		t.Logf("round %d: %d writes survived, last one in doubt: %v", round, record.Version, doubt != nil)
		record, revision = v.Record, v.Revision
	}
}

func FuzzDecodeIdentity(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"x","founded":true,"sequence":3}`))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := decodeIdentity(data)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("error %v", err)
		}
		if err == nil && id.ID == "" {
			t.Error("accepted an identity without an id")
		}
	})
}
