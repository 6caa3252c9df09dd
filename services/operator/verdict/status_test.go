package verdict_test

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

func TestProgressOf(t *testing.T) {
	for _, c := range []struct {
		began, at, end uint64
		want           operator.CatchUp
	}{
		{0, 0, 0, operator.CatchUp{Done: 1}}, {0, 43, 100, operator.CatchUp{Done: 0.43, Missing: 57}}, {50, 40, 100, operator.CatchUp{Missing: 60}},
		{50, 75, 100, operator.CatchUp{Done: 0.5, Missing: 25}}, {0, 101, 100, operator.CatchUp{Done: 1}}, {100, 50, 90, operator.CatchUp{Missing: 40}},
	} {
		if got := *operator.ProgressOf(c.began, c.at, c.end); got != c.want {
			t.Errorf("ProgressOf(%d, %d, %d) = %+v, want %+v", c.began, c.at, c.end, got, c.want)
		}
	}
}

// A pair whose witness does not answer serves, but no host may fail: the first line must not say that either may.
func TestWhole_PairWithoutItsWitness(t *testing.T) {
	for role, right := range map[string]int64{"active": 900, "standby": 0} {
		s := operator.Status{Host: "a", Role: role, Mode: "paired", Fit: true, RightUntilMS: right, Peer: operator.Peer{Host: "b", Serves: right == 0}}
		if w := verdict.Whole(s); w.Level != "warning" || !strings.Contains(w.Sentence, "no witness answers") {
			t.Errorf("%s: %s %s", role, w.Level, w.Sentence)
		}
		s.Witness.None = true
		if w := verdict.Whole(s); w.Level != "good" {
			t.Errorf("%s of a pair that has none: %s %s", role, w.Level, w.Sentence)
		}
	}
}

// While nobody served, the first line of status was yellow and its exit code 0: a host that took over for ever, or that was in sync
// beside a dead one, was not counted as an outage. It is bad whenever nobody is known to serve, whatever the reason.
func TestFault_E7_NobodyServesIsBad(t *testing.T) {
	for _, c := range []struct {
		role, mode, says string
		change           func(*operator.Status)
	}{
		{"starting", "waiting", "nobody serves: a is starting", nil},
		{"takeover", "waiting", "nobody serves: a is taking over from b", nil},
		{"handover", "paired", "nobody serves: a is handing over to b", nil},
		{"active", "paired", "its right has ended", nil},
		{"stopped", "waiting", "a has stopped", nil},
		{"standby", "paired", "takes over once it is sure that b is gone", nil},
		{"standby", "paired", "a can't take over: no witness answers", func(s *operator.Status) { s.Witness.Reachable = false }},
		{"standby", "paired", "a can't take over: the disk takes no writes", func(s *operator.Status) { s.Fit, s.Unfit = false, "the disk takes no writes" }},
		{"standby", "waiting", "a is waiting for b", func(s *operator.Status) { s.WaitingFor = "waiting for b" }},
		{"standby", "paired", "nobody is known to serve", func(s *operator.Status) { s.Peer.Link = evidence.Refused }},
	} {
		s := operator.Status{Host: "a", Role: c.role, Mode: c.mode, Fit: true, Peer: operator.Peer{Host: "b", Role: "active", Link: evidence.Connected}, Witness: operator.Witness{Reachable: true}}
		if c.change != nil {
			c.change(&s)
		}
		if w := verdict.Whole(s); w.Level != "bad" || w.ServedBy != "" || !strings.HasPrefix(w.Sentence, "nobody ") || !strings.Contains(w.Sentence, c.says) {
			t.Errorf("%s %s: %s, served by %q: %s; want %q", c.role, c.mode, w.Level, w.ServedBy, w.Sentence, c.says)
		}
	}
}

// Status said "either host may fail" while explain said that nobody would serve: what the other host says of its own fitness was not
// asked by both. A service that is down on both hosts is an outage of that service, not of the pair.
func TestFault_D2_TheVerdictKnowsWhatTheOtherHostCanDo(t *testing.T) {
	down := func(s *operator.Status) {
		s.Processes["business.tickets"] = operator.Process{State: "failed"}
	}
	for _, c := range []struct {
		name   string
		status func() operator.Status
		change func(*operator.Status)
		says   string
	}{
		{"unable", operatortest.Paired, func(s *operator.Status) { s.Peer.Unable = "not fit: updater is not ready" }, "could not take over: not fit: updater is not ready"},
		{"lacks a service", operatortest.Paired, func(s *operator.Status) { s.Peer.Down = []string{"tickets"} }, "service tickets is down on b"},
		{"down on both", operatortest.Paired, func(s *operator.Status) { down(s); s.Peer.Down = []string{"tickets"} }, "service tickets is down on both hosts"},
		{"down here", operatortest.Paired, down, "service tickets is down on a"},
		{"down on both, as the standby sees it", operatortest.Standby, func(s *operator.Status) { down(s); s.Peer.Down = []string{"tickets"} }, "service tickets is down on both hosts"},
		{"unfit standby", operatortest.Standby, func(s *operator.Status) { s.Fit, s.Unfit = false, "updater is not ready" }, "could not take over from a: updater is not ready"},
	} {
		s := c.status()
		c.change(&s)
		w := verdict.Whole(s)
		if w.Level != "warning" || w.ServedBy != "a" || !strings.Contains(w.Sentence, c.says) {
			t.Errorf("%s: %s, served by %q: %s; want %q", c.name, w.Level, w.ServedBy, w.Sentence, c.says)
		}
		a, b := operatortest.Examined()
		if d := verdict.Diagnose(w, a, &b, "", 0); d.Level == "good" || d.Summary != w.Sentence {
			t.Errorf("%s: doctor says %s %s", c.name, d.Level, d.Summary)
		}
	}
}
