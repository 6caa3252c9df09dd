package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMeter_SeesWorkOfAGroup lets a process group burn time and write bytes, and wants both back.
func TestMeter_SeesWorkOfAGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	cmd := exec.Command("/bin/sh", "-c", "read go; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; head -c 100000 /dev/zero > "+file+"; echo done; read end")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	list := Group(cmd.Process.Pid)
	if len(list) != 1 || list[0].PID != cmd.Process.Pid || list[0].Name != "sh" {
		t.Fatalf("group: %+v", list)
	}
	m := NewMeter(map[string][]Process{"x": list})
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	used, took := m.Read()
	total := Total(used["x"])
	if total.CPU < 10*time.Millisecond || total.CPU > took+20*time.Millisecond {
		t.Errorf("cpu %v of %v", total.CPU, took)
	}
	if PSS(cmd.Process.Pid) < 10<<10 || Threads(cmd.Process.Pid) != 1 {
		t.Errorf("pss %d, threads %d", PSS(cmd.Process.Pid), Threads(cmd.Process.Pid))
	}
}

func TestUsageOf_OwnWritesAreCounted(t *testing.T) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skipf("SKIPPED: the kernel does not count bytes: %v", err)
	}
	before := UsageOf(os.Getpid())
	if err := os.WriteFile(filepath.Join(t.TempDir(), "f"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := UsageOf(os.Getpid()).Passed - before.Passed; got < 1<<20 {
		t.Errorf("passed %d bytes of %d", got, 1<<20)
	}
}

func TestProc_AProcessThatIsNotThere(t *testing.T) {
	if u := UsageOf(1 << 30); u != (Usage{}) || PSS(1<<30) != 0 {
		t.Errorf("%+v", u)
	}
}
