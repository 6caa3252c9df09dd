package terminalif

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal"
)

func rowsOf(agents ...*anAgent) (rows []bus.TableRow) {
	for _, a := range agents {
		rows = append(rows, bus.TableRow{ID: a.id, Address: a.URL()})
	}
	return rows
}

func (h *aHost) listed() map[string]bus.TerminalDetail {
	h.t.Helper()
	list := map[string]bus.TerminalDetail{}
	page := order(h, bus.CallTerminalsList, bus.ListTerminals{})
	for _, d := range page.Terminals {
		list[d.ID] = d
	}
	return list
}

// The table of terminals changes within a term: who is new is attached, who stays keeps its connection, who is gone is
// left, and its requests wait for somebody else.
func TestRoster_ChangesWithinATerm(t *testing.T) {
	first, stays, later := newAgent(t, "t1"), newAgent(t, "t2"), newAgent(t, "t3")
	h := startHost(t, "a", terminalsOf(first, stays)...)
	h.startBatched("echo", echo)
	h.announce("echo", 1, true)
	h.awaitWarm(2)
	h.serveAll(7, 2)
	wantCode(t, ask(t, app(t, first.AppURL()), "request.echo.say", `{}`), 0)
	dials := h.Dials()

	order(h, bus.CallTerminals, bus.SetTerminals{Revision: 5, Terminals: rowsOf(stays, later)})
	processtest.Await(t, "the new terminal is attached", func() bool { return h.listed()["t3"].State == stateAttached })
	wantCode(t, ask(t, app(t, later.AppURL()), "request.echo.say", `{}`), 0)
	wantCode(t, ask(t, app(t, stays.AppURL()), "request.echo.say", `{}`), 0)
	list := h.listed()
	if _, there := list["t1"]; there || len(list) != 2 || h.State().Attached != 2 {
		t.Fatalf("listed %+v, attached %d, want t2 and t3", list, h.State().Attached)
	}
	if d := list["t3"]; d.Epoch != 7 || d.RTT <= 0 || d.Since.IsZero() {
		t.Errorf("of the new terminal only this is known: %+v", d)
	}
	if now := h.Dials(); now != dials+1 {
		t.Errorf("%d dials for one new terminal", now-dials)
	}
	reply, err := app(t, first.AppURL()).Request("request.echo.say", []byte(`{}`), 300*time.Millisecond)
	if err == nil && codeOf(reply) == 0 {
		t.Error("a terminal that was removed is still served")
	}

	// The same table again changes nothing.
	order(h, bus.CallTerminals, bus.SetTerminals{Revision: 5, Terminals: rowsOf(first)})
	if got := h.listed(); len(got) != 2 || got["t2"].State != stateAttached {
		t.Errorf("the same revision was taken for another table: %+v", got)
	}
	// A terminal that comes back gets what waited there.
	order(h, bus.CallTerminals, bus.SetTerminals{Revision: 6, Terminals: rowsOf(first, stays, later)})
	wantCode(t, ask(t, app(t, first.AppURL()), "request.echo.say", `{}`), 0)
}

// A terminal that moves to another address keeps its id and gets a new session.
func TestRoster_AddressOfATerminalChanges(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", Terminal{ID: "t1", URL: "nats://" + closedPort(t), Key: keyOf("t1")})
	order(h, bus.CallTerminals, bus.SetTerminals{Revision: 1, Terminals: rowsOf(agent)})
	h.awaitWarm(1)
}

func TestRoster_PagesOfThousands(t *testing.T) {
	h := startHost(t, "a")
	table := bus.SetTerminals{Revision: 1}
	dead := "nats://" + closedPort(t)
	for n := range 5000 {
		table.Terminals = append(table.Terminals, bus.TableRow{ID: fmt.Sprintf("t%05d", n), Address: dead})
	}
	order(h, bus.CallTerminals, table)
	seen, after := 0, ""
	for more := true; more; {
		page := order(h, bus.CallTerminalsList, bus.ListTerminals{After: after, Limit: 1000})
		if page.Total != 5000 || len(page.Terminals) == 0 {
			t.Fatalf("a page of %d, total %d", len(page.Terminals), page.Total)
		}
		for _, d := range page.Terminals {
			if d.ID <= after {
				t.Fatalf("%s comes behind %s", d.ID, after)
			}
			after = d.ID
		}
		seen, more = seen+len(page.Terminals), page.More
	}
	if seen != 5000 {
		t.Errorf("%d terminals on all pages", seen)
	}
	if order(h, bus.CallTerminals, bus.SetTerminals{Revision: 2}); len(h.listed()) != 0 {
		t.Errorf("an empty table leaves %d terminals", len(h.listed()))
	}
}

// closedPort is an address where nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", processtest.Address(t)))
	defer l.Close()
	return l.Addr().String()
}

// listener accepts connections and does with them what it is told.
func listener(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", processtest.Address(t)))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	return l.Addr().String()
}

func TestProbe_SaysWhatIsWrong(t *testing.T) {
	good := newAgent(t, "good")
	other := startAgent(t, "other", filepath.Join(t.TempDir(), "other"), processtest.Address(t), func(c *terminal.Config) { c.Key = keyOf("mixed-up") })
	locked := startAgent(t, "locked", filepath.Join(t.TempDir(), "locked"), processtest.Address(t), func(c *terminal.Config) { c.Key = "another key of somebody" })
	web := listener(t, func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		c.Close()
	})
	mute := listener(t, func(c net.Conn) { t.Cleanup(func() { c.Close() }) })
	h := startHost(t, "a", terminalsOf(good)...)
	h.awaitWarm(1)
	h.attachIn(3, 1)
	rows := []bus.TableRow{
		{ID: "good", Address: good.URL()},
		{ID: "locked", Address: locked.URL()},
		{ID: "mixed-up", Address: other.URL()},
		{ID: "mute", Address: "nats://" + mute},
		{ID: "nobody", Address: "nats://" + closedPort(t)},
		{ID: "nowhere", Address: "nats://no-such-host.invalid:4222"},
		{ID: "web", Address: "nats://" + web},
	}
	want := map[string]string{
		"good": bus.ProbeOK, "locked": bus.ProbeWrongKey, "mixed-up": bus.ProbeOtherAgent, "mute": bus.ProbeNoAgent,
		"nobody": bus.ProbeRefused, "nowhere": bus.ProbeUnreachable, "web": bus.ProbeNoAgent,
	}
	result := order(h, bus.CallTerminalsProbe, bus.ProbeTerminals{Rows: rows})
	if len(result.Terminals) != len(rows) {
		t.Fatalf("%d outcomes of %d", len(result.Terminals), len(rows))
	}
	for _, p := range result.Terminals {
		if p.Outcome != want[p.ID] || p.Outcome != bus.ProbeOK && p.Detail == "" {
			t.Errorf("%s: %s (%s), want %s", p.ID, p.Outcome, p.Detail, want[p.ID])
		}
	}
	if h.listed()["good"].State != stateAttached {
		t.Error("probing has disturbed a session")
	}
	// The pair knows epoch 2, the terminal has accepted 3; and of those in the list only known ones are probed.
	result = order(h, bus.CallTerminalsProbe, bus.ProbeTerminals{IDs: []string{"good", "unheard"}, Epoch: 2})
	if len(result.Terminals) != 1 || result.Terminals[0].Outcome != bus.ProbeHigherEpoch || len(result.Unknown) != 1 {
		t.Errorf("by id: %+v", result)
	}
}
