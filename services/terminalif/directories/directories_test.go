package directories

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
)

func TestSeen_TellsAnewFromTwice(t *testing.T) {
	now := time.Now()
	for what, c := range map[string]struct {
		says    string // directories, a letter each; digits let so many tenths of an hour pass
		renewed uint64
		twice   bool
	}{
		"always the same":         {"aaaa", 0, false},
		"set up anew":             {"aab", 1, false},
		"set up anew twice":       {"abc", 2, false},
		"by turns":                {"aba", 1, true},
		"by turns, seen seldom":   {"ab5a", 1, true},
		"an old disk put back in": {"ab5555a", 1, false},
		"an old program":          {"a--b", 1, false},
		"the first after nothing": {"-a", 0, false},
	} {
		var s Seen
		at := now
		for _, r := range c.says {
			switch {
			case r >= '0' && r <= '9':
				at = at.Add(time.Duration(r-'0') * time.Hour / 10)
			case r == '-':
				s.Note("t1", "", at)
				s.Note("t1", strings.Repeat("x", mostName+1), at)
			default:
				s.Note("t1", string(r), at)
				s.Note("t2", "another", at)
			}
		}
		got := s.State()
		if got.Renewed != c.renewed || (got.Twice == "t1") != c.twice || got.TwiceAt.IsZero() == c.twice || c.renewed > 0 && got.Last != "t1" {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestSeen_IsBounded(t *testing.T) {
	var s Seen
	for n := range 100 {
		s.Note("t1", fmt.Sprint(n), time.Now())
	}
	if len(s.of["t1"]) != most || s.State() != (bus.DirectoriesSeen{Renewed: 99, Last: "t1"}) {
		t.Errorf("%d, %+v", len(s.of["t1"]), s.State())
	}
}
