package business_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// TestFault_A13_RequestsOfAProcessAreBounded: no test had come to what a business process takes at one time, in number or in bytes. Beyond either
// a request is busy at once, and once there is room the next one is served.
func TestFault_A13_RequestsOfAProcessAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		fit  int
	}{
		"number": {`{}`, 4096},
		"bytes":  {`"` + strings.Repeat("x", 1<<19-2) + `"`, 128},
	} {
		t.Run(name, func(t *testing.T) {
			open := make(chan struct{})
			var running atomic.Int64
			host := businesstest.NewHost(t)
			host.Run(business.Service{Name: "slow", Version: "1.0.0", Operations: map[string]business.Operation{
				"wait": {ReadOnly: true, Handler: func(context.Context, *business.Tx, json.RawMessage) (any, error) {
					running.Add(1)
					<-open
					return nil, nil
				}},
			}})
			answers := make(chan bus.Reply, c.fit+1)
			ask := func() {
				host.Caller("slow").Go(businesstest.Request("slow", "wait", c.body), func(r bus.Reply, err error) {
					if err != nil {
						r.Code = -1
					}
					answers <- r
				})
			}
			for range c.fit {
				ask()
			}
			businesstest.Await(t, "all are taken", func() bool { return running.Load() == int64(c.fit) })
			ask()
			if r := <-answers; r.Code != bus.CodeOverloaded {
				t.Errorf("one more: %+v", r)
			}
			close(open)
			for range c.fit {
				if r := <-answers; r.Code != bus.CodeOK {
					t.Fatalf("%+v", r)
				}
			}
			if r := host.Call(businesstest.Request("slow", "wait", c.body)); r.Code != bus.CodeOK {
				t.Errorf("afterwards: %+v", r)
			}
		})
	}
}
