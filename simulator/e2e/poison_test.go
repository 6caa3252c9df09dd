package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
)

// asPoison makes this test binary a business process of the service "poison", with the environment that main gives it.
const asPoison = "TEST_AS_POISON"

// servePoison answers every request after a moment, but for one whose body is "crash": that one ends the process.
func servePoison() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	nc, err := nats.Connect(os.Getenv("HOTPAIR_REQUESTS_URL"), nats.UserInfo(os.Getenv("HOTPAIR_BUS_USER"), os.Getenv("HOTPAIR_BUS_PASSWORD")),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	fail(err)
	service, err := micro.AddService(nc, micro.Config{Name: "poison", Version: "1.0.0"})
	fail(err)
	fail(service.AddEndpoint("do", micro.HandlerFunc(func(r micro.Request) {
		go func() {
			time.Sleep(20 * time.Millisecond) // the work of a request
			if string(r.Data()) == `"crash"` {
				os.Exit(3)
			}
			_ = r.Respond(r.Data())
		}()
	}), micro.WithEndpointSubject("business.poison.do")))
	select {} // main ends it
}

// TestT2_PoisonousRequestOfAPair: a request that crashes its business process whenever it runs gets its 500 after three
// crashes. The requests that were out with it are answered, and the role does not move.
func TestT2_PoisonousRequestOfAPair(t *testing.T) {
	sideBySide(t)
	if testing.Short() {
		t.Skip("starts a pair")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "poison")
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s\n", asPoison, self)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, []string{"--terminals", "4"}, leaseSetting, "HOTPAIR_BUSINESS=kv,poison="+program)
	c.awaitPaired()
	active, before := c.mustActive()
	var conns []*nats.Conn
	for _, terminal := range c.File().Terminals {
		nc, err := nats.Connect(terminal.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		conns = append(conns, nc)
	}
	do := func(nc *nats.Conn, body string) (code string) {
		m, err := nc.Request("request.poison.do", []byte(body), healWithin)
		if err != nil {
			t.Error(err)
			return ""
		}
		if code = m.Header.Get(bus.HeaderErrorCode); code == "" && string(m.Data) != body {
			t.Errorf("%s was answered %s", body, m.Data)
		}
		return code
	}
	do(conns[0], `"warm"`)
	var asking sync.WaitGroup
	for i, nc := range conns {
		for n := range 5 {
			asking.Go(func() {
				if code := do(nc, fmt.Sprint(10*i+n)); code != "" {
					t.Errorf("a request that does nothing wrong was answered %s", code)
				}
			})
		}
	}
	began := time.Now()
	asking.Go(func() {
		if code := do(conns[0], `"crash"`); code != "500" {
			t.Errorf("the poisonous request was answered %q", code)
		}
	})
	asking.Wait()
	t.Logf("measured: all answered %s after the poison was sent", time.Since(began).Round(time.Millisecond))
	now, after := c.mustActive()
	if now != active || after.Epoch != before.Epoch {
		t.Errorf("the role moved from %s, epoch %d, to %s, epoch %d", active, before.Epoch, now, after.Epoch)
	}
	c.Await(healWithin, "service that is back after its third crash", func() bool {
		_, s := c.active()
		p := s.Processes["business.poison"]
		return p.State == "ready" && p.Restarts == 3
	})
}
