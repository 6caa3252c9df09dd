package operatortest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/verdict"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/storage/position"
)

// PauseOf is a pause that lasts half an hour.
func PauseOf() *operator.Pause {
	return &operator.Pause{Until: Noon().Add(30 * time.Minute), LeftMS: 1_800_000, By: "operator 127.0.0.1:9"}
}

// Examined are what both hosts of a whole pair find.
func Examined() (a, b operator.Examination) {
	good := func(host string) []operator.Finding {
		return []operator.Finding{{Host: host, Check: "durable write", Level: "good", Value: "140µs"}, {Host: host, Check: "terminals", Level: "good", Value: "5 of 5 connected"}}
	}
	viewA, viewB := OwnViews()
	a = operator.Examination{Host: "a", Time: Noon(), Role: "active", Version: "v1", Lease: time.Second, Predictions: viewA.Predictions, Findings: good("a")}
	b = operator.Examination{Host: "b", Time: Noon(), Role: "standby", Version: "v1", Lease: time.Second, Predictions: viewB.Predictions, Findings: good("b")}
	return a, b
}

// Takeover are the events of a takeover in the night.
func Takeover() []operator.Event {
	at := func(ms int) time.Time { return Noon().Add(time.Duration(ms) * time.Millisecond) }
	return []operator.Event{
		{ID: 1, Time: at(-7200_000), Host: "a", Incarnation: 5, Number: 1, Kind: bus.EventProcess, Text: "main started, pid 4711"},
		{ID: 2, Time: at(0), Host: "b", Incarnation: 9, Number: 7, Kind: bus.EventRole, Step: "B7", Epoch: 8, Text: "epoch 8 is taken, in sync: b", Took: 12 * time.Millisecond},
		{ID: 3, Time: at(9), Host: "b", Incarnation: 9, Number: 8, Kind: bus.EventRole, Step: "B9", Epoch: 8, Text: "takeover complete: 49 terminals attached, 1 refused", Took: 21 * time.Millisecond},
		{ID: 4, Time: at(-30), Host: "a", Incarnation: 5, Number: 2, Kind: bus.EventAlarm, Late: true, Text: "alarm disk-nearly-full raised: " + strings.Repeat("very ", 20) + "full \x1b[2J"},
	}
}

// OwnViews are what the hosts of a whole pair say.
func OwnViews() (a, b operator.OwnView) {
	met := []operator.Condition{
		{Name: "in-sync set", Value: "a,b", Needed: "this host is in it", Met: true, Since: Noon().Add(-98 * time.Minute)},
		{Name: "processes", Value: "all ready", Needed: "all ready", Met: true, Since: Noon().Add(-99 * time.Minute)},
	}
	a = operator.OwnView{Host: "a", Role: "active", Mode: "paired", Conditions: met, Predictions: []operator.Prediction{
		{Loss: "other-dies", Serves: true, AfterMS: 2}, {Loss: "other-vanishes", Serves: true, AfterMS: 502},
		{Loss: "link-lost", Serves: true, AfterMS: 502}, {Loss: "witness-lost", Serves: true}, {Loss: "this-returns", Serves: true, AfterMS: 1005},
	}}
	b = operator.OwnView{Host: "b", Role: "standby", Mode: "paired", Conditions: met, Predictions: []operator.Prediction{
		{Loss: "other-dies", Serves: true, AfterMS: 13}, {Loss: "other-vanishes", Serves: true, AfterMS: 1130},
		{Loss: "link-lost", AfterMS: -1, Waiting: "waiting for a"}, {Loss: "witness-lost", AfterMS: -1}, {Loss: "this-returns", Serves: true, AfterMS: 1131},
	}}
	return a, b
}

// Explained is a whole pair, explained.
func Explained() operator.Explanation {
	a, b := OwnViews()
	return operator.Explanation{Host: "a", Time: Noon(), Level: "good", Summary: "a serves and b holds every update: either host may fail",
		Why: []string{"10:22:00.000 a: b is in sync"}, Next: verdict.Foresee(a, &b), Hosts: []operator.OwnView{a, b},
		Times: []operator.Implied{{Name: "active's processes die", MS: 10, Rule: "both ports refuse; terminals may object for this long"}}}
}

// ExplainedSolo is an active alone, explained.
func ExplainedSolo() operator.Explanation {
	a, _ := OwnViews()
	a.Mode = "solo"
	for i := range a.Predictions {
		a.Predictions[i].AfterMS = 0
	}
	a.Conditions = append(a.Conditions, operator.Condition{Name: "other host", Value: "b, heard 1m0s ago", Needed: "heard within 500ms", Since: Noon().Add(-time.Minute),
		Verdict: "the other host does not answer"})
	return operator.Explanation{Host: "a", Time: Noon(), Level: "warning", Summary: "a serves alone: if it fails, nobody serves", Next: verdict.Foresee(a, nil), Hosts: []operator.OwnView{a},
		NotAsked: "the view of the other host is missing: connection refused"}
}

// Plans are what a forced promotion would mean, with the names of their golden screens.
func Plans() map[string]operator.PromotePlan {
	known := operator.PromotePlan{Host: "b", AcceptLoss: "41", Own: "7/12367", Other: "7/12408", Heard: Noon(), Active: "a", Asked: 5, Fresh: []string{"t1", "t4"},
		Note: "updates that a acknowledged after it was last heard are not known here and are lost as well"}
	unknown := operator.PromotePlan{Host: "b", AcceptLoss: operator.UnknownLoss, Own: "7/12367", Active: "a", Asked: 5}
	refused := known
	refused.Refused = "a snapshot transfer to this host is unfinished: its database is inconsistent and can't be served"
	return map[string]operator.PromotePlan{
		"promote-known": known, "promote-unknown": unknown, "promote-refused": refused,
		"promote-needless": {Host: "b", AcceptLoss: "0", Own: "7/12408", Active: "a", Needless: true, Asked: 5},
	}
}

// Rewrite has what is golden written anew.
var Rewrite = flag.Bool("rewrite", false, "write the golden screens anew")

// Noon is when every sample was taken.
func Noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// At is a position.
func At(epoch, sequence uint64) position.Position {
	return position.Position{Epoch: epoch, Sequence: sequence}
}

// Paired is a full status of an active with an in-sync standby; the other samples are made of it.
func Paired() operator.Status {
	return operator.Status{
		Host: "a", Identity: "7F3K", Incarnation: 1<<63 + 5, Version: "0.1.0", Time: Noon(),
		Started: Noon().Add(-100 * time.Minute), Role: "active", Since: Noon().Add(-99*time.Minute - 2*time.Second), Mode: "paired", ModeSince: Noon().Add(-98 * time.Minute), Fit: true,
		Epoch: 7, RecordVersion: 12, PairID: "P1", Active: "a", InSync: []string{"a", "b"}, RightUntilMS: 870,
		Position: At(7, 12408), Committed: At(7, 12408), Applied: At(7, 12399), Notified: At(7, 12408), Lag: 9,
		Peer: operator.Peer{Host: "b", HTTP: "http://127.0.0.1:7820", Link: evidence.Connected, Replication: evidence.Connected, HeardMS: 31,
			Role: "standby", Position: At(7, 12408), Progress: bus.PeerAwaited},
		Witness: operator.Witness{Address: "127.0.0.1:7805", ID: "W1", Reachable: true, HeardMS: 412},
		Processes: map[string]operator.Process{
			"updater":         {PID: 4711, State: "ready", HeardMS: 12},
			"terminal-if":     {PID: 4712, State: "ready", HeardMS: 61},
			"business.kv":     {PID: 4790, State: "ready", HeardMS: 7, Restarts: 2, Reason: "signal: killed"},
			"business.ledger": {PID: 4714, State: "ready", HeardMS: -1},
		},
		Wires: wires.Seen{TLS: true,
			Certificate: identity.State{Name: "spiffe://p1/host/a", NotBefore: Noon().AddDate(0, 0, -3), NotAfter: Noon().AddDate(0, 0, 27), DaysLeft: 27, Age: identity.Fresh,
				Roots: []identity.Root{{Name: "CN=root of p1", NotAfter: Noon().AddDate(19, 0, 0)}}},
			Peers: []wires.OtherEnd{{Name: "spiffe://p1/host/b", NotAfter: Noon().AddDate(0, 0, 26), Age: identity.Fresh},
				{Name: "spiffe://p1/witness", NotAfter: Noon().AddDate(0, 0, 20), Age: identity.Fresh}},
			Terminals: wires.TerminalEnds{Proved: 5},
			Doors:     []door.Stats{{Door: "hotpair-link", Came: 1, Proved: 1, Open: 1}, {Door: "hotpair-replication", Came: 2, Proved: 2, Open: 2}}},
		Terminals: operator.Terminals{Attached: 5},
		Alarms:    []operator.Alarm{},
		Events: []operator.Event{
			{Time: Noon().Add(-100 * time.Minute), Host: "a", Text: "dropped out of what is shown"},
			{Time: Noon().Add(-99 * time.Minute), Host: "a", Step: "B7", Epoch: 7, Text: "own processes become active"},
			{Time: Noon().Add(-99 * time.Minute), Host: "a", Step: "B8", Epoch: 7, Text: "terminals are attached: 5", Took: 8100 * time.Microsecond},
			{Time: Noon().Add(-99 * time.Minute), Host: "a", Step: "B9", Epoch: 7, Text: "the takeover is complete", Took: 11900 * time.Microsecond},
			{Time: Noon().Add(-98 * time.Minute), Host: "a", Epoch: 7, Text: "b is in sync"},
			{Time: Noon().Add(-time.Minute), Host: "a", Step: "B1", Epoch: 7, Text: "business.kv ended (signal: killed) and is restarted"},
			{Time: Noon().Add(-time.Minute), Host: "a", Epoch: 7, Text: "business.kv is ready"},
		},
	}
}

// Standby is the in-sync standby beside Paired.
func Standby() operator.Status {
	s := Paired()
	s.Host, s.Role, s.RightUntilMS = "b", "standby", 0
	s.Processes = map[string]operator.Process{"updater": {PID: 5011, State: "ready", HeardMS: 12}, "terminal-if": {PID: 5012, State: "ready", HeardMS: 33}}
	s.Terminals = operator.Terminals{Warm: 5}
	s.Notified = position.Position{}
	s.Peer = operator.Peer{Host: "a", Link: evidence.Connected, Replication: evidence.Connected, HeardMS: 12, Role: "active", Serves: true, Epoch: 7, Position: At(7, 12408)}
	s.Events = s.Events[4:5]
	return s
}

// Samples are a status for each mode, with the name of its golden screen.
func Samples() map[string]operator.Status {
	all := map[string]operator.Status{"active-paired": Paired(), "standby-in-sync": Standby()}
	add := func(name string, s operator.Status, change func(*operator.Status)) {
		change(&s)
		all[name] = s
	}
	add("starting", Paired(), func(s *operator.Status) {
		*s = operator.Status{Host: "a", Time: Noon(), Role: "starting", Since: Noon().Add(-40 * time.Millisecond), Mode: "waiting", Peer: operator.Peer{HeardMS: -1},
			Witness:   operator.Witness{Address: "127.0.0.1:7805", Problem: "not tried yet", HeardMS: -1},
			Processes: map[string]operator.Process{"updater": {State: "starting"}}}
	})
	add("active-solo", Paired(), func(s *operator.Status) {
		s.Mode, s.InSync, s.RecordVersion = "solo", []string{"a"}, 13
		s.Notified, s.Behind = At(7, 12000), 408
		s.Peer = operator.Peer{Host: "b", Link: evidence.Refused, Replication: evidence.Refused, HeardMS: 83_000, Progress: bus.PeerAbsent}
		s.Alarms = []operator.Alarm{{ID: "cause", Severity: bus.Warning, Host: "a", Text: "b is gone for 1m23s: start it, so that either host may fail again"}}
		s.Events = append(s.Events, operator.Event{Time: Noon().Add(-83 * time.Second), Host: "a", Epoch: 7, Text: "goes on alone: b refuses connections"})
	})
	add("active-solo-peer-catching-up", Paired(), func(s *operator.Status) {
		s.Mode, s.InSync = "solo", []string{"a"}
		s.Peer.Progress, s.Peer.Position = bus.PeerCatchingUp, At(7, 5336)
		s.Peer.CatchUp = operator.ProgressOf(0, 5336, 12408)
		s.Notified, s.Behind = At(7, 5336), 7072
	})
	add("active-audited", Paired(), func(s *operator.Status) {
		s.Audit = &operator.Audit{Epoch: 7, Checked: 12408, Unprovable: 3, Foreign: 1, Terminals: 5, Silent: 1, GapWorstMS: 41.3, GapMedianMS: 12, Felt: 4}
	})
	add("active-lost", Paired(), func(s *operator.Status) {
		s.Audit = &operator.Audit{Epoch: 7, Checked: 12408, Missing: 2, Terminals: 5, Examples: []string{"t1/4711 at 6/12399", "t3/9 at 6/12400"}}
		s.Alarms = []operator.Alarm{{ID: "updates-lost", Severity: bus.Critical, Host: "a", Text: "LOST: 2 of 12408 acknowledged updates are missing since epoch 7: t1/4711 at 6/12399, t3/9 at 6/12400", Acknowledge: true}}
	})
	add("active-without-right", Paired(), func(s *operator.Status) {
		s.RightUntilMS = 0
		s.Peer.Link, s.Peer.Replication, s.Peer.HeardMS, s.Peer.Progress = evidence.Silent, evidence.Silent, 1400, bus.PeerAbsent
		s.Witness.Reachable, s.Witness.Problem = false, "no route to host"
		s.Alarms = []operator.Alarm{{ID: "cause", Severity: bus.Warning, Host: "a", Text: "no witness: the next failure stops the service"}}
	})
	add("active-paused", Paired(), func(s *operator.Status) {
		s.Pause = &operator.Pause{Until: Noon().Add(25 * time.Minute), LeftMS: 1_500_000, By: "operator 127.0.0.1:4711"}
	})
	add("standby-paused-active-gone", Standby(), func(s *operator.Status) {
		s.Pause = &operator.Pause{Until: Noon().Add(25 * time.Minute), LeftMS: 1_500_000, By: "operator at b", Deferred: "a refuses connections"}
		s.Peer.Serves = false
		s.Peer.Link, s.Peer.Replication, s.Peer.HeardMS = evidence.Refused, evidence.Refused, 83_000
	})
	add("standby-catching-up", Standby(), func(s *operator.Status) {
		s.Mode, s.InSync, s.WaitingFor = "catching-up", []string{"a"}, "not in the in-sync set"
		s.Position, s.Committed, s.Applied, s.Lag = At(7, 5336), At(7, 5336), At(7, 5300), 35
		s.CatchUp = operator.ProgressOf(0, 5336, 12408)
	})
	add("standby-copying", Standby(), func(s *operator.Status) {
		s.Mode, s.InSync, s.Fit, s.Unfit = "copying", []string{"a"}, false, "incomplete: a snapshot transfer is unfinished"
		s.Position, s.Committed, s.Applied, s.Lag = position.Position{}, position.Position{}, position.Position{}, 0
		s.CatchUp = &operator.CatchUp{Done: 0.6789}
	})
	add("standby-waiting", Standby(), func(s *operator.Status) {
		s.Mode, s.InSync, s.WaitingFor = "waiting", []string{"a"}, "waiting for a: 41 updates ahead"
		s.Position, s.Committed, s.Applied, s.Lag = At(7, 12367), At(7, 12408), At(7, 12367), 0
		s.Peer = operator.Peer{Host: "a", Link: evidence.Refused, Replication: evidence.Refused, HeardMS: -1}
		s.Alarms = []operator.Alarm{{ID: "cause", Severity: bus.Warning, Host: "a", Text: "nobody serves: only a holds all acknowledged updates; start a"}}
	})
	add("standby-takes-over-for-ever", Standby(), func(s *operator.Status) {
		s.Role, s.Peer.Serves, s.Peer.HeardMS = "takeover", false, 20_000
		s.Peer.Link, s.Peer.Replication = evidence.Refused, evidence.Refused
	})
	add("active-service-down", Paired(), func(s *operator.Status) {
		s.Processes["business.tickets"] = operator.Process{State: "failed", HeardMS: -1, Reason: "exited with code 1"}
		s.Peer.Down = []string{"tickets"}
	})
	add("active-standby-without-service", Paired(), func(s *operator.Status) { s.Peer.Down = []string{"tickets"} })
	add("active-standby-unable", Paired(), func(s *operator.Status) { s.Peer.Unable = "not fit: updater is not ready" })
	add("standby-cannot-join", Standby(), func(s *operator.Status) {
		s.Mode, s.InSync, s.WaitingFor = "waiting", []string{"a"}, "it belongs to another pair (P0); start it with an empty data directory to join this one"
	})
	add("active-insecure", Paired(), func(s *operator.Status) { s.Wires = wires.Seen{Insecure: true} })
	add("active-audit-trail", Paired(), func(s *operator.Status) {
		s.Trail = &trail.Standing{To: "/var/log/hotpair/audit.jsonl", Written: 1204, Waiting: 4096, Lost: 17, LostAt: Noon(), Problem: "no space left on device", Since: Noon().Add(-time.Hour)}
	})
	add("active-witness-keys", Paired(), func(s *operator.Status) {
		s.Witness.Keys = &keyring.Ring{Version: 7, Hosts: []keyring.Host{{Host: "a", Keys: []identity.Fingerprint{{0xa1}, {0xa2}}}, {Host: "b", Keys: []identity.Fingerprint{{0xb2}}}}, Retired: []identity.Fingerprint{{0xb1}}}
		s.Witness.KeysProblem = "the witness does not know this key: spiffe://p1/host/b presents the key b100, which was replaced"
	})
	add("active-on-one-machine", Paired(), func(s *operator.Status) { s.Wires = wires.Seen{} })
	add("active-certificate-over", Paired(), func(s *operator.Status) {
		s.Wires.Certificate.NotAfter, s.Wires.Certificate.Age = Noon().AddDate(0, 0, -1), identity.Over
		s.Wires.Certificate.Fault, s.Wires.Doubt = "own certificate is unusable: HOTPAIR_TLS_KEY: the private key is accessible to others", "it jumped by 26280h0m0s, and the kernel reports that it is not synchronised"
		s.Wires.Peers = append(slices.Clone(s.Wires.Peers), wires.OtherEnd{Name: "spiffe://p1/terminal/t3", NotAfter: Noon().AddDate(0, 0, 2), Age: identity.Ending})
		s.Events = nil
		s.Wires.Doors = []door.Stats{{Door: "hotpair-link", Refused: map[string]uint64{"identity-pair": 3, "door-crowded": 1}}}
	})
	add("handover", Paired(), func(s *operator.Status) {
		s.Role, s.Since = "handover", Noon().Add(-4*time.Millisecond)
		s.RightUntilMS = 0
		s.Events = append(s.Events, operator.Event{Time: Noon().Add(-4 * time.Millisecond), Host: "a", Step: "B3", Epoch: 7, Text: "handing over to b: an operator wants it"},
			operator.Event{Time: Noon().Add(-3 * time.Millisecond), Host: "a", Step: "B4", Epoch: 7, Text: "draining", Took: 300 * time.Microsecond})
	})
	add("takeover", Standby(), func(s *operator.Status) {
		s.Role, s.Since, s.Mode = "takeover", Noon().Add(-2*time.Millisecond), "waiting"
		s.Peer.Serves = false
		s.Peer.Link, s.Peer.Replication = evidence.Refused, evidence.Refused
	})
	add("stopped", Standby(), func(s *operator.Status) { s.Role, s.Peer.Serves = "stopped", false })
	add("hostile-text", Standby(), func(s *operator.Status) {
		s.Alarms = []operator.Alarm{{ID: "one", Text: "\x1b[2Jgone\r\n\u202eleft " + strings.Repeat("long ", 60)}, {ID: "two", Text: strings.Repeat("x", 300)}}
		s.Processes = map[string]operator.Process{"business.\x07bell": {State: "\x1b[31mred", Reason: strings.Repeat("é", 200)}}
	})
	for name, s := range all {
		all[name] = verdict.Whole(s)
	}
	return all
}

// Golden holds a text to the file of this name in testdata.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *Rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -rewrite accepts it):\n%s", path, diff)
	}
}

// HistoryPage is a page of the update history.
func HistoryPage() bus.HistoryPage {
	return bus.HistoryPage{
		First: 1, Last: 12408,
		Updates: []bus.HistoryUpdate{
			{Position: At(6, 12405), Time: Noon(), Kind: "update", Service: "kv", Request: "t1/4711", Keys: []string{"stock/17"}, Notified: true},
			{Position: At(7, 12406), Time: Noon().Add(time.Second), Kind: "began", Host: "b", Notified: true},
			{Position: At(7, 12407), Time: Noon().Add(2 * time.Second), Kind: "update", Service: "ledger", Request: "t2/2026-03-04T12:00:00Z/order-1", Keys: []string{"alice", "bob"}},
			{Position: At(7, 12408), Time: Noon().Add(3 * time.Second), Kind: "update", Service: "kv", Keys: []string{strings.Repeat("k", 200)}},
		},
	}
}

// Switched is what a switchover did.
func Switched() operator.Switchover {
	step := func(step, host, text string, took float64) operator.Event {
		return operator.Event{Time: Noon(), Host: host, Step: step, Epoch: 8, Text: text, Took: time.Duration(took * float64(time.Millisecond))}
	}
	return operator.Switchover{ID: "C1", From: "a", Active: "b", Epoch: 8, Took: 12345 * time.Microsecond, Steps: []operator.Event{
		step("B3", "a", "handing over to b: an operator wants it", 0),
		step("B4", "a", "draining", 0.3),
		step("B5", "a", "terminals are released, no request is in flight", 2.9),
		step("B6", "a", "stopped at 7/12408; b is told", 3.1),
		step("B7", "b", "own processes become active", 4.2),
		step("B8", "b", "terminals are attached: 5", 10.4),
		step("B9", "b", "the takeover is complete", 12.3),
	}}
}
