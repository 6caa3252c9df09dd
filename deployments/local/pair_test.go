package local

import (
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func status(host, role string, epoch uint64, inSync ...string) operator.Status {
	s := operator.Status{Host: host, Role: role, Epoch: epoch, InSync: inSync, Mode: "paired"}
	if role == "active" {
		s.RightUntilMS = 500
		s.Terminals.Attached = 5
	}
	return s
}

func up(s operator.Status) news   { return news{s.Host, s, true} }
func down(host string) news       { return news{host: host} }
func repeat(n news, k int) []news { return slices.Repeat([]news{n}, k) }

func TestChanges_TellATakeoverAndTheReturn(t *testing.T) {
	events := slices.Concat(
		[]news{up(status(HostA, "active", 1, "a", "b")), up(status(HostB, "standby", 1, "a", "b"))},
		[]news{down(HostA)},
		[]news{up(status(HostB, "active", 2, "b")), down(HostA), up(status(HostA, "starting", 2))},
		[]news{up(status(HostA, "standby", 2, "b")), up(status(HostB, "active", 2, "b", "a"))},
	)
	p := newPair(5)
	var lines []string
	for _, n := range events {
		next := p.with(n)
		if len(next.hosts) > 0 && p.last.Host != "" {
			lines = append(lines, changes(p, next)...)
		}
		p = next
	}
	want := []string{
		"host b is standby, paired",
		"takeover: active=b epoch=2 in-sync=b terminals=5/5",
		"host a is standby, paired",
		"in sync again: active=b epoch=2 in-sync=a,b",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("have\n%s", strings.Join(lines, "\n"))
	}
}

func TestChanges_TellSoloAndThatNobodyServes(t *testing.T) {
	p := newPair(5).with(up(status(HostA, "active", 1, "a", "b")))
	solo := p.with(up(status(HostA, "active", 1, "a")))
	if lines := changes(p, solo); len(lines) != 1 || lines[0] != "solo: active=a epoch=1 in-sync=a" {
		t.Errorf("have %q", lines)
	}
	var lines []string
	for _, n := range repeat(down(HostA), 2*nobodyServes) {
		next := solo.with(n)
		lines = append(lines, changes(solo, next)...)
		solo = next
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "nobody serves: host a does not answer") {
		t.Errorf("have %q", lines)
	}
	again := solo.with(up(status(HostA, "active", 1, "a")))
	if lines := changes(solo, again); len(lines) != 1 || !strings.HasPrefix(lines[0], "serving again: active=a") {
		t.Errorf("have %q", lines)
	}
}

func TestPair_IsReadyOnlyWhenBothHoldEverythingAndAllTerminalsAreAttached(t *testing.T) {
	active, standby := status(HostA, "active", 1, "b", "a"), status(HostB, "standby", 1, "a", "b")
	p := newPair(5).with(up(active))
	if p.ready() {
		t.Error("ready without host b")
	}
	p = p.with(up(standby))
	if !p.ready() {
		t.Error("not ready")
	}
	if line := p.readyLine("127.0.0.1:7800", "127.0.0.1:7810", "/tmp/pair", []string{"127.0.0.1:7830", "127.0.0.1:7834"}, []string{"127.0.0.1:7836"}); line != "ready: active=a epoch=1 in-sync=a,b terminals=5/5 console=http://127.0.0.1:7800/ apps=nats://127.0.0.1:7830…nats://127.0.0.1:7834 http=http://127.0.0.1:7836 directory=/tmp/pair socket=/tmp/pair/a/operator.sock" {
		t.Error(line)
	}
	active.Terminals.Attached = 4
	if p.with(up(active)).ready() {
		t.Error("ready with a terminal missing")
	}
	active = status(HostA, "active", 1, "a")
	if p.with(up(active)).ready() {
		t.Error("ready with one host in sync")
	}
}
