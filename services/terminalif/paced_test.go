package terminalif

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// errFlooded says that a terminal sent more requests than it may, and is still connected.
var errFlooded = errors.New("nobody minds")

// TestFault_A13_RequestsOfATerminalAreBounded: no test had come to how many requests a second one terminal may send. One that sends more is closed,
// and the others are served.
func TestFault_A13_RequestsOfATerminalAreBounded(t *testing.T) {
	const burst = 1000
	sessions := "session."
	requests := make([]bus.Request, burst)
	for n := range requests {
		requests[n] = bus.Request{ID: bus.RequestID{Counter: uint64(n) + 1}, Service: "nobody", Operation: "put", Remaining: 1}
	}
	body := bustest.Batch(t, requests...)
	liar := startLiar(t, greets("flood", func(conn net.Conn, r *bufio.Reader) error {
		inbox, wanted, attached := "1", "", false
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			fields := strings.Fields(line)
			switch {
			case len(fields) == 0:
			case fields[0] == "PING":
				_, err = conn.Write([]byte("PONG\r\n"))
			case fields[0] == "SUB" && strings.HasPrefix(fields[1], "_INBOX."):
				inbox = fields[2]
			case fields[0] == "SUB" && strings.HasPrefix(fields[1], sessions):
				wanted = line
			case fields[0] == "PUB" && fields[1] == bus.SubjectAgentAttach:
				answer := `{"ok":true,"epoch":1}`
				attached = true
				_, err = fmt.Fprintf(conn, "MSG %s %s %d\r\n%s\r\n", fields[2], inbox, len(answer), answer)
			}
			if sub := strings.Fields(wanted); err == nil && attached && len(sub) == 3 {
				for range 2 { // the second is more than the burst
					if _, err = fmt.Fprintf(conn, "MSG %s %s _INBOX.x.1 %d\r\n%s\r\n", sub[1], sub[2], len(body), body); err != nil {
						return err
					}
				}
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				for err == nil {
					_, err = r.ReadString('\n')
				}
				if slow := net.Error(nil); errors.As(err, &slow) && slow.Timeout() {
					return errFlooded
				}
				return err
			}
			if err != nil {
				return err
			}
		}
	}))
	agent := newAgent(t, "good")
	h := startHost(t, "a", append(terminalsOf(agent), liar.terminal("flood"))...)
	h.startBatched("kv", echo)
	h.awaitWarm(2)
	for _, s := range h.roster.all() {
		if s.id == "flood" {
			s.requests.SetBurst(burst)
			s.requests.SetLimit(1)
		}
	}
	h.grant(1, time.Hour)
	h.attachIn(1, 1)
	if err := <-liar.ended; errors.Is(err, errFlooded) {
		t.Fatal(err)
	}
	processtest.Await(t, "the log says why", func() bool {
		for _, s := range h.roster.all() {
			if d := s.detail(); s.id == "flood" && strings.Contains(d.Reason, "too many requests a second") {
				return true
			}
		}
		return false
	})
	wantCode(t, ask(t, app(t, agent.AppURL()), "request.kv.put", `{}`), 0)
}
