package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

// opened opens the journal of a host that has been in a pair and gives how often it said that it lacks something.
func opened(t *testing.T, dir string) (lacks int, end history.Mark) {
	t.Helper()
	ctx := journaltest.Within(t, 20*time.Second)
	j := New(Config{Host: "b", Dir: dir, Used: true, Lacks: func() error { lacks++; return nil }})
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	l := NewLog(j, history.Mark{})
	if err := l.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return lacks, l.End()
}

// The file that remembers where the journal ended was renamed without an fsync, so a power failure could leave it empty; and an
// empty one counted as a journal that is gone: both hosts of a pair left the set with all of their journals in place.
// Whatever stands in that file, a whole journal is whole, and one that lacks something is found by what it is.
func TestFault_A3_TheHintIsOnlyAHint(t *testing.T) {
	whole := t.TempDir()
	all := fill(t, whole, 5)
	other := t.TempDir()
	fill(t, other, 50)
	old, err := os.ReadFile(filepath.Join(whole, hintName))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(other, hintName))
	if err != nil {
		t.Fatal(err)
	}
	var edited map[string]any
	if err := json.Unmarshal(old, &edited); err != nil {
		t.Fatal(err)
	}
	edited["last"] = 1 << 40
	high, err := json.Marshal(edited)
	if err != nil {
		t.Fatal(err)
	}
	hints := map[string][]byte{ // nil: no file
		"its_own": old, "missing": nil, "empty": {}, "zeros": make([]byte, len(old)), "cut_short": old[:len(old)/2], "null": []byte("null"), "of_nothing": []byte("{}"),
		"of_another_stream": foreign, "edited": high, "long": bytes.Repeat(old, 1000),
	}
	for name, raw := range hints {
		for _, lost := range []bool{false, true} {
			state := "whole"
			if lost {
				state = "lost"
			}
			t.Run(name+"/"+state, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, hintName)
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if raw != nil {
					if err := os.WriteFile(path, raw, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if lost {
					if err := os.RemoveAll(filepath.Join(dir, "stream")); err != nil {
						t.Fatal(err)
					}
				}
				lacks, end := opened(t, dir)
				if lost != (lacks == 1) {
					t.Errorf("a journal that is %s was said %d times to lack something", state, lacks)
				}
				if !lost && end != journaltest.End(all) {
					t.Errorf("ends at %v", end.Position)
				}
				// The next start has a hint that fits.
				if again, _ := opened(t, dir); again != 0 && !lost {
					t.Errorf("the next start says %d times that something is lacking", again)
				}
			})
		}
	}
}

// A stream that is shorter than its hint says is still found.
func TestFault_A3_AShortenedJournalIsStillNoticed(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name       string
		there      hint
		known      bool
		last       uint64
		used, want bool
	}{
		{"shorter", hint{Created: now, Last: 7}, true, 6, true, true},
		{"shorter, never in a pair", hint{Created: now, Last: 7}, true, 0, false, true},
		{"as long", hint{Created: now, Last: 7}, true, 7, true, false},
		{"never appended to", hint{Created: now}, true, 0, true, false},
		{"another stream, with messages", hint{Created: now.Add(time.Second), Last: 70}, true, 6, true, false},
		{"another stream, empty", hint{Created: now.Add(time.Second), Last: 70}, true, 0, true, true},
		{"another stream, empty, never in a pair", hint{Created: now.Add(time.Second), Last: 70}, true, 0, false, true},
		{"no hint, with messages", hint{}, false, 6, true, false},
		{"no hint, empty", hint{}, false, 0, true, true},
		{"no hint, empty, new", hint{}, false, 0, false, false},
	} {
		if got := lacking(c.there, c.known, now, c.last, c.used); got != c.want {
			t.Errorf("%s: lacking %t", c.name, got)
		}
	}
}
