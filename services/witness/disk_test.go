package witness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/arbiter/arbitertest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestWitness_FullDisk_EndsInsteadOfAnswering (R8): a store that fails once stays dead, so the process must go.
func TestWitness_FullDisk_EndsInsteadOfAnswering(t *testing.T) {
	data := t.TempDir()
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED LOUDLY: a full disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(data, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	w := New(Config{Listen: processtest.Address(t), Data: data, Secret: secret, Probe: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	select {
	case <-w.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	c := connect(t, w.Address(), "a")
	record := arbitertest.Sample(w.ID())
	revision, err := c.Write(deadline(t), record, 0)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(data, "filler"))
	select {
	case err := <-done:
		if !errors.Is(err, ErrStore) {
			t.Fatalf("Run = %v, want ErrStore", err)
		}
	case <-time.After(within):
		t.Fatal("the witness goes on with a full disk")
	}
	if err := os.Remove(filepath.Join(data, "filler")); err != nil {
		t.Fatal(err)
	}
	run(t, data, w.Address())
	if v := readWhenBack(t, c); v.Revision != revision || !v.Record.Equal(record) {
		t.Errorf("after the disk was freed it holds %+v, want %+v at %d", v, record, revision)
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// TestWitness_Frozen_LeavesWritesInDoubt: what was sent to a stopped process may still take effect (R11, V3).
func TestWitness_Frozen_LeavesWritesInDoubt(t *testing.T) {
	cmd, address := process(t, t.TempDir(), processtest.Address(t))
	c := connect(t, address, "a")
	record := arbitertest.Sample(readWhenBack(t, c).WitnessID)
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	// On a busy machine the client may notice before it writes, and then says that nothing was written: that is another
	// test's. It is frozen anew until the write comes first.
	for tries := 1; ; tries++ {
		signal(syscall.SIGSTOP)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_, err := c.Write(ctx, record, 0)
		cancel()
		if errors.Is(err, arbiter.ErrUnknown) {
			break
		}
		if !errors.Is(err, arbiter.ErrUnreachable) || tries == 50 {
			t.Fatalf("Write = %v, want ErrUnknown", err)
		}
		signal(syscall.SIGCONT)
		readWhenBack(t, c)
	}
	processtest.Await(t, "the client notices that the witness is frozen", func() bool { return !c.Status().Reachable })
	signal(syscall.SIGCONT)
	if v := readWhenBack(t, c); v.Empty || !v.Record.Equal(record) {
		t.Logf("the write in doubt did not land: %+v", v)
	}
}

func TestWitness_DamagedBlock_IsErrDamaged(t *testing.T) {
	data := t.TempDir()
	w, stop := run(t, data, processtest.Address(t))
	record := arbitertest.Sample(w.ID())
	c := connect(t, w.Address(), "a")
	var revision uint64
	for range 5 {
		r, err := c.Write(deadline(t), record, revision)
		if err != nil {
			t.Fatal(err)
		}
		revision = r
		record.Version++
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	blocks, err := filepath.Glob(filepath.Join(data, storeFolder, "$G", "streams", stream, "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	for _, name := range blocks {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(content) / 2; i < len(content)/2+64; i++ {
			content[i] ^= 0xff
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Without its index the server reads every block again, as it does after a crash.
	if err := os.Remove(filepath.Join(data, storeFolder, "$G", "streams", stream, "msgs", "index.db")); err != nil {
		t.Logf("no index: %v", err)
	}
	err = New(Config{Listen: processtest.Address(t), Data: data, Secret: secret}).Run(deadline(t))
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("Run = %v, want ErrDamaged", err)
	}
}
