package authority

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/level/leveltest"
	"github.com/hotpair/hotpair/services/sealing"
)

var rewrite = leveltest.Rewrite()

// Each host opens the issuing key with its own seal, and nobody else does.
func TestIssuer_IsSealedForBothHosts(t *testing.T) {
	_, issuer := newIssuer(t, "p1", time.Now())
	a, pathA := newSeal(t)
	b, _ := newSeal(t)
	stranger, _ := newSeal(t)
	path := filepath.Join(t.TempDir(), "issuing.sealed")
	if _, err := Open(path, a); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), path) {
		t.Errorf("before there is one: %v", err)
	}
	if err := issuer.Write(path, a.Recipient(), b.Recipient()); err != nil {
		t.Fatal(err)
	}
	for _, seal := range []*Seal{a, b} {
		got, err := Open(path, seal)
		if err != nil || !bytes.Equal(got.chain[0].Raw, issuer.chain[0].Raw) {
			t.Errorf("%v", err)
		}
	}
	again, err := ReadSeal(pathA)
	if err != nil || again.Recipient() != a.Recipient() {
		t.Fatalf("%v", err)
	}
	if _, err := Open(path, again); err != nil {
		t.Error(err)
	}
	if _, err := Open(path, stranger); !errors.Is(err, ErrWrongSeal) || !strings.Contains(err.Error(), "new issuing key") {
		t.Errorf("with the seal of another: %v", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("PRIVATE")) || !bytes.Contains(raw, []byte(`"pair":"p1"`)) {
		t.Errorf("%v: %.300s", err, raw)
	}
	for _, nobody := range []Recipient{"", "age1", "AGE-SECRET-KEY-1"} {
		if _, err := issuer.Seal(nobody); !errors.Is(err, ErrRequest) {
			t.Errorf("sealed for %q: %v", nobody, err)
		}
	}
	if _, err := issuer.Seal(); !errors.Is(err, ErrRequest) {
		t.Errorf("sealed for nobody: %v", err)
	}
}

// Whatever is wrong with a sealed file is said as it is: damage is no wrong seal.
func TestOpen_TellsDamageFromAWrongSeal(t *testing.T) {
	_, issuer := newIssuer(t, "p1", time.Now())
	seal, _ := newSeal(t)
	raw, err := issuer.Seal(seal.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, with string) []byte {
		if !bytes.Contains(raw, []byte(old)) {
			t.Fatalf("no %q in %.300s", old, raw)
		}
		return bytes.Replace(raw, []byte(old), []byte(with), 1)
	}
	files := map[string]struct {
		raw  []byte
		says string
	}{
		"empty":               {nil, "not a file with the issuing key"},
		"something else":      {[]byte("hello\nworld\n"), "not a file with the issuing key"},
		"one line":            {bytes.Repeat([]byte("x"), 60_000), "not a file with the issuing key"},
		"cut off":             {raw[:len(raw)/2], "checksum"},
		"a line more":         {append(bytes.Clone(raw), '\n'), "checksum"},
		"of another pair":     {change(`"pair":"p1"`, `"pair":"p2"`), `sealed in it is the "issuing key" of pair "p1"`},
		"no pair":             {change(`"pair":"p1"`, `"pair":""`), "not a pair id"},
		"of a later form":     {change(`form":1`, `form":2`), "format 2"},
		"a root":              {change(`"kind":"issuing key"`, `"kind":"root key"`), "root key"},
		"sealed by a prayer":  {change(`"sealed_by":"key file"`, `"sealed_by":"prayer"`), "prayer"},
		"sealed by words":     {change(`"sealed_by":"key file"`, `"sealed_by":"passphrase"`), "sealed by a passphrase"},
		"said not to be":      {change(`"sealed_by":"key file"`, `"sealed_by":"nothing"`), "is not sealed"},
		"larger than allowed": {make([]byte, maxFile+1), "bytes"},
	}
	for n := 0; n < len(raw); n += 97 {
		bent := bytes.Clone(raw)
		bent[n] ^= 1
		files["bent at "+string(rune('0'+n/97%10))+strings.Repeat("'", n/970)] = struct {
			raw  []byte
			says string
		}{bent, ""}
	}
	for what, c := range files {
		path := filepath.Join(t.TempDir(), "issuing.sealed")
		if err := os.WriteFile(path, c.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Open(path, seal); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSeal_KeyFiles(t *testing.T) {
	seal, path := newSeal(t)
	if _, err := NewSeal(path); !errors.Is(err, ErrExists) {
		t.Errorf("over the only one: %v", err)
	}
	moved := path + ".moved" // what it says to do
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if other, err := NewSeal(path); err != nil || other.Recipient() == seal.Recipient() {
		t.Errorf("once that is moved away: %v", err)
	}
	if err := os.Rename(moved, path); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadSeal(path); err != nil || again.Recipient() != seal.Recipient() {
		t.Fatalf("%v", err)
	}
	secret := seal.identities[0].String()
	for what, c := range map[string]struct {
		text string
		is   error
	}{
		"a new one and an old one": {"# new\nAGE\n\n# old\nAGE\n", nil},
		"empty":                    {"", ErrDamaged},
		"remarks only":             {"# key\n", ErrDamaged},
		"cut off":                  {secret[:40], ErrDamaged},
		"for somebody":             {string(seal.Recipient()), ErrDamaged},
		"too many":                 {strings.Repeat("AGE\n", 5), ErrDamaged},
		"too large":                {strings.Repeat("#\n", 10_000), ErrDamaged},
	} {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(c.text, "AGE", secret)), 0o600); err != nil {
			t.Fatal(err)
		}
		if what == "cut off" {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := ReadSeal(path)
		if !errors.Is(err, c.is) || c.is == nil && err != nil || err != nil && (strings.Contains(err.Error(), secret[20:30]) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSeal(path); !errors.Is(err, identity.ErrReadable) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by its group: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSeal(path); !errors.Is(err, ErrSealLost) || !strings.Contains(err.Error(), "root sign a new issuing key") {
		t.Errorf("lost: %v", err)
	}
}

// TestLevel_Files: what stands in the files of this level, and that kept ones open.
func TestLevel_Files(t *testing.T) {
	leveltest.Check(t, *rewrite, leveltest.JSON[header]("key-file-header"), leveltest.Filled[header]())
	leveltest.Check(t, *rewrite, leveltest.JSON[secret]("key-file-secret"), leveltest.Filled[secret]())
	const dir, words = "testdata/level1", "correct horse"
	kept := func(name string) string { return filepath.Join(dir, name) }
	if *rewrite {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		root, issuer := newIssuer(t, "p1", at)
		seal, path := newSeal(t)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := issuer.Seal(seal.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "root.key")
		if err := root.create(file, words, 10); err != nil {
			t.Fatal(err)
		}
		rooted, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, raw := range map[string][]byte{"seal.key": text, "issuing.sealed": sealed, "root.key": rooted} {
			if err := os.WriteFile(kept(name), raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(kept(name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	seal, err := ParseSeal(read("seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := Unseal(read("issuing.sealed"), seal)
	if err != nil {
		t.Fatal(err)
	}
	root, err := parseRoot(read("root.key"), words)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root.Certificate().Raw, issuer.Root().Raw) || root.Pair() != "p1" {
		t.Error("what was kept does not fit")
	}
}

// Nothing that stands in a file makes a program fail: it is opened, or refused with one of these errors.
func FuzzUnseal(f *testing.F) {
	seal, err := ParseSeal(golden(f, "seal.key"))
	if err != nil {
		f.Fatal(err)
	}
	sealed := golden(f, "issuing.sealed")
	f.Add(sealed)
	f.Add(golden(f, "root.key"))
	first, _, _ := bytes.Cut(sealed, []byte("\n"))
	f.Add(first)
	open, err := json.Marshal(leveltest.Filled[secret]())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(append([]byte(`{"hotpair_key_form":1,"kind":"root key","pair":"p1","sealed_by":"nothing","sha256":""}`), '\n'), open...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = summed(raw)
		i, err := Unseal(raw, seal)
		if err == nil && (i.Pair() == "" || i.Root() == nil || SignedBy(i.Root(), i.chain...) != nil) {
			t.Fatalf("opened without its parts: %+v", i)
		}
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongSeal) {
			t.Fatal(err)
		}
		if _, err := parseRoot(raw, ""); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) {
			t.Fatal(err)
		}
		if _, err := ParseSeal(raw); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}

// summed gives a file the checksum that it should have, where it has a first line: what is behind it could not be reached else.
func summed(raw []byte) []byte {
	first, body, found := bytes.Cut(raw, []byte("\n"))
	var head header
	if !found || json.Unmarshal(first, &head) != nil {
		return raw
	}
	head.Sum = sealing.Sum(body)
	first, err := json.Marshal(head)
	if err != nil {
		return raw
	}
	return append(append(first, '\n'), body...)
}

func golden(f *testing.F, name string) []byte {
	raw, err := os.ReadFile(filepath.Join("testdata/level1", name))
	if err != nil {
		f.Fatal(err)
	}
	return raw
}
