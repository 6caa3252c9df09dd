package browser_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal"
	"github.com/hotpair/hotpair/services/terminal/web"
)

const (
	// kioskFiles is the example of a kiosk.
	kioskFiles = "../../services/terminal/examples/kiosk"
)

// calm are settings with which a busy machine has no takeovers but those that are played, and no host that falls behind.
var calm = []string{"HOTPAIR_BUSINESS=kv,ledger,tickets", "HOTPAIR_LEASE=3s", "HOTPAIR_STANDBY_PATIENCE=1m"}

// TestKiosk_SellsThroughTakeoverAndCut is the example in a browser, at an agent that is a process of its own: it sells while the active host is
// killed, while the line to both is cut, the page is loaded anew and the agent is killed; when the line is back everything is done, once, and the page
// says what became of each sale.
func TestKiosk_SellsThroughTakeoverAndCut(t *testing.T) {
	browser := browse(t)
	c := startCluster(t, "--terminals", "1", "--files", kioskFiles)
	till := startTill(t, c, "till-7")
	page, other := open(t, browser, till.HTTP), open(t, browser, c.File().Terminals[0].HTTP)
	page.dress("light", 1180, 800)
	page.await("who serves", served)
	other.await("who serves the other till", served)
	first := js[string](page, "document.body.dataset.host")
	second := map[string]string{local.HostA: local.HostB, local.HostB: local.HostA}[first]
	for n := 1; n <= 3; n++ {
		page.click(fmt.Sprintf("A%d", n))
	}
	page.await("three seats sold", sale("done", 3)+" && "+seats("mine", 3))
	page.await("the notices of them", toldOf(3))
	page.keep("kiosk-normal")

	// Sales that are asked for as the host dies are done once by the other one.
	inSync := func() {
		t.Helper()
		c.Await(seenWithin, "both hosts in sync", func() bool {
			s, err := c.Status(first)
			return err == nil && len(s.InSync) == 2
		})
	}
	inSync()
	c.Send(local.Kill, first)
	for n := 1; n <= 8; n++ {
		page.click(fmt.Sprintf("B%d", n))
	}
	page.await("the takeover", served+fmt.Sprintf(` && document.body.dataset.host === %q && /Host %s took over from %s/.test(document.querySelector('#words').textContent)`, second, second, first))
	page.await("eleven seats sold", sale("done", 11)+" && "+seats("mine", 11))
	page.keep("kiosk-takeover")
	c.Send(local.Start, first)
	inSync()

	// The line is cut: what is sold is accepted, and stays so over a new load of the page and the death of the agent. One seat is sold elsewhere.
	// The first sales are made before the agent has noticed.
	till.cut()
	for n := 1; n <= 4; n++ {
		page.click(fmt.Sprintf("C%d", n))
	}
	page.await("four sales that are accepted", sale("accepted", 4)+" && "+seats("waits", 4))
	page.await("that the line is cut", `document.body.dataset.line === 'cut'`)
	other.click("C2")
	other.await("the seat that the other till has", seats("mine", 1))
	page.keep("kiosk-line-cut")
	page.run("reload", chromedp.Reload())
	page.await("the sales after a reload", `document.body.dataset.line === 'cut' && `+sale("accepted", 4)+" && "+sale("done", 11))
	till.freeze()
	page.click("C6")
	page.await("a sale that the agent has not taken", sale("new", 1))
	till.kill()
	page.await("that the agent is gone", `document.body.dataset.line === 'away' && document.querySelectorAll('#seats button:enabled').length === 0`)
	page.keep("kiosk-agent-away")
	till.start()
	page.await("the agent again", `document.body.dataset.line === 'cut'`)
	page.await("the sale that was handed in again", sale("accepted", 5))
	page.click("C5")
	page.await("six sales that are accepted", sale("accepted", 6))

	// The line is back.
	till.fix()
	page.await("a host that serves", served)
	page.await("what became of them", sale("done", 16)+" && "+sale("refused", 1)+" && "+sale("accepted", 0))
	page.await("why one was refused", `/refused: seat C2 is sold/.test(document.querySelector('[data-sale=refused]').textContent) && `+seats("mine", 16)+" && "+seats("sold", 1))
	page.await("the notices of all", toldOf(17))
	page.keep("kiosk-line-back")
	page.run("reload", chromedp.Reload())
	page.await("the same after a reload", served+" && "+sale("done", 16)+" && "+sale("refused", 1)+" && "+toldOf(17))

	// Each was done once: its answer is that of a sale, which a second one would not have; every till was told of it once, and the pair has
	// no others.
	ofKeys := answer[map[string]int](page, `(async () => {
		const codes = {};
		for (const name of Object.keys(localStorage)) {
			const answer = await fetch('/v1/queue?key=' + encodeURIComponent(name.slice('sale/'.length)));
			const told = await answer.json();
			const seat = name.split('/')[1];
			codes[seat] = told.state === 'done' && codes[seat] === undefined ? told.code ?? 0 : -1;
		}
		return codes;
	})()`)
	for _, seat := range []string{"A1", "A2", "A3", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "C1", "C2", "C3", "C4", "C5", "C6"} {
		want := 0
		if seat == "C2" {
			want = bus.CodeConflict
		}
		if got, is := ofKeys[seat]; !is || got != want {
			t.Errorf("the sale of seat %s came to %d, known %t, want %d", seat, got, is, want)
		}
		if n := js[int](other, fmt.Sprintf(`[...document.querySelectorAll('#told li')].filter((l) => l.textContent.endsWith('seat %s is sold')).length`, seat)); n != 1 {
			t.Errorf("the other till was told %d times that seat %s is sold", n, seat)
		}
	}
	if len(ofKeys) != 17 {
		t.Errorf("the page has sales of %d seats: %v", len(ofKeys), ofKeys)
	}
	for customer, want := range map[string]int{"till-7": 16, "t1": 1} {
		if n := answer[int](page, fmt.Sprintf(`fetch('/v1/tickets/find', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"customer":%q}'}).then((r) => r.json()).then((found) => found.seats.length)`, customer)); n != want {
			t.Errorf("%s has %d seats, want %d", customer, n, want)
		}
	}
	other.await("every seat that was sold", seats("sold", 16)+" && "+seats("mine", 1)+" && "+toldOf(17))
	other.dress("light", 390, 844)
	other.await("nothing wider than a phone", `document.documentElement.scrollWidth <= innerWidth`)
	other.keep("kiosk-other-phone")

	// A page that does not come from the agent learns nothing.
	foreign := open(t, browser, "about:blank")
	foreign.await("to ask", fmt.Sprintf(`(fetch(%q, {method: 'POST', body: '{}'}).then((r) => { window.said = 'read ' + r.status; }, () => { window.said = 'refused'; }), true)`,
		till.HTTP+"/v1/tickets/sell"))
	foreign.await("that it is refused", `window.said === 'refused'`)
	page.wantNoProblems()
	other.wantNoProblems()
}

// TestTerminalPage_ShowsAndAsks is what an agent without a kiosk shows.
func TestTerminalPage_ShowsAndAsks(t *testing.T) {
	browser := browse(t)
	c := startCluster(t, "--terminals", "1")
	page := open(t, browser, c.File().Terminals[0].HTTP)
	page.dress("light", 1000, 700)
	page.await("who serves", `document.body.dataset.state === 'served' && /^Host [ab] serves since/.test(document.querySelector('#words').textContent)`)
	page.await("what there is to ask", `[...document.querySelectorAll('#operations option')].some((o) => o.value === 'kv/put')`)
	page.run("ask", chromedp.SetValue("#operation", "kv/put"), chromedp.SetValue("#body", `{"key":"colour","value":"blue"}`), chromedp.Click("#ask button"))
	page.await("the answer", `/^Done in/.test(document.querySelector('#outcome').textContent) && /revision/.test(document.querySelector('#answer').textContent)`)
	page.keep("terminal-page")
	page.run("ask for nothing", chromedp.SetValue("#operation", "kv/nothing"), chromedp.Click("#ask button"))
	page.await("the refusal", `/^404/.test(document.querySelector('#outcome').textContent) && /"do"/.test(document.querySelector('#answer').textContent)`)
	page.dress("dark", 390, 844)
	page.await("nothing wider than a phone", `document.documentElement.scrollWidth <= innerWidth`)
	page.keep("terminal-page-phone-dark")
	page.wantNoProblems()
}

// TestKiosk_ShowsWhatNobodyKnows: of two sales the pair can't tell any more whether they took effect. The page says so until somebody has looked,
// and then what is so.
func TestKiosk_ShowsWhatNobodyKnows(t *testing.T) {
	browser := browse(t)
	a := terminal.New(terminal.Config{ID: "till-7", Listen: processtest.Address(t), Apps: processtest.Address(t), Key: "key", Data: t.TempDir(),
		HTTP: web.Config{Listen: processtest.Address(t), Files: kioskFiles}})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-a.HTTP().Ready()
	attach(t, a, func(q bus.Request) bus.Reply {
		switch {
		case q.Operation == "sell":
			return bus.Reply{Code: bus.CodeTooOld, Message: "it is too old to know whether it was executed"}
		case strings.Contains(string(q.Body), "A1"):
			return bus.Reply{Body: []byte(`{"seat":"A1","state":"sold","customer":"till-7"}`)}
		}
		return bus.Reply{Body: []byte(`{"seat":"A2","state":"free"}`)}
	})
	page := open(t, browser, "http://"+a.HTTP().Address())
	page.dress("light", 1180, 800)
	page.await("who serves", served)
	page.click("A1")
	page.click("A2")
	unknown := `[...document.querySelectorAll('#sales [data-sale=unknown]')].filter((l) => /unknown whether it is sold: it is too old/.test(l.textContent)).length === 2`
	page.await("two that nobody knows of", unknown+" && "+seats("unknown", 2))
	page.keep("kiosk-not-known")
	page.run("reload", chromedp.Reload())
	page.await("the same after a reload", served+" && "+unknown)
	if n := answer[int](page, `fetch('/v1/status').then((r) => r.json()).then((s) => s.unknown)`); n != 2 {
		t.Errorf("the agent says that nobody knows of %d", n)
	}
	for left := 1; left >= 0; left-- {
		page.await("a button", `(document.querySelector('[data-sale=unknown] button').click(), true)`)
		page.await("what was found", sale("unknown", left))
	}
	page.await("what became of them", sale("done", 1)+" && "+sale("refused", 1)+" && "+seats("mine", 1))
	page.await("that the agent has forgotten them", `(fetch('/v1/status').then((r) => r.json()).then((s) => { window.left = s.unknown ?? 0; }), window.left === 0)`)
	page.wantNoProblems()
}

// attach has a host that is made by hand serve a terminal.
func attach(t *testing.T, a *terminal.Agent, answer func(bus.Request) bus.Reply) {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: "a", URL: a.URL(), User: bus.AgentUser, Password: "key", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	const session = "a-1-1"
	_, err = batch.NewResponder[bus.Request, bus.Reply](conn, bus.SessionRequests(session), "", func(r bus.Reply) int { return len(r.Body) },
		func(q bus.Request, _ string, reply func(bus.Reply)) { reply(answer(q)) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), seenWithin)
	defer cancel()
	const base = 1 << 17
	_, err = conn.Request(ctx, bus.SubjectAgentAttach, bus.EncodeJSON(bus.AgentAttach{PairID: "pair", Host: "a", Identity: "id-a", Epoch: 1, Counter: 1, Session: session,
		Base: base, QueueBase: base, Queues: true}))
	if err != nil {
		t.Fatal(err)
	}
}

// answer gives what a promise in the page comes to.
func answer[T any](p *tab, promise string) T {
	p.Helper()
	return get(p, promise, chromedp.Evaluate[T](promise, chromedp.EvalAwaitPromise))
}

// served is true while the kiosk shows that a host serves.
const served = `document.body.dataset.line === 'served'`

// sale is true once so many sales of the page are in a state.
func sale(state string, n int) string {
	return fmt.Sprintf(`document.querySelectorAll('#sales [data-sale=%s]').length === %d`, state, n)
}

// seats is true once so many seats are shown in a state.
func seats(state string, n int) string {
	return fmt.Sprintf(`document.querySelectorAll('#seats [data-state=%s]').length === %d`, state, n)
}

// toldOf is true once the page was told of so many seats.
func toldOf(n int) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#told li')].filter((l) => l.textContent.endsWith(' is sold')).length === %d`, n)
}

// click asks for a seat.
func (p *tab) click(seat string) {
	p.Helper()
	if !js[bool](p, fmt.Sprintf(`(b => { b.click(); return b.dataset.state === 'waits' })([...document.querySelectorAll('#seats button')].find((b) => b.textContent === %q))`, seat)) {
		p.Errorf("seat %s can't be asked for", seat)
	}
}
