package terminal

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
)

// answering makes a host that answers everything at once.
func answering(t testing.TB, a *running) *host {
	h := newHost(t, a, "a")
	h.attach(1, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`"done"`)}) })
	return h
}

// raw is an application that keeps to nothing: what it says is written to the socket as it is.
func raw(t testing.TB, a *running) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.AppURL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// wantServed asks as an honest application does while others don't behave. Each answer must come, and one of three within a second: the
// machine may be busy with other tests too.
func wantServed(t testing.TB, nc *nats.Conn) {
	t.Helper()
	var all []time.Duration
	for range 3 {
		began := time.Now()
		m, err := nc.Request("request.kv.put", []byte(`{}`), patience)
		took := time.Since(began)
		if err != nil || string(m.Data) != `"done"` {
			t.Fatalf("after %v: %v, %+v", took, err, m)
		}
		if took <= time.Second {
			return
		}
		all = append(all, took)
	}
	t.Errorf("answers took %v", all)
}

// The server held at most 64 MiB for the agent's own connection, closed it when large messages of applications came faster than
// the agent read, and the agent ended: any application could end its terminal.
func TestFault_C10_LargeMessagesDoNotEndTheAgent(t *testing.T) {
	for _, c := range []struct {
		name        string
		conns, each int
		size        int
	}{
		{"12 connections with one message of 8 MiB each", 12, 1, 8<<20 - 1024},
		{"400 messages of 200 kB", 40, 10, 200_000},
		{"as many connections as there may be, each with a message as large as it may be", appConnections - 8, 1, maxBody},
		{"messages without end", 8, 100, maxBody},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := start(t, t.TempDir(), nil)
			answering(t, a)
			honest := app(t, a)
			wantServed(t, honest)
			body := bytes.Repeat([]byte("x"), c.size) // no JSON, so nothing of it is kept
			message := append(fmt.Appendf(nil, "PUB request.kv.put _INBOX.x %d\r\n", len(body)), append(body, "\r\n"...)...)
			var flood sync.WaitGroup
			for range c.conns {
				conn := raw(t, a)
				flood.Go(func() {
					for range c.each {
						if _, err := conn.Write(message); err != nil {
							return // the server has ended it, as it should
						}
					}
				})
			}
			wantServed(t, honest)
			flood.Wait()
			wantServed(t, honest)
			if n := a.lost.Load(); n != 0 {
				t.Errorf("the agent's own connections were lost %d times", n)
			}
		})
	}
}

// One application that asks for more than is held for one leaves the others their share of what may wait.
func TestFault_C10_OneApplicationLeavesTheOthersTheirShare(t *testing.T) {
	a := start(t, t.TempDir(), func(c *Config) { c.Bound, c.BoundBytes = 64, 4<<20 })
	h := newHost(t, a, "a")
	h.attach(1, 1, func(q bus.Request, answer func(bus.Reply)) {
		if q.Operation == "put" {
			answer(bus.Reply{Body: []byte(`"done"`)})
		} // the others wait for ever
	})
	honest := app(t, a)
	for _, size := range []int{200_000, 2} {
		greedy := app(t, a)
		body := []byte(`"` + strings.Repeat("x", size-2) + `"`)
		busy := make(chan string, 4096)
		inbox := greedy.NewRespInbox()
		if _, err := greedy.Subscribe(inbox[:strings.LastIndex(inbox, ".")]+".*", func(m *nats.Msg) { busy <- m.Header.Get(bus.HeaderErrorCode) }); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			if err := greedy.PublishRequest("request.kv.hold", inbox+fmt.Sprint(i), body); err != nil {
				t.Fatal(err)
			}
		}
		if err := greedy.Flush(); err != nil {
			t.Fatal(err)
		}
		if code := <-busy; code != "429" {
			t.Errorf("what is too much is answered %q, want 429", code)
		}
		wantServed(t, honest)
		wantServed(t, app(t, a))
	}
}

// The bound of what an application sends is not the bound of what it gets.
func TestFault_C10_AnswersMayBeLargerThanRequests(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	large := bytes.Repeat([]byte("x"), 4<<20)
	newHost(t, a, "a").attach(1, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: large}) })
	nc := app(t, a)
	if m := request(t, nc, "request.kv.get", `{}`); len(m.Data) != len(large) {
		t.Errorf("%d bytes, %v", len(m.Data), m.Header)
	}
	conn := raw(t, a)
	if _, err := fmt.Fprintf(conn, "PUB request.kv.put _INBOX.x %d\r\n", maxMessage+1); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if err != nil || !bytes.Contains(said, []byte("Maximum Payload Violation")) {
		t.Errorf("%v, %s", err, said)
	}
}

// What an application holds without reading is bounded, and so is what it sends in part.
func TestFault_C10_MemoryIsBounded(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	answering(t, a)
	honest := app(t, a)
	before := heap()
	part := bytes.Repeat([]byte("x"), answerPayload-1)
	var conns []net.Conn
	for i := range appConnections - 8 {
		conn := raw(t, a)
		conns = append(conns, conn)
		size := maxBody
		if i%2 == 1 {
			size = answerPayload // more than an application may send: its connection is ended before anything is kept
		}
		if _, err := fmt.Fprintf(conn, "PUB request.kv.put _INBOX.x %d\r\n", size); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(part[:size-1]); err != nil && size == maxBody {
			t.Fatal(err)
		}
	}
	wantServed(t, honest)
	if grown := heap() - before; grown > 2*appConnections*maxMessage {
		t.Errorf("%d MB of heap for %d connections with a message in part", grown>>20, len(conns))
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The hosts had to share the server's places with the applications: who held them all locked the hosts out.
func TestFault_B11_ApplicationsTakeNoPlaceOfAHost(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	address := strings.TrimPrefix(a.AppURL(), "nats://")
	for range 4090 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	h := answering(t, a)
	if answer := call[bus.AgentWelcome](h, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own()}); answer.Error != "" {
		t.Errorf("%+v", answer)
	}
}

// The doors are apart: nothing lets an application in where hosts are, or a host's name where applications are.
func TestFault_B11_EachDoorIsForItsOwn(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	if nc, err := nats.Connect(a.URL()); err == nil {
		nc.Close()
		t.Error("an application came in by the door of the hosts")
	}
	if nc, err := nats.Connect(a.AppURL(), nats.UserInfo(bus.AgentUser, "key")); err == nil {
		nc.Close()
		t.Error("a host came in by the door of the applications")
	}
}
