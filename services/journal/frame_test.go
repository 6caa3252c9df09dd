package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

func messages(tb testing.TB) []Message {
	entries := journaltest.Chain(tb, history.Mark{}, 3, 5, "text")
	return []Message{
		frameOf(Term{4, 9}, history.Mark{}, entries),
		frameOf(Term{3, 1}, journaltest.End(entries[:1]), entries[1:2]),
		{Fence: &Fence{Term: Term{4, 9}, Host: "a"}},
		{Truncation: &Truncation{Term: Term{4, 9}, End: journaltest.End(entries)}},
	}
}

func TestMessage_RoundTrip(t *testing.T) {
	for _, m := range messages(t) {
		raw := encoded(t, m)
		back, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, back); d != "" {
			t.Error(d)
		}
		if again := encoded(t, back); !bytes.Equal(raw, again) {
			t.Error("other bytes for the same message")
		}
	}
}

// The bytes of released versions stay readable, and do not change unnoticed. Delete the files to write them anew.
func TestMessage_Golden(t *testing.T) {
	for i, m := range messages(t) {
		path := filepath.Join("testdata", fmt.Sprintf("message-v%d-%d.bin", messageVersion, i))
		want, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			want = encoded(t, m)
			err = os.WriteFile(path, want, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(want); err != nil || cmp.Diff(m, back) != "" {
			t.Errorf("%s: %v\n%s", path, err, cmp.Diff(m, back))
		}
		if !bytes.Equal(encoded(t, m), want) {
			t.Errorf("%s: the same message has other bytes now; raise messageVersion", path)
		}
	}
}

// Whatever single byte is altered, the message is refused.
func TestDecode_FindsDamage(t *testing.T) {
	for _, m := range messages(t) {
		raw := encoded(t, m)
		for i := range raw {
			bad := bytes.Clone(raw)
			bad[i] ^= 0x10
			if _, err := Decode(bad); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Fatalf("byte %d of %d: %v", i, len(raw), err)
			}
		}
		for n := range raw {
			if _, err := Decode(raw[:n]); err == nil {
				t.Fatalf("%d of %d bytes accepted", n, len(raw))
			}
		}
	}
}

func TestEncode_RefusesWhatCannotBe(t *testing.T) {
	e := journaltest.Chain(t, history.Mark{}, 3, 2, "text")
	f := *frameOf(Term{3, 1}, history.Mark{}, e).Frame
	change := func(c func(*Frame)) Message {
		g := f
		c(&g)
		return Message{Frame: &g}
	}
	for name, m := range map[string]Message{
		"nothing":           {},
		"two kinds":         {Frame: &f, Fence: &Fence{}},
		"spans epochs":      change(func(f *Frame) { f.First.Epoch = 2 }),
		"count":             change(func(f *Frame) { f.Last.Sequence++ }),
		"backwards":         change(func(f *Frame) { f.First.Sequence = 5 }),
		"sequence 0":        change(func(f *Frame) { f.First.Sequence, f.Last.Sequence = 0, 1 }),
		"epoch of the term": change(func(f *Frame) { f.Term.Epoch = 2 }),
		"no entries":        change(func(f *Frame) { f.Entries = nil }),
	} {
		if _, err := Encode(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := change(func(f *Frame) { f.Entries = [][]byte{make([]byte, MaxFrame), nil} })
	if _, err := Encode(big); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range messages(f) {
		raw := encoded(f, m)
		f.Add(raw)
		f.Add(raw[:len(raw)/2])
	}
	f.Add([]byte{1, 0xa1, 1, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		// With a checksum that fits, so that the fuzzer gets behind it.
		for _, candidate := range [][]byte{raw, summed(raw)} {
			m, err := Decode(candidate)
			if err != nil {
				continue
			}
			again, err := Encode(m)
			if err != nil {
				t.Fatalf("decoded but not encodable: %v", err)
			}
			back, err := Decode(again)
			if err != nil || cmp.Diff(m, back) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(m, back))
			}
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		entries := journaltest.Chain(b, history.Mark{Position: position.Position{Epoch: 3}}, 3, n, "a value of a usual length, as an account or a session would have it, or a bit more than that")
		m := frameOf(Term{3, 1}, history.Mark{}, entries)
		raw := encoded(b, m)
		b.Run(fmt.Sprintf("Encode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := Encode(m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Decode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Take/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				tail := NewTail(history.Mark{Position: position.Position{Epoch: 3}})
				if v, err := tail.Take(1, m); v != Taken {
					b.Fatal(v, err)
				}
			}
		})
	}
}
