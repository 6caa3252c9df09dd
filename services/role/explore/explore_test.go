package main

import (
	"strings"
	"testing"
	"time"
)

// TestExplore takes the first states of every scenario, all of them with -long (some minutes).
func TestExplore(t *testing.T) {
	total := 0
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			s.states = 2500
			if *long {
				s.states, s.within = 0, time.Minute
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
	for _, s := range scenarios()[:3] {
		s.states = 2000
		first, second := s.explore(nil), s.explore(nil)
		if first.states != second.states || first.edges != second.edges || first.depth != second.depth {
			t.Errorf("%s: %d states, %d steps, depth %d, then %d, %d, %d", s.name, first.states, first.edges, first.depth, second.states, second.edges, second.depth)
		}
	}
}
