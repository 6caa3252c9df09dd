package local

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asCluster makes this test binary start a cluster of a hundred terminals in a directory, and print why it does not.
const asCluster = "TEST_AS_CLUSTER"

// TestRun_TerminalsBeyondTheOpenFiles: 5,000 terminals of a process that may open 20,000 files were never ready, and nothing said why.
func TestRun_TerminalsBeyondTheOpenFiles(t *testing.T) {
	if dir := os.Getenv(asCluster); dir != "" {
		c, err := New(Options{Terminals: 100, Dir: dir, Environ: []string{}})
		if err == nil {
			err = c.Run(t.Context())
		}
		if !errors.Is(err, ErrOption) {
			t.Fatalf("%v", err)
		}
		t.Log(err)
		return
	}
	dir := filepath.Join(t.TempDir(), "cluster")
	args := []string{"sh", "-c", `ulimit -n 300; exec "$0" -test.v -test.run "^$1$"`, os.Args[0], t.Name()}
	if os.Geteuid() == 0 { // who may raise the limit does
		args = append([]string{"setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), asCluster+"="+dir)
	said, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "a process with 100 terminals needs 856 open files, but the limit is 300") {
		t.Errorf("%v:\n%s", err, said)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it has touched the directory: %v", err)
	}
}

func TestAllowFiles_LeavesALimitThatIsEnough(t *testing.T) {
	var before, after syscall.Rlimit
	if err := errors.Join(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before), allowFiles(1, true), syscall.Getrlimit(syscall.RLIMIT_NOFILE, &after)); err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("%+v, was %+v", after, before)
	}
}
