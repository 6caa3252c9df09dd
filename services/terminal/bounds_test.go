package terminal

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_A13_ConnectionsAreBounded: no test had come to how many connections an agent takes at each of its doors. Beyond it one is refused, with
// the reason, and who is there already is served.
func TestFault_A13_ConnectionsAreBounded(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	answering(t, a)
	honest := app(t, a)
	wantServed(t, honest)
	for door, c := range map[string]struct {
		url   string
		bound int
	}{"hosts": {a.URL(), hostConnections}, "applications": {a.AppURL(), appConnections}} {
		const over = 10
		refused := make(chan string, c.bound+over) // "" when it was; in which order they are let in is the server's affair
		for range c.bound + over {
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "nats://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			go func() { refused <- saysUntil(conn, "maximum connections exceeded") }()
		}
		for range over {
			if text := <-refused; text != "" {
				t.Fatalf("%s: one of %d more than %d hears %s", door, over, c.bound, text)
			}
		}
	}
	wantServed(t, honest)
}

// TestFault_A13_SubscriptionsAreBounded: nor to how many subscriptions one application has.
func TestFault_A13_SubscriptionsAreBounded(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	answering(t, a)
	conn := raw(t, a)
	go func() {
		for i := range appSubscriptions + 1 {
			if _, err := fmt.Fprintf(conn, "SUB _INBOX.x.%d %d\r\n", i, i+1); err != nil {
				return
			}
		}
	}()
	if text := saysUntil(conn, "maximum subscriptions exceeded"); text != "" {
		t.Errorf("with %d subscriptions it hears %s", appSubscriptions+1, text)
	}
	wantServed(t, app(t, a))
}

// saysUntil reads what an agent says until that is in it, and gives all of it when it is not.
func saysUntil(conn net.Conn, want string) (said string) {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if said += line; strings.Contains(said, want) {
			return ""
		}
		if err != nil {
			return fmt.Sprintf("%q, %v", said, err)
		}
	}
}

// TestFault_A13_ApplicationsOfOneRequestAreBounded: nor to how many applications may wait for one request under the same id of their own. One more is
// busy, for another id there is room.
func TestFault_A13_ApplicationsOfOneRequestAreBounded(t *testing.T) {
	table := newTable(64, 1<<20)
	ask := func(id string, n int) admission {
		e := &entry{id: bus.RequestID{App: id}, app: fmt.Sprint("app-", n), service: "kv", operation: "put", body: []byte(`{}`),
			deadline: time.Now().Add(time.Hour), replies: []asker{{inbox: fmt.Sprint("_INBOX.", n)}}}
		got, _ := table.admit(e, func() {})
		return got
	}
	if got := ask("till-1-7", 0); got != admitted {
		t.Fatalf("the first: %v", got)
	}
	for n := 1; n < maxJoined; n++ {
		if got := ask("till-1-7", n); got != joined {
			t.Fatalf("application %d: %v", n+1, got)
		}
	}
	if got := ask("till-1-7", maxJoined); got != refusedOverloaded {
		t.Errorf("application %d: %v", maxJoined+1, got)
	}
	if got := ask("till-1-8", maxJoined); got != admitted {
		t.Errorf("another request: %v", got)
	}
}

// TestFault_A13_AnswersThatNobodyReadsAreBounded: the server held up to 1 GiB of answers for each application that did not read its own, and 256 of
// those. Now the connections of those end that have most, and the others are served.
func TestFault_A13_AnswersThatNobodyReadsAreBounded(t *testing.T) {
	processtest.Prefer(t)
	a := start(t, t.TempDir(), nil)
	h := newHost(t, a, "x")
	large := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 4<<20)...), '"')
	if got := h.attach(1, 1, func(r bus.Request, reply func(bus.Reply)) {
		if r.Service == "large" {
			reply(bus.Reply{Body: large})
			return
		}
		reply(bus.Reply{Body: []byte(`"done"`)})
	}); !got.OK {
		t.Fatalf("%+v", got)
	}
	honest := app(t, a)
	const each = 32
	deaf := map[int]bool{} // by its port
	for range 4 {          // twice the bound
		conn := raw(t, a)
		deaf[conn.LocalAddr().(*net.TCPAddr).Port] = true
		if _, err := fmt.Fprint(conn, "SUB _INBOX.deaf 1\r\n", strings.Repeat("PUB request.large.get _INBOX.deaf 2\r\n{}\r\n", each)); err != nil {
			t.Fatal(err)
		}
	}
	// The server itself ends what takes nothing for ten seconds: on a machine that is too slow to leave so much unread until then, nobody else needs to.
	most, reasons := 0, map[string]int{}
	processtest.Await(t, "end of a connection that reads nothing", func() bool {
		unread := 0
		clear(reasons)
		for _, state := range []server.ConnState{server.ConnOpen, server.ConnClosed} {
			list, err := a.doors.apps.Connz(&server.ConnzOptions{State: state})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list.Conns {
				if deaf[c.Port] && state == server.ConnOpen {
					unread += c.Pending
				} else if deaf[c.Port] {
					reasons[c.Reason]++
				}
			}
		}
		most = max(most, unread)
		return reasons[server.Kicked.String()] > 0 || reasons[server.SlowConsumerWriteDeadline.String()] == len(deaf)
	})
	t.Logf("measured: at most %d MB unread, ended: %v", most>>20, reasons)
	if reasons[server.Kicked.String()] == 0 && most > unreadAnswers+2*lookEach {
		t.Errorf("%d MB were unread, and no connection was ended for it", most>>20)
	}
	if held := heap(); held > 3*unreadAnswers {
		t.Errorf("%d MB of heap", held>>20)
	}
	// What the others have asked for comes first, at the pace of the machine and its disk.
	processtest.Await(t, "an answer to who reads", func() bool {
		m, err := honest.Request("request.kv.put", []byte(`{}`), patience)
		return err == nil && string(m.Data) == `"done"`
	})
	wantServed(t, honest)
}
