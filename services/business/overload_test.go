package business_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
)

// A business process whose requests and answers stand still beats on, so that nobody takes it for frozen, and goes on afterwards.
func TestRun_BeatsWaitBehindNoTraffic(t *testing.T) {
	host := businesstest.NewHost(t)
	stall := &bustest.Stall{Bus: strings.TrimPrefix(host.Environment("kv").RequestsURL, "nats://")}
	host.Network = stall
	host.Run(kv.Service())
	t.Cleanup(stall.Go)
	host.Call(businesstest.Numbered(1, "kv", "put", `{"key":"a","value":"`+strings.Repeat("x", 256<<10)+`"}`))

	stall.Stop()
	answered := make(chan error, 8)
	for range cap(answered) {
		host.Caller("kv").Go(businesstest.Request("kv", "get", `{"key":"a"}`), func(_ bus.Reply, err error) { answered <- err })
	}
	businesstest.Await(t, "something stands before the bus", func() bool { return stall.Blocked() > 0 })
	beats := make(chan *nats.Msg, 64)
	if _, err := host.Main.ChanSubscribe(bus.HeartbeatSubject(bus.ProcessBusiness+".kv"), beats); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		select {
		case <-beats:
		case <-time.After(businesstest.Patience):
			t.Fatal("it does not beat")
		}
	}
	stall.Go()
	for range cap(answered) {
		select {
		case err := <-answered:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(businesstest.Patience):
			t.Fatal("a request got no answer after the stall")
		}
	}
}
