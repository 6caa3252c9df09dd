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
	if err := os.WriteFile(filepath.Join(damaged, "a.bundle"), []byte("{"), 0o600); err != nil {
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
}

// planned is a cluster that has planned a start in a directory.
func planned(t *testing.T, o Options, base int) *Cluster {
	t.Helper()
	o.Binary = "/opt/hotpair"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if c.dir, err = claim(o.Dir); err != nil {
		t.Fatal(err)
	}
	c.ports = ports{base: base, terminals: o.Terminals}
	if err := c.plan(); err != nil {
		t.Fatal(err, c.dir.release())
	}
	if err := c.dir.release(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPlan_ADirectoryIsContinuedAsTheSamePair: with the same secret and the same keys, by which the witness knows its hosts, on other ports. A start that
// was cut off before the pair was whole makes it anew.
func TestPlan_ADirectoryIsContinuedAsTheSamePair(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Terminals: 1, Environ: []string{}}
	first := planned(t, o, DefaultPort).hosts[HostA]
	key, err := os.ReadFile(first.TLSKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first.TLSCert, []byte("a renewed one"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := planned(t, o, DefaultPort+1000).hosts[HostA]
	if text, err := os.ReadFile(again.TLSCert); err != nil || string(text) != "a renewed one" {
		t.Errorf("a certificate that was renewed is put back: %v", err)
	}
	now, err := os.ReadFile(again.TLSKey)
	if err != nil || string(now) != string(key) || again.PairSecret != first.PairSecret || len(again.PairSecret) < 32 {
		t.Errorf("the directory is continued as another pair: %v", err)
	}
	if first.Link != "127.0.0.1:7801" || again.Link != "127.0.0.1:8801" || again.PeerLink != "127.0.0.1:8811" {
		t.Errorf("%s, %s, %s", first.Link, again.Link, again.PeerLink)
	}
	if plain := planned(t, Options{Dir: dir, Terminals: 1, Plain: true, Environ: []string{}}, DefaultPort).hosts[HostA]; plain.Sealed() || plain.PairSecret != first.PairSecret {
		t.Errorf("plain: %+v", plain.TLS)
	}
	for _, name := range bundles {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	cut := t.TempDir()
	if err := os.WriteFile(filepath.Join(cut, "witness.bundle"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Dir = cut
	if planned(t, o, DefaultPort).hosts[HostB].PairSecret == "" {
		t.Error("no pair")
	}
}

// TestPlan_TerminalsElsewhereBringTheRoot: with certificates if whoever runs them has put a root there before, else in plain text, also the next time.
func TestPlan_TerminalsElsewhereBringTheRoot(t *testing.T) {
	list := filepath.Join(t.TempDir(), "terminals")
	if err := os.WriteFile(list, []byte("t1=nats://127.0.0.1:4001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: t.TempDir(), TerminalsFile: list, Environ: []string{}}
	for range 2 {
		if h := planned(t, o, DefaultPort).hosts[HostA]; h.Sealed() || !h.Insecure {
			t.Errorf("%+v", h.TLS)
		}
	}
	o.Dir = filepath.Join(t.TempDir(), "cluster")
	issuer, err := NewRoot(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	planned(t, o, DefaultPort)
	members, err := readMembers(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	host := members["a.bundle"]
	own, err := host.Issuer()
	if err != nil || !own.Root().Equal(issuer.Root()) {
		t.Errorf("of another root: %v", err)
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
	p, err := choosePorts(0, 0, 3, false)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", p.terminal(2))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = choosePorts(p.base, 0, 3, false)
	if !errors.Is(err, ErrPort) || !strings.Contains(err.Error(), "terminal t3") || !strings.Contains(err.Error(), "--port") {
		t.Errorf("%v", err)
	}
	if _, err := choosePorts(p.base, 0, 2, true); err != nil {
		t.Errorf("a port that is not needed counts: %v", err)
	}
	if _, err := choosePorts(65530, 0, 3, false); !errors.Is(err, ErrPort) {
		t.Errorf("%v", err)
	}
	if used := (ports{base: DefaultPort, terminals: MaxTerminals}).used(); len(used) != 9+3*MaxTerminals {
		t.Errorf("%d ports, so two share one", len(used))
	}
}

// TestPorts_FreeOnesStayThoseOfTheDirectory: its pair may have a table of terminals by now, which names them.
func TestPorts_FreeOnesStayThoseOfTheDirectory(t *testing.T) {
	o := Options{Dir: t.TempDir(), Terminals: 1, Environ: []string{}}
	p, err := choosePorts(0, 0, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	c := planned(t, o, p.base)
	if before := c.dir.portsBefore(); before != 0 {
		t.Errorf("%d before there was a cluster", before)
	}
	if err := c.writeFile(); err != nil {
		t.Fatal(err)
	}
	before := c.dir.portsBefore()
	if before != p.base {
		t.Fatalf("%d, want %d", before, p.base)
	}
	if again, err := choosePorts(0, before, 1, false); err != nil || again.base != p.base {
		t.Errorf("%d, want %d: %v", again.base, p.base, err)
	}
	l, err := net.Listen("tcp", p.terminal(0))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if other, err := choosePorts(0, before, 1, false); err != nil || other.base == p.base {
		t.Errorf("%d, which is taken: %v", other.base, err)
	}
}

func TestNew_RefusesWrongOptions(t *testing.T) {
	for _, o := range []Options{{Terminals: 0}, {Terminals: MaxTerminals + 1}, {Terminals: 1, Port: -1}, {Terminals: 1, Port: 70000},
		{Terminals: 1, Files: "/nowhere"}, {Terminals: 1, Files: "ports.go"}, {Terminals: 1, Files: ".", Silent: true}} {
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
