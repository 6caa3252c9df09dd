package divergent

import (
	"crypto/sha256"
	"errors"
	"os"
	"testing"

	"github.com/hotpair/hotpair/storage/format"
)

func TestDivergent_OfTheVersionWithoutACountIsRead(t *testing.T) {
	body, err := format.Encode(uncounted, &struct {
		Reason  string   `cbor:"1,keyasint"`
		Records [][]byte `cbor:"2,keyasint"`
	}{"before", [][]byte{{1}, {2}}})
	if err != nil {
		t.Fatal(err)
	}
	raw := append([]byte(magic), body...)
	sum := sha256.Sum256(raw)
	a, err := parse(append(raw, sum[:]...))
	if err != nil || a.Reason != "before" || len(a.Records) != 2 || a.Committed != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestDivergent_IsKeptAndRead(t *testing.T) {
	dir := t.TempDir()
	lost := [][]byte{[]byte("the first entry"), []byte("the second")}
	if paths, err := List(dir); err != nil || len(paths) != 0 {
		t.Errorf("nothing kept as divergent: %v, %v", paths, err)
	}
	var paths []string
	for _, reason := range []string{"first", "second"} {
		path, err := Write(dir, reason, lost, 1)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if got, err := List(dir); err != nil || len(got) != 2 || got[0] != paths[0] || got[1] != paths[1] {
		t.Errorf("listed %v, %v", got, err)
	}
	a, err := Read(paths[1])
	if err != nil || a.Reason != "second" || len(a.Records) != 2 || a.Committed != 1 || string(a.Records[1]) != string(lost[1]) {
		t.Errorf("read %+v, %v", a, err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		bad := []byte(string(raw))
		bad[n] ^= 1
		if _, err := parse(bad); !errors.Is(err, format.ErrDamaged) && !errors.Is(err, format.ErrForeign) {
			t.Errorf("bit of byte %d: %v", n, err)
		}
		if _, err := parse(raw[:n]); !errors.Is(err, format.ErrDamaged) && !errors.Is(err, format.ErrForeign) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(magic + "\x01\xa0"))
	f.Fuzz(func(t *testing.T, raw []byte) { _, _ = parse(raw) })
}
