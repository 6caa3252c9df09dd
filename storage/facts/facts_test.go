package facts

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

func openFacts(t *testing.T, dir string) *Facts {
	t.Helper()
	f, err := Open(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFacts_SurviveReopening(t *testing.T) {
	dir := t.TempDir()
	f := openFacts(t, dir)
	first := f.Get()
	if first.Identity == "" || first.Host != "a" {
		t.Errorf("fresh facts %+v", first)
	}
	end := history.Mark{Position: position.Position{Epoch: 1, Sequence: 1}, Digest: history.Digest{1}}
	err := f.Update(func(d *Data) error {
		d.PairID, d.Epoch, d.Term, d.RecordVersion, d.Session = "p", 7, 6, 12, 3
		d.Note = membership.Note{Version: 12, Epoch: 7, Out: true}
		d.Receiving = &SnapshotState{Base: end, Cursor: []byte{1}, Until: end}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := openFacts(t, dir).Get()
	if diff := cmp.Diff(f.Get(), got); diff != "" || got.Identity != first.Identity || got.Receiving.Base != end {
		t.Errorf("reopened %+v\n%s", got, diff)
	}
	got.Receiving.Cursor[0] = 9
	if f.Get().Receiving.Cursor[0] != 1 {
		t.Error("what Get gives is shared")
	}
	if other, err := Open(t.TempDir(), "a"); err != nil || other.Get().Identity == first.Identity {
		t.Errorf("identities are not random: %v", err)
	}
}

func TestFacts_RefuseToBeLowered(t *testing.T) {
	f := openFacts(t, t.TempDir())
	set := func(n uint64) func(*Data) error {
		return func(d *Data) error {
			d.Epoch, d.Term, d.RecordVersion, d.Session, d.PairID = n, n, n, n, "pair"
			return nil
		}
	}
	if err := f.Update(set(5)); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	for name, c := range map[string]struct {
		change func(*Data) error
		want   error
	}{
		"epoch":          {func(d *Data) error { d.Epoch--; return nil }, ErrLower},
		"term":           {func(d *Data) error { d.Term--; return nil }, ErrLower},
		"record version": {func(d *Data) error { d.RecordVersion--; return nil }, ErrLower},
		"session":        {func(d *Data) error { d.Session--; return nil }, ErrLower},
		"pair":           {func(d *Data) error { d.PairID = "x"; return nil }, format.ErrForeign},
		"no pair":        {func(d *Data) error { d.PairID = ""; return nil }, format.ErrForeign},
		"identity":       {func(d *Data) error { d.Identity = "x"; return nil }, format.ErrForeign},
		"change's own":   {func(d *Data) error { d.Epoch++; return stop }, stop},
	} {
		before := f.Get()
		if err := f.Update(c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if diff := cmp.Diff(before, f.Get()); diff != "" {
			t.Errorf("%s changed\n%s", name, diff)
		}
	}
	if err := f.Update(set(5)); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

func TestFacts_DamagedAndForeignFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	openFacts(t, dir)
	path := filepath.Join(dir, FileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next, err := encodeFacts(Data{Version: 2, Host: "a", Identity: "x"})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name, content, host string, want error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, host); !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	expect("empty", "", "a", format.ErrDamaged)
	expect("another host", string(good), "b", format.ErrForeign)
	expect("another program", `{"name":"x"}`, "a", format.ErrForeign)
	expect("next version", string(next), "a", format.ErrVersion)
	expect("edited", strings.Replace(string(good), `"epoch": 0`, `"epoch": 1`, 1), "a", format.ErrDamaged)
	expect("other white space", strings.ReplaceAll(string(good), "  ", "\t"), "a", nil)
	for n := range good[:len(good)-1] {
		if n > 0 {
			expect(fmt.Sprint("cut at ", n), string(good[:n]), "a", format.ErrDamaged)
		}
	}
	for n := range good {
		bad := []byte(string(good))
		bad[n] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		// A flipped bit is found, or it is in white space.
		f, err := Open(dir, "a")
		if err == nil {
			var was *Facts
			if was, err = Open(dir, ""); err == nil && !cmp.Equal(was.Get(), f.Get()) {
				t.Errorf("bit of byte %d: %+v", n, f.Get())
			}
		} else if !errors.Is(err, format.ErrDamaged) && !errors.Is(err, format.ErrForeign) {
			t.Errorf("bit of byte %d: %v", n, err)
		}
	}
}

func TestFacts_DeadAfterFailedWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := openFacts(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Update(func(d *Data) error { d.Epoch++; return nil }); !errors.Is(err, format.ErrDead) {
			t.Errorf("update after the directory went: %v", err)
		}
	}
	if f.Get().Epoch != 0 {
		t.Error("a failed update is shown")
	}
}

// A process killed at any moment leaves the last acknowledged facts, or the ones it was writing.
func TestFacts_SurviveKill(t *testing.T) {
	const variable = "STORAGE_TEST_FACTS"
	if dir := os.Getenv(variable); dir != "" {
		f := openFacts(t, dir)
		for {
			if err := f.Update(func(d *Data) error { d.Epoch++; return nil }); err != nil {
				t.Fatal(err)
			}
			fmt.Println("acknowledged", f.Get().Epoch)
		}
	}
	dir := t.TempDir()
	for round := range 20 {
		child := exec.Command(os.Args[0], "-test.run=^TestFacts_SurviveKill$")
		child.Env = append(os.Environ(), variable+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var acknowledged uint64
		killed := make(chan struct{})
		for lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "acknowledged %d", &acknowledged); err == nil && killed != nil {
				kill := killed
				time.AfterFunc(time.Duration(round)*time.Millisecond, func() { _ = child.Process.Kill(); close(kill) })
				killed = nil
				defer func() { <-kill }()
			}
		}
		_ = child.Wait()
		if got := openFacts(t, dir).Get().Epoch; got != acknowledged && got != acknowledged+1 || got == 0 {
			t.Fatalf("round %d: epoch %d after %d was acknowledged", round, got, acknowledged)
		}
	}
}

func FuzzDecodeFacts(f *testing.F) {
	raw, err := encodeFacts(Data{Version: factsVersion, Host: "a", Identity: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) { _, _ = decodeFacts("facts.json", raw) })
}
