package updater

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/queue"
)

// TestFault_A13_ScansThatWaitAreBounded: no test had come to the bound of scans. One more than may wait is busy at once; the others are answered.
func TestFault_A13_ScansThatWaitAreBounded(t *testing.T) {
	s := newStage(t, false)
	d := newDatabase(s.term.store, func() *term { return s.term }, slog.New(slog.DiscardHandler))
	answers := make(chan bus.DatabaseReply, scanQueue)
	for range scanQueue {
		d.handle(bus.DatabaseCall{Scan: &bus.Scan{}}, "db.kv.pack", func(r bus.DatabaseReply) { answers <- r })
	}
	quiet(t, "an answer before its turn", answers)
	var more bus.DatabaseReply
	d.handle(bus.DatabaseCall{Scan: &bus.Scan{}}, "db.kv.pack", func(r bus.DatabaseReply) { more = r })
	if more.Code != bus.CodeOverloaded {
		t.Errorf("one more: %+v", more)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.run(ctx) }()
	for range scanQueue {
		if r := receive(t, "an answer", answers); r.Code != bus.CodeOK {
			t.Fatalf("%+v", r)
		}
	}
	cancel()
	<-ended
}

// TestFault_A13_OrdersThatWaitAreBounded: nor to that of orders, which none but a main that went mad comes to.
func TestFault_A13_OrdersThatWaitAreBounded(t *testing.T) {
	h, _ := newHosts(t)
	c := newOrderQueue(newUpdater(h.config, h.log)) // which carries nothing out
	conn := h.connect(bus.ProcessUpdater)
	if err := c.serve(bus.HostConns{Control: conn, Traffic: conn}); err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	for range ordersQueue {
		waiting.Go(func() { _, _ = bus.CallRelease.Ask(ctx, h.main, bus.Release{}) })
	}
	processtest.Await(t, "all that may wait do", func() bool { return len(c.orders) == ordersQueue })
	if err := refused(h, bus.CallRelease, bus.Release{}); !strings.Contains(err.Error(), errOrders.Error()) {
		t.Errorf("one more: %v", err)
	}
}

func TestQueue_RefusesBeyondItsBounds(t *testing.T) {
	q := queue.New(callSize)
	for range queue.Calls {
		if err := q.Put(&commitCall{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Put(&commitCall{}); err != queue.ErrFull {
		t.Errorf("got %v", err)
	}
	taken := q.Take()
	q.Back(taken[100:])
	if err := q.Put(&commitCall{Commit: draft.Commit{Size: queue.Bytes + 1}}); err != queue.ErrFull {
		t.Errorf("bytes: got %v", err)
	}
	q.Close()
	if err := q.Put(&commitCall{}); err != queue.ErrClosed {
		t.Errorf("got %v", err)
	}
	if q.Drained() {
		t.Error("drained while calls wait")
	}
	if n := len(q.Take()); n != queue.Calls-100 {
		t.Errorf("%d left", n)
	}
	if !q.Drained() {
		t.Error("not drained")
	}
}
