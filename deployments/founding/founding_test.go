package founding

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/deployments/questions"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/operator"
)

// initialise runs hotpair init.
func initialise(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := Command()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(""))
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// all are the names and contents of the files of a folder.
func all(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
		files[e.Name()] = string(raw)
	}
	return files
}

func TestInit_MakesABundleForEachMachine(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pair")
	said, err := initialise(t, "--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "10.0.0.3", "--out", out, "--terminals", "till-1=10.0.1.1,till-2=nats://10.0.1.2:5000",
		"--services", "kv", "--ports", "link=8702,witness=8705")
	if err != nil {
		t.Fatal(err, said)
	}
	files := all(t, out)
	if len(files) != 5 {
		t.Errorf("files: %d", len(files))
	}
	root, err := authority.OpenRoot(filepath.Join(out, RootFile), "")
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string][]string{
		"a.bundle": {"HOTPAIR_HOST=a", "HOTPAIR_LINK=10.0.0.1:8702", "HOTPAIR_PEER_LINK=10.0.0.2:8702", "HOTPAIR_REPLICATION=10.0.0.1:7703", "HOTPAIR_PEER_REPLICATION=10.0.0.2:7703",
			"HOTPAIR_WITNESS=10.0.0.3:8705", "HOTPAIR_BUSINESS=kv", "HOTPAIR_HTTP=127.0.0.1:7704", "HOTPAIR_BUS_PORT=7701"},
		"b.bundle":    {"HOTPAIR_HOST=b", "HOTPAIR_LINK=10.0.0.2:8702", "HOTPAIR_PEER_LINK=10.0.0.1:8702"},
		WitnessBundle: {"HOTPAIR_WITNESS_LISTEN=10.0.0.3:8705"},
	}
	var secrets []string
	for name, settings := range wants {
		b, err := bundle.Decode([]byte(files[name]), "")
		if err != nil {
			t.Fatal(name, err)
		}
		for _, s := range settings {
			if !slices.Contains(b.Settings, s) {
				t.Errorf("%s lacks %s: %v", name, s, b.Settings)
			}
		}
		if b.Name.Pair != root.Pair() || bytes.Contains([]byte(said), []byte(b.Secret.Reveal())) {
			t.Errorf("%s: %s; said %s", name, b.Name, said)
		}
		if name != WitnessBundle && (len(b.Terminals) != 2 || b.Terminals[0].URL != "nats://10.0.1.1:4223" || b.Terminals[1].URL != "nats://10.0.1.2:5000") {
			t.Errorf("%s: %v", name, b.Terminals)
		}
		secrets = append(secrets, b.Secret.Reveal())
	}
	if slices.Sort(secrets); secrets[0] != secrets[2] {
		t.Error("the secrets of the three differ")
	}
	for _, want := range []string{"hotpair join a.bundle", "hotpair join b.bundle", "hotpair join witness.bundle", "10.0.0.3", "root.key"} {
		if !strings.Contains(said, want) || !strings.Contains(files[NextFile], want) {
			t.Errorf("%q is missing in\n%s\n%s", want, said, files[NextFile])
		}
	}
	if again, err := initialise(t, "--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "10.0.0.3", "--out", out); !errors.Is(err, ErrExists) {
		t.Errorf("over what is there: %v, %s", err, again)
	}
	if now := all(t, out); !slices.Equal([]string{now[RootFile], now["a.bundle"]}, []string{files[RootFile], files["a.bundle"]}) {
		t.Error("something was overwritten")
	}
}

func TestInit_SealsWithPassphrases(t *testing.T) {
	dir := t.TempDir()
	rootWords, bundleWords := filepath.Join(dir, "root"), filepath.Join(dir, "bundles")
	if err := errors.Join(os.WriteFile(rootWords, []byte("for the root\n"), 0o600), os.WriteFile(bundleWords, []byte("for the bundles\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "pair")
	if said, err := initialise(t, "--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--out", out, "--root-passphrase-file", rootWords, "--bundle-passphrase-file", bundleWords); err != nil {
		t.Fatal(err, said)
	}
	files := all(t, out)
	if _, there := files[WitnessBundle]; there {
		t.Error("a bundle for a witness that there is not")
	}
	b, err := bundle.Decode([]byte(files["b.bundle"]), "for the bundles")
	if err != nil || b.Setting("WITNESS") != "none" {
		t.Errorf("%v, %v", b.Settings, err)
	}
	if _, err := bundle.Decode([]byte(files["b.bundle"]), "for the root"); !errors.Is(err, bundle.ErrPassphrase) {
		t.Errorf("the root's passphrase opens a bundle: %v", err)
	}
	if _, err := authority.OpenRoot(filepath.Join(out, RootFile), ""); !errors.Is(err, authority.ErrPassphrase) {
		t.Errorf("%v", err)
	}
	if root, err := authority.OpenRoot(filepath.Join(out, RootFile), "for the root"); err != nil || root.Pair() != b.Name.Pair {
		t.Errorf("%v", err)
	}
}

// TestInit_DryRunWritesNothing: every file is shown with its content, and nothing that is secret.
func TestInit_DryRunWritesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, form := range []string{"", "--json"} {
		args := []string{"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "10.0.0.3", "--out", filepath.Join(dir, "pair"), "--dry-run"}
		if form != "" {
			args = append(args, form)
		}
		said, err := initialise(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"root.key", "a.bundle", "b.bundle", "witness.bundle", "NEXT.txt", "HOTPAIR_PEER_LINK=10.0.0.1:7702", "0600"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is missing in\n%s", want, said)
			}
		}
		if strings.Contains(said, "BEGIN") || strings.Contains(said, "AGE-SECRET") || strings.Contains(said, `"key":`) {
			t.Errorf("a secret is shown:\n%s", said)
		}
		if form != "" && !json.Valid([]byte(said)) {
			t.Errorf("no JSON: %s", said)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestInit_SaysWhatIsWrong: whatever can't be a pair is refused as wrong usage, with what to write, and nothing is made.
func TestInit_SaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none")
	for want, args := range map[string][]string{
		"have the address 10.0.0.9":          {"--hosts", "a=10.0.0.9,b=::ffff:10.0.0.9", "--witness", "none"},
		"have the address n.example":         {"--hosts", "a=n.example,b=N.example", "--witness", "none"},
		"is the address of host b":           {"--hosts", "a=10.0.0.1,b=fd00::2", "--witness", "fd00:0:0::2"},
		`"10.0.0.256" is neither`:            {"--hosts", "a=10.0.0.256,b=10.0.0.2", "--witness", "none"},
		`"010.0.0.1" is neither`:             {"--hosts", "a=10.0.0.2,b=010.0.0.1", "--witness", "none"},
		`"10.0.3" is neither`:                {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "10.0.3"},
		"--hosts and --witness are required": {},
		"give two hosts":                     {"--hosts", "a=10.0.0.1", "--witness", "none"},
		"not NAME=ADDRESS":                   {"--hosts", "10.0.0.1,b=10.0.0.2", "--witness", "none"},
		"give each its own name":             {"--hosts", "a=10.0.0.1,a=10.0.0.2", "--witness", "none"},
		"both have the address":              {"--hosts", "a=10.0.0.1,b=10.0.0.1", "--witness", "none"},
		"is the address of host a":           {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "10.0.0.1"},
		"not a host name":                    {"--hosts", "A!=10.0.0.1,b=10.0.0.2", "--witness", "none"},
		"no host may be named witness":       {"--hosts", "witness=10.0.0.1,b=10.0.0.2", "--witness", "none"},
		"neither an IP address":              {"--hosts", "a=10.0.0.1:7702,b=10.0.0.2", "--witness", "none"},
		"that other machines can reach":      {"--hosts", "a=0.0.0.0,b=10.0.0.2", "--witness", "none"},
		"address missing":                    {"--hosts", "a=,b=10.0.0.2", "--witness", "none"},
		"not a pair id":                      {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--pair", "My Shop"},
		"not built in":                       {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--services", "orders"},
		"--terminals":                        {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--terminals", "till 1=10.0.1.1"},
		"--terminals-file":                   {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--terminals-file", missing},
		"with its port":                      {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--ports", "lnk=1"},
		"are both 7701":                      {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--ports", "link=7701"},
		"--root-passphrase-file":             {"--hosts", "a=10.0.0.1,b=10.0.0.2", "--witness", "none", "--root-passphrase-file", missing},
		"takes no argument":                  {"pair"},
		"unknown flag":                       {"--host", "a"},
	} {
		said, err := initialise(t, append([]string{"--out", filepath.Join(dir, "pair")}, args...)...)
		if !errors.Is(err, operator.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, %s", args, err, said)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestInit_AsksForWhatIsMissing: what a flag has said is not asked for, what stands in brackets is taken for nothing, and what can't be is asked for again.
func TestInit_AsksForWhatIsMissing(t *testing.T) {
	var out bytes.Buffer
	answers := strings.Join([]string{"a=10.0.0.1", "a=10.0.0.1,b=10.0.0.2", "none", "My Shop", "", "till-1=10.0.1.1", "correct horse", "correct horse", ""}, "\n") + "\n"
	w, rootWords, bundleWords := wishes{services: "kv"}, "", ""
	if err := w.ask(questions.New(t.Context(), strings.NewReader(answers), &out), &rootWords, &bundleWords); err != nil {
		t.Fatal(err, out.String())
	}
	p, err := w.plan()
	if err != nil || p.Hosts[1].Address != "10.0.0.2" || !p.Witnessless() || p.Pair == "" || len(p.Terminals) != 1 || p.Services.String() != "kv" || rootWords != "correct horse" || bundleWords != "" {
		t.Errorf("%+v, %q, %q, %v", p, rootWords, bundleWords, err)
	}
	for _, flag := range []string{"--hosts", "--witness", "--pair", "--terminals", "--root-passphrase-file", "--bundle-passphrase-file", "give two hosts", "not a pair id", "[" + p.Pair + "]"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("%q is missing in\n%s", flag, out.String())
		}
	}
	if strings.Contains(out.String(), "--services") {
		t.Errorf("it asks for what was said:\n%s", out.String())
	}
}

// TestWrite_IsWholeOrNotAtAll: what can't be finished leaves nothing behind.
func TestWrite_IsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "pair"), []File{{Name: "one", Content: []byte("1")}, {Name: "no/such/folder"}}); err == nil {
		t.Error("written")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "pair"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "pair")+"/", []File{{Name: "one", Content: []byte("1")}}); err != nil {
		t.Errorf("into an empty directory: %v", err)
	}
}

// TestFoundUnder_KeepsTheRoot: a root that there is signs for another pair of machines.
func TestFoundUnder_KeepsTheRoot(t *testing.T) {
	now := time.Now()
	root, err := authority.New("shop", now)
	if err != nil {
		t.Fatal(err)
	}
	ports := DefaultPorts()
	p, err := Plan{Hosts: [2]Machine{{"a", "10.0.0.1", ports}, {"b", "10.0.0.2", ports}}, Witness: Machine{Address: "10.0.0.3", Ports: ports}}.FoundUnder(root, now)
	if err != nil || !p.Root.Certificate().Equal(root.Certificate()) || p.Bundles[0].Check() != nil || p.Bundles[2].Name.Pair != "shop" {
		t.Errorf("%v", err)
	}
}
