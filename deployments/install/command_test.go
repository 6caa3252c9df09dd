package install

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/operator"
)

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
		{sealed, []string{"--passphrase-file", words}, "another passphrase", bundle.ErrPassphrase},
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
