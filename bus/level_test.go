package bus_test

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// filled holds the form of a message with every field set against its golden file.
func filled[T any](t *testing.T, name string) {
	t.Helper()
	leveltest.Check(t, *rewrite, leveltest.JSON[T](name), leveltest.Filled[T]())
}

// encoded is filled for a message between a host's own processes.
func encoded[T any](t *testing.T, name string) {
	t.Helper()
	leveltest.Check(t, *rewrite, leveltest.Encoded[T](name), leveltest.Filled[T]())
}

// TestLevel_Messages: what programs of this level say to each other, to agents, and to services of other versions.
func TestLevel_Messages(t *testing.T) {
	filled[bus.Beat](t, "beat")
	filled[bus.BeatReply](t, "beat-reply")
	filled[bus.MakeReady](t, "make-ready")
	filled[bus.HandOver](t, "hand-over")
	filled[bus.CantTake](t, "cant-take")
	filled[bus.Resigned](t, "resigned")
	filled[bus.HandEvents](t, "hand-events")
	filled[bus.AgentHello](t, "agent-hello")
	filled[bus.AgentWelcome](t, "agent-welcome")
	filled[bus.AgentAttach](t, "agent-attach")
	filled[bus.AgentAttached](t, "agent-attached")
	filled[bus.AgentDetach](t, "agent-detach")
	filled[bus.AgentDetached](t, "agent-detached")
	filled[bus.AgentFreshRequest](t, "agent-fresh-request")
	filled[bus.AgentFresh](t, "agent-fresh")
	filled[bus.AgentChange](t, "agent-change")
	filled[bus.ReceiptsRequest](t, "receipts-request")
	filled[bus.Receipts](t, "receipts")
	encoded[bus.Request](t, "request")
	encoded[bus.Reply](t, "reply")
	encoded[bus.DatabaseCall](t, "database-call")
	encoded[bus.DatabaseReply](t, "database-reply")
}
