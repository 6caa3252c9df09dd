package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
)

const testUser = 64123

// machine is a folder that stands for the root of a machine, with a user for hotpair.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	err := os.MkdirAll(filepath.Join(root, "etc"), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "etc/passwd"), fmt.Appendf(nil, "root:x:0:0::/root:/bin/sh\nhotpair:x:%d:%d::/var/lib/hotpair:/usr/sbin/nologin\n", testUser, testUser), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// pairAt is a pair that was made some time ago, and the files of its bundles.
func pairAt(t *testing.T, made time.Time) (list []bundle.Bundle, raw [][]byte) {
	t.Helper()
	ports := founding.DefaultPorts()
	p, err := founding.Plan{
		Pair: "shop", Hosts: [2]founding.Machine{{Name: "a", Address: "192.0.2.1", Ports: ports}, {Name: "b", Address: "192.0.2.2", Ports: ports}}, Witness: founding.Machine{Address: "192.0.2.3", Ports: ports},
		Terminals: config.Terminals{{ID: "till-1", URL: "nats://192.0.2.11:4223"}},
	}.Found(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range p.Bundles {
		one, err := b.Encode("")
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, one)
	}
	return p.Bundles, raw
}

func joiner(root string, b bundle.Bundle, raw []byte) Joiner {
	return Joiner{Place: PlaceOf(b.Name.Role, root), Bundle: b, Raw: raw, Now: time.Now()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is all that is in a folder: names with contents, modes and owners.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path) // below it
		content := []byte(nil)
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		owner := info.Sys().(*syscall.Stat_t)
		found[name] = fmt.Sprintf("%v %d:%d %s", info.Mode(), owner.Uid, owner.Gid, content)
		return nil
	}))
	return found
}

// elsewhere reads the environment of a machine's process from outside of its root.
func elsewhere(t *testing.T, root string) Process {
	t.Helper()
	p, err := ProcessOf(root, []string{"PATH=/bin", "SECRET=no"})
	must(t, err)
	for i, line := range p.Environ {
		if name, path, _ := strings.Cut(line, "="); strings.HasPrefix(path, "/") && strings.HasPrefix(name, "HOTPAIR_") {
			p.Environ[i] = name + "=" + filepath.Join(root, path)
		}
	}
	return p
}

func TestJoin_MakesAMachineAMember(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	for i, b := range list {
		t.Run(bundle.Kind(b.Name), func(t *testing.T) {
			root := machine(t)
			done, err := joiner(root, b, raw[i]).Join(t.Context(), true)
			if err != nil || done.Already || done.Started {
				t.Fatalf("%+v, %v", done, err)
			}
			p := elsewhere(t, root)
			if b.Name.Role == identity.RoleWitness {
				w, err := config.Load[config.Witness](p.Environ)
				if err != nil || p.Command != "witness" || w.PairSecret != b.Secret || w.WitnessListen != "192.0.2.3:7705" {
					t.Errorf("%s %+v, %v", p.Command, w, err)
				}
				return
			}
			h, err := config.Load[config.Host](p.Environ)
			if err != nil || p.Command != "supervisor" || h.Host != b.Name.ID || h.PairSecret != b.Secret || len(h.Terminals) != 1 || slices.Contains(p.Environ, "SECRET=no") || !slices.Contains(p.Environ, "PATH=/bin") {
				t.Fatalf("%s %+v, %v", p.Command, h, err)
			}
			files := identity.NewFiles(identity.Paths{Certificate: h.TLSCert, Key: h.TLSKey, Roots: h.TLSCa}, nil, nil)
			if err := files.Load(); err != nil || files.State().Name != b.Name.String() {
				t.Errorf("%+v, %v", files.State(), err)
			}
			seal, err := authority.ReadSeal(h.AuthoritySeal)
			must(t, err)
			if issuer, err := authority.Open(h.AuthorityKey, seal); err != nil || issuer.Pair() != "shop" {
				t.Errorf("%v", err)
			}
			for path, mine := range map[string]bool{h.TLSCert: false, h.TLSKey: false, h.AuthorityKey: false, h.AuthoritySeal: false, h.PairSecretFile: false, h.TerminalsFile: false, h.Data: false, filepath.Dir(h.TLSCert): false,
				filepath.Join(root, "etc/hotpair/joined/host.env"): true, filepath.Join(root, "etc/hotpair/joined"): true} {
				info, err := os.Stat(path)
				must(t, err)
				who := uint32(testUser)
				if mine || os.Geteuid() != 0 {
					who = uint32(os.Geteuid())
				}
				if owner := info.Sys().(*syscall.Stat_t).Uid; owner != who || !strings.HasSuffix(path, "/joined") && info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s is of %d, mode %v", path, owner, info.Mode())
				}
			}
		})
	}
}

// TestJoin_AnOperatorsFileCounts: what stands in /etc/hotpair/host.env is read last and never written.
func TestJoin_AnOperatorsFileCounts(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	own := filepath.Join(root, "etc/hotpair/host.env")
	must(t, os.MkdirAll(filepath.Dir(own), 0o755))
	text := "# ours\n\nHOTPAIR_LEASE=\"250ms\"\nHOTPAIR_HTTP=127.0.0.1:9000\n"
	must(t, os.WriteFile(own, []byte(text), 0o600))
	done, err := joiner(root, list[0], raw[0]).Join(t.Context(), true)
	must(t, err)
	if i := slices.IndexFunc(done.Findings, func(f Finding) bool { return f.Check == "settings" }); i < 0 || done.Findings[i].Stops || !strings.Contains(done.Findings[i].Problem, "HOTPAIR_HTTP") || strings.Contains(done.Findings[i].Problem, "LEASE") {
		t.Errorf("%+v", done.Findings)
	}
	h, err := config.Load[config.Host](elsewhere(t, root).Environ)
	if err != nil || h.Lease != 250*time.Millisecond || h.HTTP != "127.0.0.1:9000" {
		t.Errorf("%+v, %v", h, err)
	}
	_, err = Leaver{Root: root}.Leave(t.Context())
	must(t, err)
	if raw, err := os.ReadFile(own); err != nil || string(raw) != text {
		t.Errorf("%q, %v", raw, err)
	}
	for _, wrong := range []string{"HOTPAIR_LEASE\n", "HOTPAIR_LEASE=1s\\\n", "HOTPAIR_LEASE=\"1s\n", "export HOTPAIR_LEASE=1s\n"} {
		must(t, os.WriteFile(own, []byte(wrong), 0o600))
		if _, err := joiner(root, list[0], raw[0]).Check(); !errors.Is(err, ErrUnfit) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestJoin_SaysAllThatIsWrongAtOnce: with what to do, and nothing is written.
func TestJoin_SaysAllThatIsWrongAtOnce(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	must(t, os.MkdirAll(filepath.Join(root, "var/lib/hotpair/lost+found"), 0o755))
	must(t, os.MkdirAll(filepath.Join(root, "etc/hotpair"), 0o755))
	must(t, errors.Join(os.WriteFile(filepath.Join(root, "var/lib/hotpair/data"), []byte("years of work"), 0o600),
		os.WriteFile(filepath.Join(root, "etc/hotpair/host.env"), []byte("HOTPAIR_HOST=b\n"), 0o600),
		os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/root:/bin/sh\n"), 0o600)))
	before := tree(t, root)
	j := joiner(root, list[0], raw[0])
	j.Now = list[0].Made.Add(-time.Hour)
	done, err := j.Join(t.Context(), true)
	if !errors.Is(err, ErrUnfit) {
		t.Errorf("%v", err)
	}
	stops := map[string]string{}
	for _, f := range done.Findings {
		if f.Remedy == "" || f.Problem == "" {
			t.Errorf("%+v", f)
		}
		if f.Stops {
			stops[f.Check] = f.Problem
		}
	}
	wants := map[string]string{"clock": "the bundle was made at", "data": "holds something (data)", "settings": "host b"}
	if os.Geteuid() == 0 {
		wants["user"] = "no user hotpair"
	}
	for check, want := range wants {
		if !strings.Contains(stops[check], want) {
			t.Errorf("%s: %q, want %q", check, stops[check], want)
		}
	}
	if len(stops) != len(wants) {
		t.Errorf("%v", stops)
	}
	same(t, before, tree(t, root))
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, was := range before {
		if after[name] != was {
			t.Errorf("%s was %q, and is %q", name, was, after[name])
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			t.Errorf("%s is new", name)
		}
	}
}

// TestJoin_UsesDataWhenTold: data that were kept by a leave, for one.
func TestJoin_UsesDataWhenTold(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	j := joiner(root, list[0], raw[0])
	_, err := j.Join(t.Context(), true)
	must(t, err)
	kept := filepath.Join(root, "var/lib/hotpair/database")
	must(t, os.WriteFile(kept, []byte("1"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, "var/lib/hotpair", lastGood), []byte("a key"), 0o600))
	left, err := Leaver{Root: root}.Leave(t.Context())
	if err != nil || left.Deleted || len(left.Others) == 0 {
		t.Fatalf("%+v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(root, "var/lib/hotpair", lastGood)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy of the key is kept: %v", err)
	}
	if _, err := j.Join(t.Context(), true); !errors.Is(err, ErrUnfit) {
		t.Errorf("%v", err)
	}
	j.UseData = true
	_, err = j.Join(t.Context(), true)
	must(t, err)
	left, err = Leaver{Root: root, DeleteData: true}.Leave(t.Context())
	if _, there := os.Stat(kept); err != nil || !left.Deleted || !errors.Is(there, fs.ErrNotExist) {
		t.Errorf("%+v, %v, %v", left, err, there)
	}
}

// TestJoin_OneMemberForEachMachine: another bundle is refused, whichever it is, and the same one changes nothing.
func TestJoin_OneMemberForEachMachine(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	anew, rawAnew := pairAt(t, time.Now())
	root := machine(t)
	_, err := joiner(root, list[0], raw[0]).Join(t.Context(), true)
	must(t, err)
	// As a host that has run for a month leaves it.
	must(t, os.WriteFile(filepath.Join(root, "var/lib/hotpair-identity/cert.pem"), []byte("a renewed one"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, "var/lib/hotpair/database"), []byte("1"), 0o600))
	before := tree(t, root)
	for name, c := range map[string]struct {
		b    bundle.Bundle
		raw  []byte
		want string
	}{"host b": {list[1], raw[1], "is host a of pair shop already"}, "the witness": {list[2], raw[2], "is host a of pair shop already"}, "another pair": {anew[0], rawAnew[0], "from another bundle"}} {
		done, err := joiner(root, c.b, c.raw).Join(t.Context(), true)
		if !errors.Is(err, ErrUnfit) || !slices.ContainsFunc(done.Findings, func(f Finding) bool { return f.Check == "member" && strings.Contains(f.Problem, c.want) }) {
			t.Errorf("%s: %+v, %v", name, done.Findings, err)
		}
		same(t, before, tree(t, root))
	}
	if done, err := joiner(root, list[0], raw[0]).Join(t.Context(), true); err != nil || !done.Already {
		t.Errorf("%+v, %v", done, err)
	}
	same(t, before, tree(t, root))
}

// stepVariable has the test binary join or leave, and kill itself behind a step: ROOT, BUNDLE, STEP, or ROOT, "", STEP for a leave.
const stepVariable = "HOTPAIR_TEST_KILL"

func TestMain(m *testing.M) {
	if order, told := os.LookupEnv(stepVariable); told {
		os.Exit(killed(strings.Split(order, "|")))
	}
	os.Exit(m.Run())
}

func killed(order []string) int {
	n := 0
	progress := func(string) {
		if n++; fmt.Sprint(n) == order[2] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // no step behind it is begun
			select {}
		}
	}
	var err error
	if order[1] == "" {
		_, err = Leaver{Root: order[0], DeleteData: true, Progress: progress}.Leave(context.Background())
	} else {
		var raw []byte
		var b bundle.Bundle
		if raw, err = os.ReadFile(order[1]); err == nil {
			if b, err = bundle.Decode(raw, ""); err == nil {
				j := joiner(order[0], b, raw)
				j.Program, j.Progress = "/usr/local/bin/hotpair", progress
				_, err = j.Join(context.Background(), true)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// kill runs a join or a leave that is killed behind a step, and reports whether there was that step.
func kill(t *testing.T, root, file string, step int) bool {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%d", stepVariable, root, file, step))
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("step %d: %v\n%s", step, err, out)
	}
	return false
}

// TestJoin_KilledAtEachStep: what a killed join has left starts nothing, is done by the next one, and can be taken back by a leave, which may be
// killed at each of its steps too.
func TestJoin_KilledAtEachStep(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	file := filepath.Join(t.TempDir(), "a.bundle")
	must(t, os.WriteFile(file, raw[0], 0o600))
	whole := func(root string) Joined {
		t.Helper()
		j := joiner(root, list[0], raw[0])
		j.Program = "/usr/local/bin/hotpair"
		done, err := j.Join(t.Context(), true)
		must(t, err)
		return done
	}
	untouched := machine(t)
	root := machine(t)
	whole(root)
	want, empty := tree(t, root), tree(t, untouched)
	steps := 0
	for step := 1; ; step++ {
		root := machine(t)
		if !kill(t, root, file, step) {
			break
		}
		steps++
		_, err := ProcessOf(root, nil)
		had, errMark := PlaceOf(identity.RoleHost, root).readMark()
		must(t, errMark)
		if (err == nil) != (had.State == joined) {
			t.Errorf("killed behind step %d: %v", step, err)
		}
		if step%2 == 0 {
			if done := whole(root); done.Already != (had.State == joined) {
				t.Errorf("killed behind step %d: %+v", step, done)
			}
			same(t, want, tree(t, root))
			continue
		}
		_, err = Leaver{Root: root, DeleteData: true}.Leave(t.Context())
		must(t, err)
		withoutFolders(t, empty, tree(t, root))
	}
	if steps < 12 {
		t.Errorf("%d steps", steps)
	}
	for step := 1; ; step++ {
		root := machine(t)
		whole(root)
		if !kill(t, root, "", step) {
			if step < 5 {
				t.Errorf("a leave has %d steps", step)
			}
			break
		}
		if _, err := ProcessOf(root, nil); err == nil {
			t.Errorf("leave killed behind step %d: it can be run", step)
		}
		_, err := Leaver{Root: root, DeleteData: true}.Leave(t.Context())
		if err != nil && !errors.Is(err, ErrNoMember) { // behind the last step there is nothing to do
			t.Errorf("leave killed behind step %d: %v", step, err)
		}
		withoutFolders(t, empty, tree(t, root))
	}
}

// withoutFolders is same, but for folders that are not ours to remove.
func withoutFolders(t *testing.T, before, after map[string]string) {
	t.Helper()
	for _, name := range []string{"etc/hotpair", "etc/systemd", "etc/systemd/system", "var", "var/lib"} {
		delete(after, name)
	}
	same(t, before, after)
}

// systemctl is a service manager that writes down what it is told, and fails at one of its orders.
func systemctl(t *testing.T, fails string) (m Manager, told func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "told")
	script := "#!/bin/sh\necho \"$*\" >>" + log + "\ncase \"$*\" in " + fails + ") echo 'Unit is masked.' >&2; exit 1;; esac\n"
	path := filepath.Join(dir, "systemctl")
	must(t, os.WriteFile(path, []byte(script), 0o755))
	return Manager{path}, func() []string {
		raw, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return slices.DeleteFunc(strings.Split(string(raw), "\n"), func(s string) bool { return s == "" })
	}
}

// TestJoin_StartsTheUnit: it is written where no package has brought it, enabled and started; a start that fails can be tried again.
func TestJoin_StartsTheUnit(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	j := joiner(root, list[2], raw[2])
	j.Program = "/opt/hotpair/hotpair"
	broken, told := systemctl(t, "start*")
	j.Manager = broken
	done, err := j.Join(t.Context(), true)
	if err == nil || done.Started || !strings.Contains(err.Error(), "Unit is masked") || !strings.Contains(err.Error(), "journalctl") {
		t.Errorf("%+v, %v", done, err)
	}
	if want := []string{"daemon-reload", "enable hotpair-witness.service", "start hotpair-witness.service"}; !slices.Equal(told(), want) {
		t.Errorf("%v", told())
	}
	unit := filepath.Join(root, "etc/systemd/system/hotpair-witness.service")
	text, err := os.ReadFile(unit)
	if err != nil || !bytes.HasPrefix(text, []byte("[Unit]")) || !bytes.Contains(text, []byte("ExecStart=/opt/hotpair/hotpair witness\n")) {
		t.Errorf("%s, %v", text, err)
	}
	sound, told := systemctl(t, "none")
	j.Manager = sound
	if done, err = j.Join(t.Context(), true); err != nil || !done.Started || !done.Already || len(told()) != 3 {
		t.Errorf("%+v, %v, %v", done, err, told())
	}
	stuck, _ := systemctl(t, "disable*")
	before := tree(t, root)
	if _, err := (Leaver{Root: root, Manager: stuck}).Leave(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing was removed") {
		t.Errorf("%v", err)
	}
	same(t, before, tree(t, root))
	if _, err := (Leaver{Root: root, Manager: sound}).Leave(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(unit); !errors.Is(err, fs.ErrNotExist) || !slices.Equal(told()[3:], []string{"disable --now hotpair-witness.service", "daemon-reload"}) {
		t.Errorf("%v, %v", err, told())
	}
}

// TestJoin_LeavesAPackagesUnitAlone: neither join nor leave touches it; and --no-start starts nothing.
func TestJoin_LeavesAPackagesUnitAlone(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	unit := filepath.Join(root, "usr/lib/systemd/system/hotpair.service")
	must(t, os.MkdirAll(filepath.Dir(unit), 0o755))
	must(t, os.WriteFile(unit, []byte("of the package"), 0o644))
	j := joiner(root, list[0], raw[0])
	m, told := systemctl(t, "none")
	j.Program, j.Manager = "/usr/bin/hotpair", m
	done, err := j.Join(t.Context(), false)
	if err != nil || done.Started || done.Start != "systemctl enable --now hotpair.service" || len(told()) != 0 {
		t.Errorf("%+v, %v, %v", done, err, told())
	}
	if done, err = j.Join(t.Context(), true); err != nil || !slices.Equal(told(), []string{"enable hotpair.service", "start hotpair.service"}) {
		t.Errorf("%+v, %v, %v", done, err, told())
	}
	_, err = Leaver{Root: root, Manager: m}.Leave(t.Context())
	must(t, err)
	if text, err := os.ReadFile(unit); err != nil || string(text) != "of the package" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestJoin_AUnitCantSeeEveryProgram: one in somebody's home is not what a unit can start.
func TestJoin_AUnitCantSeeEveryProgram(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	j := joiner(machine(t), list[0], raw[0])
	j.Program = "/root/hotpair"
	if done, err := j.Join(t.Context(), true); !errors.Is(err, ErrUnfit) || len(done.Findings) == 0 || !strings.Contains(done.Findings[0].Remedy, "install -m 0755 /root/hotpair /usr/local/bin/hotpair") {
		t.Errorf("%+v, %v", done, err)
	}
	unit := j.Place.on("/usr/lib/systemd/system/hotpair.service") // of a package, which has its own program
	must(t, os.MkdirAll(filepath.Dir(unit), 0o755))
	must(t, os.WriteFile(unit, nil, 0o644))
	if done, err := j.Join(t.Context(), true); err != nil {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestJoin_TwoAtOnce: the second is refused while the first is at work.
func TestJoin_TwoAtOnce(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	j := joiner(root, list[0], raw[0])
	var second error
	inside := j
	j.Progress = func(step string) {
		if step == "begin" {
			_, second = inside.Join(t.Context(), true)
		}
	}
	if _, err := j.Join(t.Context(), true); err != nil || !errors.Is(second, ErrBusy) {
		t.Errorf("%v, %v", err, second)
	}
}

// looked is a check of this machine itself, but for its paths.
func looked(t *testing.T, b bundle.Bundle, now time.Time) *checks {
	return &checks{place: Place{Data: t.TempDir()}, bundle: b, now: now, own: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")}}
}

func (c *checks) stops() (list []string) {
	for _, f := range c.found {
		if f.Stops {
			list = append(list, f.Check+": "+f.Problem)
		}
	}
	return list
}

func TestChecks_Address(t *testing.T) {
	list, _ := pairAt(t, time.Now())
	own, other := looked(t, list[0], time.Now()), looked(t, list[1], time.Now())
	own.address()
	if other.address(); len(own.stops()) != 0 || len(other.stops()) != 1 || !strings.Contains(other.stops()[0], "192.0.2.2, and this machine has 192.0.2.1") {
		t.Errorf("%v, %v", own.stops(), other.stops())
	}
	b := list[0]
	b.Address = "localhost"
	named := looked(t, b, time.Now())
	if named.address(); len(named.stops()) != 0 {
		t.Errorf("%v", named.stops())
	}
	b.Address = "no-such-machine.invalid"
	unknown := looked(t, b, time.Now())
	if unknown.address(); len(unknown.stops()) != 1 || !strings.Contains(unknown.stops()[0], "can't be looked up") {
		t.Errorf("%v", unknown.stops())
	}
}

func TestChecks_Ports(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	list, _ := pairAt(t, time.Now())
	b := list[2]
	b.Settings = []string{"HOTPAIR_WITNESS_LISTEN=" + taken.Addr().String()}
	c := looked(t, b, time.Now())
	if c.ports(); len(c.stops()) != 1 || !strings.Contains(c.stops()[0], taken.Addr().String()) {
		t.Errorf("%v", c.stops())
	}
	must(t, taken.Close())
	c = looked(t, b, time.Now())
	if c.ports(); len(c.stops()) != 0 {
		t.Errorf("%v", c.stops())
	}
}

func TestChecks_Clock(t *testing.T) {
	made := time.Now()
	list, _ := pairAt(t, made)
	day := 24 * time.Hour
	for _, c := range []struct {
		member   int
		now      time.Time
		stops    string
		warnings int
	}{
		{0, made, "", 0},
		{0, made.Add(-time.Minute), "", 0},
		{0, made.Add(-time.Hour), "the bundle was made at", 0},
		{0, made.Add(40 * day), "", 1}, // its certificate has ended, and it renews it
		{2, made.Add(40 * day), "", 0},
		{2, made.Add(11 * 366 * day), "", 1},
		{0, made.Add(11 * 366 * day), "has ended on", 0},
	} {
		seen := looked(t, list[c.member], c.now)
		seen.place.Root = "/image" // what the kernel says of this machine's clock is not asked
		seen.clock()
		if text := strings.Join(seen.stops(), " "); !strings.Contains(text, c.stops) || (text == "") != (c.stops == "") || len(seen.found)-len(seen.stops()) != c.warnings {
			t.Errorf("%s at %v: %+v", list[c.member].Name, c.now, seen.found)
		}
	}
}

// TestChecks_Disk: one that is too small, one that is in memory, one that takes no writes.
func TestChecks_Disk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root mounts disks")
	}
	list, _ := pairAt(t, time.Now())
	mounted := func(options string, flags uintptr) string {
		dir := t.TempDir()
		must(t, unix.Mount("tmpfs", dir, "tmpfs", flags, options))
		t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
		return filepath.Join(dir, "not/there/yet")
	}
	for _, c := range []struct {
		member int
		data   string
		stops  string
	}{
		{0, mounted("size=16m", 0), "16 MiB free, and host a needs 512 MiB"},
		{2, mounted("size=16m", 0), "the witness needs 32 MiB"},
		{2, mounted("size=64m", 0), ""},
		{2, mounted("size=64m", unix.MS_RDONLY), "takes no writes"},
	} {
		seen := looked(t, list[c.member], time.Now())
		seen.place.Data = c.data
		seen.disk()
		if text := strings.Join(seen.stops(), " "); !strings.Contains(text, c.stops) || (text == "") != (c.stops == "") {
			t.Errorf("%+v", seen.found)
		}
		if !slices.ContainsFunc(seen.found, func(f Finding) bool { return strings.Contains(f.Problem, "in memory") }) {
			t.Errorf("nobody says that it is in memory: %+v", seen.found)
		}
	}
}

// TestJoin_WhatItSaysToDoWorks: each remedy that a join names is done, and the join is made.
func TestJoin_WhatItSaysToDoWorks(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	j := joiner(root, list[0], raw[0])
	data, own, users := filepath.Join(root, "var/lib/hotpair"), filepath.Join(root, "etc/hotpair/host.env"), filepath.Join(root, "etc/passwd")
	must(t, errors.Join(os.MkdirAll(filepath.Join(data, "old"), 0o700), os.MkdirAll(filepath.Dir(own), 0o755)))
	must(t, os.WriteFile(own, []byte("HOTPAIR_LEASE 1s\n"), 0o600))
	known, err := os.ReadFile(users)
	must(t, err)
	must(t, os.Truncate(users, 0))
	j.Now = list[0].Made.Add(-time.Hour)
	says := func(words string) bool {
		done, _ := j.Join(t.Context(), true)
		return slices.ContainsFunc(done.Findings, func(f Finding) bool { return f.Stops && strings.Contains(f.Remedy, words) })
	}
	for _, c := range []struct {
		words string
		do    func() error
	}{
		{"else move it away", func() error { return os.Rename(data, data+".old") }},
		{"mend it, or move it away: it would be read", func() error { return os.Rename(own, own+".old") }},
		{"set the one that is wrong", func() error { j.Now = time.Now(); return nil }},
		{"useradd --system", func() error { return os.WriteFile(users, known, 0o644) }},
	} {
		if !says(c.words) && (c.words != "useradd --system" || os.Geteuid() == 0) {
			t.Errorf("nobody says %q", c.words)
		}
		must(t, c.do())
		if says(c.words) {
			t.Errorf("%q was done, and is said still", c.words)
		}
	}
	if done, err := j.Join(t.Context(), true); err != nil || !done.Already {
		t.Errorf("%+v, %v", done, err)
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root mounts disks")
	}
	disk := t.TempDir()
	must(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=520m"))
	t.Cleanup(func() { must(t, unix.Unmount(disk, 0)) })
	filler := filepath.Join(disk, "filler")
	must(t, os.WriteFile(filler, make([]byte, 16<<20), 0o600))
	full := looked(t, list[0], time.Now())
	full.place.Data = disk
	if full.disk(); len(full.stops()) != 1 || !strings.Contains(full.found[0].Remedy, "make room, or mount a larger disk") {
		t.Errorf("%+v", full.found)
	}
	must(t, os.Remove(filler))
	roomy := looked(t, list[0], time.Now())
	roomy.place.Data = disk
	if roomy.disk(); len(roomy.stops()) != 0 {
		t.Errorf("%+v", roomy.found)
	}
}

// TestMissing_SaysWhoDoesNotAnswer.
func TestMissing_SaysWhoDoesNotAnswer(t *testing.T) {
	there, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer there.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, gone.Close())
	for _, c := range []struct {
		peer, witness string
		want          []string
	}{
		{gone.Addr().String(), there.Addr().String(), []string{"the other host"}},
		{gone.Addr().String(), gone.Addr().String(), []string{"the other host", "the witness"}},
		{there.Addr().String(), "none", nil},
	} {
		said := missing(t.Context(), identity.RoleHost, func(name string) string {
			return map[string]string{"PEER_LINK": c.peer, "WITNESS": c.witness}[name]
		})
		ok := len(said) == len(c.want)
		for i := range c.want {
			ok = ok && strings.Contains(said[i], c.want[i])
		}
		if !ok {
			t.Errorf("%+v: %q", c, said)
		}
	}
}

// run runs one of the commands.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := JoinCommand()
	if args[0] == "leave" {
		c = LeaveCommand()
	}
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(""))
	c.SetArgs(args[1:])
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// TestCommands_RefuseWhatIsNoBundle: cut, of another kind, sealed: nothing is written, and it is said what to do.
func TestCommands_RefuseWhatIsNoBundle(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	sealed, err := list[0].Encode("correct horse")
	must(t, err)
	root, dir := machine(t), t.TempDir()
	before := tree(t, root)
	words := filepath.Join(dir, "words")
	must(t, os.WriteFile(words, []byte("another horse\n"), 0o600))
	file := filepath.Join(dir, "bundle")
	for _, c := range []struct {
		content []byte
		args    []string
		want    string
		is      error
	}{
		{raw[0][:len(raw[0])/2], nil, "a part is missing", bundle.ErrDamaged},
		{[]byte("-----BEGIN CERTIFICATE-----\n"), nil, "not that of a bundle", bundle.ErrDamaged},
		{nil, nil, "not that of a bundle", bundle.ErrDamaged},
		{sealed, nil, "--passphrase-file", bundle.ErrPassphrase},
		{sealed, []string{"--passphrase-file", words}, "another one", bundle.ErrPassphrase},
		{sealed, []string{"--passphrase-file", filepath.Join(dir, "none")}, "no such file", operator.ErrUsage},
		{raw[0], []string{"another"}, "hotpair join BUNDLE", operator.ErrUsage},
		{make([]byte, bundle.MaxFile+1), nil, "too large", operator.ErrUsage},
	} {
		must(t, os.WriteFile(file, c.content, 0o600))
		said, err := run(t, append([]string{"join", file, "--root", root}, c.args...)...)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %s", c.want, err, said)
		}
		same(t, before, tree(t, root))
	}
	if _, err := run(t, "join", filepath.Join(dir, "none"), "--root", root); !errors.Is(err, operator.ErrUsage) {
		t.Errorf("%v", err)
	}
	if _, err := run(t, "leave", "--root", root, "--yes"); !errors.Is(err, ErrNoMember) {
		t.Errorf("%v", err)
	}
	same(t, before, tree(t, root))
}

// TestCommands_JoinAndLeave: as a person runs them, with what they say.
func TestCommands_JoinAndLeave(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root, dir := machine(t), t.TempDir()
	file := filepath.Join(dir, "a.bundle")
	must(t, os.WriteFile(file, raw[0], 0o600))
	before := tree(t, root)
	for _, form := range []string{"", "--json"} {
		args := slices.DeleteFunc([]string{"join", file, "--root", root, "--dry-run", form}, func(s string) bool { return s == "" })
		said, err := run(t, args...)
		if err != nil || !strings.Contains(said, "HOTPAIR_PEER_LINK=192.0.2.2:7702") || !strings.Contains(said, "key.pem") || strings.Contains(said, list[0].Secret.Reveal()) {
			t.Errorf("%v\n%s", err, said)
		}
		same(t, before, tree(t, root))
	}
	if said, err := run(t, "join", file, "--root", root); err != nil || !strings.Contains(said, "is host a of pair shop now") {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := run(t, "join", file, "--root", root); err != nil || !strings.Contains(said, "was host a of pair shop already") {
		t.Errorf("%v\n%s", err, said)
	}
	here := tree(t, root)
	if said, err := run(t, "leave", "--root", root); !errors.Is(err, operator.ErrUsage) || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("nobody could be asked: %v\n%s", err, said)
	}
	same(t, here, tree(t, root))
	if said, err := run(t, "leave", "--root", root, "--yes"); err != nil || !strings.Contains(said, "kept, in") || !strings.Contains(said, "the other host") {
		t.Errorf("%v\n%s", err, said)
	}
}
