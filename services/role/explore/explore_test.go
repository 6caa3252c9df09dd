package main

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// TestExplore takes the first states of every scenario, all of them with -long (some minutes).
func TestExplore(t *testing.T) {
	total := 0
	for _, chosen := range plan.Scenarios() {
		s := scenario{chosen}
		t.Run(s.Name, func(t *testing.T) {
			s.States = 2500
			if *long {
				s.States, s.Within = 0, time.Minute
			}
			r := s.explore(nil)
			total += r.states
			t.Log(s.summary(r))
			if r.failure != "" {
				var trace strings.Builder
				s.tell(&trace, r.trace)
				t.Error(trace.String())
			}
		})
	}
	t.Logf("%d states in all", total)
}

// TestExploreIsRepeatable: the same exploration gives the same states, so a trace can be had again.
func TestExploreIsRepeatable(t *testing.T) {
	for _, chosen := range plan.Scenarios()[:3] {
		s := scenario{chosen}
		s.States = 2000
		first, second := s.explore(nil), s.explore(nil)
		if first.states != second.states || first.edges != second.edges || first.depth != second.depth {
			t.Errorf("%s: %d states, %d steps, depth %d, then %d, %d, %d", s.Name, first.states, first.edges, first.depth, second.states, second.edges, second.depth)
		}
	}
}
