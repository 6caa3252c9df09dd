package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/storage/backup"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/origin"
)

// A copy that was started with the files or the secret of the pair that it was copied from was a host of that pair to whoever met it, at every
// door: the other host could even vouch for its key at the witness. It does not start, nor does a copy of a copy.
func TestFault_A14_ACopyPassesForNoneOfThePair(t *testing.T) {
	const secret, others = config.Secret("0d2c4b6a8f1e3957"), config.Secret("5a7b9c1d3e2f4068")
	shop, look := identitytest.NewPair(t, "shop"), identitytest.NewPair(t, "look")
	files := func(p *identitytest.Pair) config.TLS {
		paths := p.Write(t.TempDir(), identity.Host(p.ID, "a"))
		return config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}
	}
	ofShop, ofLook, none := files(shop), files(look), config.TLS{Insecure: true}
	made := func(header backup.Header, asCopy bool) (dir string) {
		t.Helper()
		dir = t.TempDir()
		place := offline.Place{Dir: dir, Host: "a"}
		key := config.BackupKey(secret)
		if header.PairID != "pair" {
			key = config.BackupKey(others)
		}
		file := backedUpBy(t, key, header)
		if _, err := (Files{}).Restore(t.Context(), offline.RestoreRequest{Place: place, File: file, Proof: offline.Proof{Key: key}}, func(string, float64) {}); err != nil {
			t.Fatal(err)
		}
		if err := Apart(dir, "a", secret, ofShop); err != nil && len(header.Copied) == 0 {
			t.Errorf("before anybody has said what it is to be: %v", err)
		}
		kept := filepath.Join(dir, identity.KeptFile)
		if err := os.WriteFile(kept, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (Files{}).Finish(t.Context(), place, asCopy); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(kept); (err == nil) == asCopy {
			t.Errorf("as a copy %v, what proved it before: %v", asCopy, err)
		}
		return dir
	}
	ofPair := backup.Header{PairID: "pair", Trust: "shop"}
	copied, in := made(ofPair, true), made(ofPair, false)
	origins, err := origin.Read(copied)
	if err != nil || len(origins.Copied) != 1 {
		t.Fatalf("%+v, %v", origins, err)
	}
	twice := made(backup.Header{PairID: "look's", Trust: "look", Copied: origins.Copied}, true)
	again := made(backup.Header{PairID: "look's", Trust: "look", Copied: origins.Copied}, false)
	older := made(backup.Header{PairID: "pair"}, true)
	for _, c := range []struct {
		name   string
		dir    string
		secret config.Secret
		files  config.TLS
		says   string // "" starts
	}{
		{"a copy with all of the pair's", copied, secret, ofShop, "HOTPAIR_TLS_CERT: " + ofShop.TLSCert + " is of pair shop"},
		{"a copy with the pair's certificate", copied, others, ofShop, "another name (hotpair authority init"},
		{"a copy with the pair's secret", copied, secret, ofLook, "HOTPAIR_PAIR_SECRET is that of pair pair"},
		{"a copy with the pair's secret alone", copied, secret, none, "another HOTPAIR_PAIR_SECRET"},
		{"a copy with its own", copied, others, ofLook, ""},
		{"a copy without certificates", copied, others, none, ""},
		{"what takes the pair's place", in, secret, ofShop, ""},
		{"what takes the pair's place, with others", in, others, ofLook, ""},
		{"a copy of a copy, with the first pair's certificate", twice, "d41f8a0be2735c96", ofShop, "is of pair shop"},
		{"a copy of a copy, with the copy's", twice, "d41f8a0be2735c96", ofLook, "is of pair look"},
		{"a copy of a copy, with the first pair's secret", twice, secret, none, "that of pair pair"},
		{"a copy of a copy, with its own", twice, "d41f8a0be2735c96", none, ""},
		{"what takes a copy's place", again, others, ofLook, ""},
		{"what takes a copy's place, with the first pair's", again, others, ofShop, "is of pair shop"},
		{"a copy of a backup that names no certificates", older, secret, ofShop, "HOTPAIR_PAIR_SECRET"},
		{"a directory that was never restored", t.TempDir(), secret, ofShop, ""},
	} {
		err := Apart(c.dir, "a", c.secret, c.files)
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrCopied) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// While new files can't be used the last good ones serve, which may be the pair's.
	kept := ofLook
	kept.TLSKey = filepath.Join(t.TempDir(), "gone")
	var all []byte
	for _, path := range []string{ofShop.TLSCert, ofShop.TLSKey, ofShop.TLSCa} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	if err := os.WriteFile(filepath.Join(copied, identity.KeptFile), all, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Apart(copied, "a", others, kept); !errors.Is(err, ErrCopied) {
		t.Errorf("a copy that falls back to the pair's files: %v", err)
	}
	if err := os.WriteFile(filepath.Join(copied, origin.FileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Apart(copied, "a", others, ofLook); !errors.Is(err, format.ErrDamaged) {
		t.Errorf("nobody knows what it was copied from: %v", err)
	}
}

// backedUpBy gives a small backup with a header and a key.
func backedUpBy(t *testing.T, key string, h backup.Header) string {
	t.Helper()
	return backedUpAs(t, backup.Key(key), h, history.Entry{Kind: history.KindUpdate, Space: "kv", Effects: []history.Effect{{Key: []byte("k"), Value: []byte("v")}}})
}
