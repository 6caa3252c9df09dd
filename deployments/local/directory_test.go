package local

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
)

func TestClaim_RefusesAForeignDirectoryAndLeavesItAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(dir); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, planFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(damaged); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
}

func TestClaim_OneClusterForEachDirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(dir); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("%v", err)
	}
	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	again, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.secret != first.secret || len(again.secret) < 32 {
		t.Error("the directory is continued under another secret")
	}
	if err := again.release(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, planFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("plan: %v, %v", info, err)
	}
}

func TestClaim_TemporaryDirectoryIsRemoved(t *testing.T) {
	d, err := claim("")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestPorts_NameWhatIsInUseAndWhatToDo(t *testing.T) {
	p, err := choosePorts(0, 3)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", p.terminal(2))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = choosePorts(p.base, 3)
	if !errors.Is(err, ErrPort) || !strings.Contains(err.Error(), "terminal t3") || !strings.Contains(err.Error(), "--port") {
		t.Errorf("%v", err)
	}
	if _, err := choosePorts(p.base, 2); err != nil {
		t.Errorf("a port that is not needed counts: %v", err)
	}
	if _, err := choosePorts(65530, 3); !errors.Is(err, ErrPort) {
		t.Errorf("%v", err)
	}
	if used := (ports{base: DefaultPort, terminals: MaxTerminals}).used(); len(used) != 9+2*MaxTerminals {
		t.Errorf("%d ports, so two share one", len(used))
	}
}

func TestNew_RefusesWrongOptions(t *testing.T) {
	for _, o := range []Options{{Terminals: 0}, {Terminals: MaxTerminals + 1}, {Terminals: 1, Port: -1}, {Terminals: 1, Port: 70000}} {
		if _, err := New(o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := New(Options{Terminals: 1, Environ: []string{"HOTPAIR_LEASE=soon"}}); !errors.Is(err, config.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestPlan_HostsGetWhatTheyNeedAndTheClustersSettings(t *testing.T) {
	dir := t.TempDir()
	c, err := New(Options{Dir: dir, Terminals: 2, Binary: "/opt/hotpair", Environ: []string{"PATH=/bin", "HOTPAIR_LEASE=250ms", "HOTPAIR_LOG_LEVEL=debug"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.dir, err = claim(dir); err != nil {
		t.Fatal(err)
	}
	defer c.dir.release()
	c.ports = ports{base: DefaultPort, terminals: 2}
	if err := c.plan(); err != nil {
		t.Fatal(err)
	}
	a, err := config.Load[config.Host](c.groups[HostA].command.env)
	if err != nil {
		t.Fatal(err)
	}
	b, err := config.Load[config.Host](c.groups[HostB].command.env)
	if err != nil {
		t.Fatal(err)
	}
	if a.Link != b.PeerLink || b.Link != a.PeerLink || a.Replication != b.PeerReplication || b.Replication != a.PeerReplication {
		t.Errorf("they don't know each other: %+v %+v", a, b)
	}
	if a.PairSecret != b.PairSecret || a.Lease.String() != "250ms" || a.LogLevel.String() != "DEBUG" || len(b.Terminals) != 2 {
		t.Errorf("%+v", a)
	}
	if _, err := config.Load[config.Witness](c.groups[Witness].command.env); err != nil {
		t.Error(err)
	}
	if err := c.writeFile(); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if f.Hosts["a"].HTTP != "http://127.0.0.1:7800" || f.Hosts["b"].Env["HOTPAIR_LEASE"] != "250ms" || f.Hosts["a"].Command[1] != "supervisor" ||
		f.Witness.Address != a.Witness || len(f.Terminals) != 2 || f.Terminals[1].Dialled != a.Terminals[1].URL {
		t.Errorf("%+v", f)
	}
	if info, err := os.Stat(filepath.Join(dir, clusterFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFault_B10_ClusterDirectoryOfAFileSystem: a directory in which a start was cut off before its plan was written was refused for good,
// because of the lock that it had left; so was a file system of its own, because of its lost+found.
func TestFault_B10_ClusterDirectoryOfAFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "lost+found"), 0o700), os.WriteFile(filepath.Join(dir, lockFile), []byte("1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	d, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.release(); err != nil {
		t.Error(err)
	}
}
