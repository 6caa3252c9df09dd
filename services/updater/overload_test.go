package updater

import (
	"bytes"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// Whatever stands still between the updater and the business processes: it beats, and carries out main's orders.
func TestUpdater_ControlWaitsBehindNoTraffic(t *testing.T) {
	a, _ := newHosts(t)
	stall := &bustest.Stall{Bus: a.config.TrafficListen}
	a.network = stall
	a.start()
	t.Cleanup(stall.Go)
	a.lead(1, false)
	large := bytes.Repeat([]byte("x"), 512<<10)
	a.put(1, "large", string(large))

	stall.Stop()
	for range 8 { // each answer is larger than the buffer before the socket
		a.kv.Go(bus.DatabaseCall{Read: &bus.Read{Keys: [][]byte{[]byte("large")}}}, func(bus.DatabaseReply, error) {})
	}
	processtest.Await(t, "an answer that the bus does not take", func() bool { return stall.Blocked() > 0 })
	a.mu.Lock()
	a.state = bus.UpdaterState{}
	a.mu.Unlock()
	a.await("a heartbeat", func(s bus.UpdaterState) bool { return s.Position.Sequence > 0 })
	if got := ordered(a, bus.CallDrain, bus.Drain{Epoch: 1}); got.Position.Sequence == 0 {
		t.Errorf("drained %+v", got)
	}
	ordered(a, bus.CallStandby, bus.Standby{Epoch: 1})
}
