package offline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
)

// TestAuthority_OfAPair: init, show, rotate and issue do what they say, each machine's files are good, and nothing that exists is overwritten.
func TestAuthority_OfAPair(t *testing.T) {
	dir := t.TempDir()
	pass, wrong := filepath.Join(dir, "pass"), filepath.Join(dir, "wrong")
	for path, words := range map[string]string{pass: "correct horse battery\n", wrong: "incorrect horse\n", filepath.Join(dir, "short"): "horse\n", filepath.Join(dir, "damaged"): "no key\n"} {
		if err := os.WriteFile(path, []byte(words), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, root := filepath.Join(dir, "out"), filepath.Join(dir, "out", "root.key")
	said := func(line string) string {
		t.Helper()
		text, err := run(t, "authority "+line, "", AuthorityCommand())
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, text)
		}
		return text
	}
	if text := said("init --pair shop --out " + out + " --passphrase-file " + pass + " --hosts north,south --terminals till-1"); !strings.Contains(text, "The authority of pair shop is made") {
		t.Error(text)
	}
	for _, node := range []string{"host/north", "host/south", "witness", "terminal/till-1"} {
		at := filepath.Join(out, node)
		files := identity.NewFiles(identity.Paths{Certificate: filepath.Join(at, "cert.pem"), Key: filepath.Join(at, "key.pem"), Roots: filepath.Join(at, "ca.pem")}, nil, nil)
		if err := files.Load(); err != nil {
			t.Errorf("%s: %v", node, err)
			continue
		}
		if own, err := files.Current(); err != nil || own.Self.Name.String() != "spiffe://shop/"+node {
			t.Errorf("%s is %v (%v)", node, own, err)
		}
	}
	// A passphrase costs a second each time, on purpose: the rest is played without one.
	open := filepath.Join(dir, "open")
	said("init --pair shop --out " + open + " --no-passphrase --hosts north,south")
	free := filepath.Join(open, "root.key")
	north := filepath.Join(open, "host", "north")
	sealed := filepath.Join(north, "issuing.key")
	if text := said("show " + sealed + " --seal " + filepath.Join(north, "seal.key")); !strings.Contains(text, "opens the issuing key of pair shop") {
		t.Error(text)
	}
	if text := said("show " + root + " --passphrase-file " + pass); !strings.Contains(text, "the root of pair shop") {
		t.Error(text)
	}
	rotated := filepath.Join(dir, "rotated")
	said("rotate --root " + free + " --out " + rotated + " --hosts north,south")
	said("issue --root " + free + " --out " + filepath.Join(dir, "new") + " witness")
	said("issue --key " + filepath.Join(rotated, "host", "south", "issuing.key") + " --seal " + filepath.Join(rotated, "host", "south", "seal.key") + " --out " + filepath.Join(dir, "new") + " terminal/till-8")

	before, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged.key")
	half := before[:len(before)/2]
	if err := os.WriteFile(damaged, half, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		is   error
		says string
	}{
		"init --pair shop --out " + out + " --passphrase-file " + pass:               {authority.ErrExists, "root.key"},
		"init --pair shop --out " + dir + "/x --passphrase-file " + dir + "/short":   {operator.ErrUsage, "at least 8 are needed"},
		"init --pair shop --out " + dir + "/x --passphrase-file " + dir + "/nowhere": {operator.ErrUsage, "nowhere"},
		"init --pair shop --out " + dir + "/x":                                       {operator.ErrUsage, "--no-passphrase"},
		"init --pair Shop! --out " + dir + "/x --no-passphrase":                      {operator.ErrUsage, "Shop!"},
		"init --pair shop --out " + dir + "/x --no-passphrase --hosts a,a":           {operator.ErrUsage, "--hosts"},
		"init --pair shop --out " + dir + "/x --no-passphrase --terminals no/id":     {operator.ErrUsage, "no/id"},
		"init --out " + dir + "/x --no-passphrase":                                   {operator.ErrUsage, "--pair"},
		"show " + root + " --passphrase-file " + wrong:                               {authority.ErrPassphrase, "root.key"},
		"show " + root:             {authority.ErrPassphrase, "--passphrase-file"},
		"show " + damaged:          {authority.ErrDamaged, "damaged.key"},
		"show " + dir + "/nowhere": {authority.ErrNone, "nowhere"},
		"show " + sealed + " --seal " + filepath.Join(rotated, "host", "north", "seal.key"):   {authority.ErrWrongSeal, "issuing.key"},
		"show " + sealed + " --seal " + dir + "/damaged":                                      {nil, "damaged"},
		"show " + sealed + " --passphrase-file " + pass:                                       {nil, "issuing.key"},
		"rotate --root " + damaged + " --out " + dir + "/y":                                   {authority.ErrDamaged, "damaged.key"},
		"rotate --root " + free + " --out " + rotated + " --hosts north,south":                {authority.ErrExists, "seal.key"},
		"issue --root " + free + " --out " + dir + "/new witness":                             {authority.ErrExists, "witness"},
		"issue --root " + free + " --out " + dir + "/z till-9":                                {operator.ErrUsage, "terminal/ID"},
		"issue --out " + dir + "/z witness":                                                   {operator.ErrUsage, "--root"},
		"issue --root " + free + " --key " + sealed + " --seal x --out " + dir + "/z witness": {operator.ErrUsage, "either"},
		"issue --root " + free + " --out " + dir + "/z":                                       {operator.ErrUsage, ""},
		"fix": {operator.ErrUsage, "fix"},
	} {
		text, err := run(t, "authority "+line, "", AuthorityCommand())
		if err == nil || want.is != nil && !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s:\n%v\nwant %v, %q\n%s", line, err, want.is, want.says, text)
		}
	}
	if after, err := os.ReadFile(root); err != nil || string(after) != string(before) {
		t.Errorf("the root has changed: %v", err)
	}
	for _, left := range []string{"x", "y", "z"} {
		if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
			t.Errorf("a command that failed left %s", left)
		}
	}
}
