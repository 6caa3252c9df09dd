package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
)

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
	wants := map[string]string{"clock": "the bundle was made at", "data": "is not empty (data)", "settings": "host b"}
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
	if _, err := j.Join(t.Context(), true); err != nil || !errors.Is(second, ErrInProgress) {
		t.Errorf("%v, %v", err, second)
	}
}
