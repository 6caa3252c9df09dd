package updater

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_A13_UnreadAnswersOfTheDatabaseAreBounded: no test had come to how much the updater keeps of answers that business processes do not
// read. Beyond it reads and scans are busy at once, commits are not, and once they are read all is as before.
func TestFault_A13_UnreadAnswersOfTheDatabaseAreBounded(t *testing.T) {
	free := make(bustest.Blocked)
	one := bustest.Batch(t, bus.DatabaseCall{})
	answers := batch.NewAnswerer(free, func(bus.DatabaseReply) int { return 1 << 20 }, func(_ bus.DatabaseCall, _ string, answer func(bus.DatabaseReply)) {
		answer(bus.DatabaseReply{})
	}, nil)
	d := newDatabase(nil, func() *term { return &term{epoch: 1} }, testLog(t, "a"))
	d.batches.Store(&batch.Responder[bus.DatabaseCall, bus.DatabaseReply]{Answerer: answers})
	ask := func(c bus.DatabaseCall) (code int) {
		d.handle(c, bus.DatabaseSubject("kv", "pack"), func(r bus.DatabaseReply) { code = r.Code })
		return code
	}
	calls := map[string]bus.DatabaseCall{"read": {Read: &bus.Read{}}, "scan": {Scan: &bus.Scan{}}, "nothing": {}}
	for n := range maxBacklog >> 20 {
		if code := ask(calls["nothing"]); code == bus.CodeOverloaded {
			t.Fatalf("with %d MiB of answers unread: busy", n)
		}
		answers.Take(&nats.Msg{Reply: "asker.1", Data: one})
	}
	answers.Take(&nats.Msg{Reply: "asker.1", Data: one})
	for name, c := range calls {
		if code := ask(c); code != bus.CodeOverloaded {
			t.Errorf("%s with more than %d MiB of answers unread: %d, want %d", name, maxBacklog>>20, code, bus.CodeOverloaded)
		}
	}
	if code := ask(bus.DatabaseCall{Commit: &bus.Commit{Epoch: 2}}); code == bus.CodeOverloaded {
		t.Error("a commit is refused for it")
	}
	close(free)
	processtest.Await(t, "all is read", func() bool { return answers.Backlog() == 0 })
	if code := ask(calls["nothing"]); code == bus.CodeOverloaded {
		t.Error("once they are read: busy")
	}
}
