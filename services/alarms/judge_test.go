package alarms

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// TestJudge: which facts are the cause of which alarm, and what it says.
func TestJudge(t *testing.T) {
	const lease = 400 * time.Millisecond
	now := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	serving := role.View{Role: role.Active, Serving: true, Epoch: 7, Known: 7, Since: time.Second, HasPeer: true, HeardAt: time.Minute,
		Peer: role.PeerView{Member: role.Member{Host: "b"}, Role: role.Standby, Epoch: 7}}
	twice := serving
	twice.Peer.Role, twice.Peer.Serving, twice.Peer.Epoch = role.Active, true, 8
	before := twice
	before.HeardAt = serving.Since
	starts := func(n int, ago time.Duration) []time.Time {
		return slices.Repeat([]time.Time{now.Add(-ago)}, n)
	}
	for what, c := range map[string]struct {
		facts Facts
		want  map[string]string // part of the sentence of each alarm
	}{
		"nothing":                    {Facts{}, nil},
		"all is well":                {Facts{View: serving, Witness: &WitnessFacts{Reachable: true}, Terminals: &bus.TerminalState{HighestEpoch: 7}, Updater: &bus.UpdaterState{}}, nil},
		"no witness at all":          {Facts{View: serving, Witness: nil}, nil},
		"another pair":               {Facts{View: role.View{Foreign: "b belongs to pair p2"}}, map[string]string{OtherPair: "b belongs to pair p2"}},
		"the witness went back":      {Facts{View: role.View{Lost: "the witness went back to version 3"}}, map[string]string{RecordLost: "version 3"}},
		"a made-up record":           {Facts{View: role.View{Foreign: "version 9 was made up", MadeUp: true}}, map[string]string{RecordLost: "made up"}},
		"a lost record, replaced":    {Facts{View: role.View{Lost: "witness W2 answers", WitnessReplaced: true}, Replaced: "w2 for w1"}, map[string]string{WitnessReplaced: "w2 for w1"}},
		"it takes no password":       {Facts{Unheard: "HOTPAIR_PAIR_SECRET differs"}, map[string]string{PeerRefuses: "refuses a: HOTPAIR_PAIR_SECRET differs"}},
		"it refuses":                 {Facts{View: role.View{Refusal: "version 1"}}, map[string]string{PeerRefuses: "refuses a: version 1"}},
		"both serve":                 {Facts{View: twice, Now: time.Minute + lease - 1}, map[string]string{TwoActives: "a serves in epoch 7 and b in epoch 8"}},
		"both served, long ago":      {Facts{View: twice, Now: time.Minute + lease}, nil},
		"it served before":           {Facts{View: before, Now: before.HeardAt}, nil},
		"a terminal knows more":      {Facts{View: serving, Terminals: &bus.TerminalState{HighestEpoch: 9}}, map[string]string{EpochAhead: "seen epoch 9, this host knows only 7"}},
		"it does not know yet":       {Facts{View: role.View{Role: role.Starting}, Terminals: &bus.TerminalState{HighestEpoch: 9}}, nil},
		"the witness is away":        {Facts{Witness: &WitnessFacts{Address: "w:1", Problem: "no route"}}, map[string]string{NoWitness: "a reaches no witness at w:1: the next failure stops the service (no route)"}},
		"another witness":            {Facts{Replaced: "w2 for w1", Witness: &WitnessFacts{Reachable: true}}, map[string]string{WitnessReplaced: "no witness of this pair: the next failure stops the service (w2 for w1)"}},
		"alone":                      {Facts{View: role.View{Role: role.Active, Mode: role.Solo}}, map[string]string{SoloTooLong: "no host would take over"}},
		"the standby knows it alone": {Facts{View: role.View{Role: role.Standby, Mode: role.Solo}}, nil},
		"a process is given up": {Facts{Processes: []ProcessFacts{{Name: "kv", GaveUp: true, Last: "exit 1"}, {Name: "updater"}}},
			map[string]string{ProcessFailed: "kv can't be restarted on host a: exit 1"}},
		"a process is back": {Facts{Processes: []ProcessFacts{{Name: "kv", GaveUp: true, Up: true, Last: "exit 1"}}},
			map[string]string{ProcessFailed: "kv runs again on host a, and this alarm clears once it has for a while; before: exit 1"}},
		"main starts a lot":      {Facts{Starts: starts(stormRestarts+1, stormWindow-1)}, map[string]string{RestartStorm: "main was started 6 times in 5m0s on host a"}},
		"main started a lot":     {Facts{Starts: starts(stormRestarts+1, stormWindow)}, nil},
		"main starts at times":   {Facts{Starts: starts(stormRestarts, 0)}, nil},
		"an audit is unfinished": {Facts{Unaudited: "since epoch 7"}, map[string]string{AuditUnfinished: "since epoch 7"}},
		"the spool is left":      {Facts{Unsaved: errors.New("no space")}, map[string]string{EventsUnsaved: "not kept on disk: no space"}},
	} {
		f := c.facts
		f.Host, f.Lease, f.Wall = "a", lease, now
		var earlier history
		is := judge(f, earlier.add(f), false)
		if !slices.Equal(slices.Sorted(maps.Keys(is)), slices.Sorted(maps.Keys(c.want))) {
			t.Errorf("%s: %v", what, is)
		}
		for id, part := range c.want {
			if !strings.Contains(is[id], part) {
				t.Errorf("%s: %s says %q, not %q", what, id, is[id], part)
			}
		}
	}
}

// TestJudge_RestartStorm: restarts that come one after the other make a storm; the same number over a longer time does not.
func TestJudge_RestartStorm(t *testing.T) {
	for every, storm := range map[time.Duration]bool{time.Second: true, stormWindow: false} {
		var earlier history
		var is map[string]string
		for n := range stormRestarts + 1 {
			f := Facts{Now: time.Duration(n) * every, Processes: []ProcessFacts{{Name: "kv", Restarts: n, Last: "exit 1"}}}
			is = judge(f, earlier.add(f), false)
		}
		if text := is[RestartStorm]; storm != strings.Contains(text, "kv was restarted 5 times in 5m0s on host , last: exit 1") || !storm && text != "" {
			t.Errorf("one each %s: %q", every, text)
		}
	}
}
