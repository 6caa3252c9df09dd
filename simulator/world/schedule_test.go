package world

import (
	"errors"
	"testing"
	"time"
)

// TestSchedule_ReadsWhatItWrites: what is drawn is what is played when it is kept as a story.
func TestSchedule_ReadsWhatItWrites(t *testing.T) {
	verbs := map[string]bool{}
	for seed := range uint64(200) {
		s := Walk(seed, 10*time.Second)
		again, err := Parse(s.String())
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, s)
		}
		if again.String() != s.String() || again.Lease != s.Lease || again.History != s.History || again.Seed != seed {
			t.Fatalf("seed %d:\n%s\nwas read as\n%s", seed, s, again)
		}
		if other := Walk(seed, 10*time.Second); other.String() != s.String() {
			t.Fatalf("seed %d gave two schedules", seed)
		}
		for _, e := range s.Events {
			verbs[e.Verb] = true
		}
	}
	for verb := range verbsKnown() {
		if !verbs[verb] {
			t.Errorf("no schedule has %q", verb)
		}
	}
}

func verbsKnown() map[string]int { return verbs }

func TestParse_RefusesWhatIsNoSchedule(t *testing.T) {
	for _, text := range []string{
		"seed x", "1s", "1s kill", "1s kill c", "1s kill t1", "x kill a", "1s explode a", "1s cut a", "1s cut a c", "1s cut a t9",
		"1s slow a b soon", "2s kill a\n1s start a", "1s stop witness", "lease 1", "history many",
	} {
		if s, err := Parse(text); !errors.Is(err, ErrSchedule) {
			t.Errorf("%q was read as %+v, %v", text, s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Walk(1, 5*time.Second).String())
	f.Add("seed 1\n1s kill a # comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(s.String()); err != nil || again.String() != s.String() {
			t.Fatalf("%q was read as %q, and that as %q, %v", text, s, again, err)
		}
	})
}
