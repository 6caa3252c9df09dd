package browser_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hotpair/hotpair/deployments/local"
)

const (
	// kioskFiles is the example of a kiosk.
	kioskFiles = "../../services/terminal/examples/kiosk"
)

// calm are settings with which a busy machine has no takeovers but those that are played, and no host that falls behind.
var calm = []string{"HOTPAIR_BUSINESS=kv,ledger,tickets", "HOTPAIR_LEASE=3s", "HOTPAIR_STANDBY_PATIENCE=1m"}

// TestKiosk_SellsThroughATakeover is the example in a browser: it shows who serves, sells while the active host is killed and while both
// are gone, and every terminal's page is told of each seat that was sold.
func TestKiosk_SellsThroughATakeover(t *testing.T) {
	browser := browse(t)
	c := startCluster(t, "--terminals", "2", "--files", kioskFiles)
	terminals := c.File().Terminals
	page, other := open(t, browser, terminals[0].HTTP), open(t, browser, terminals[1].HTTP)
	page.dress("light", 1100, 760)
	page.await("who serves", served)
	first := js[string](page, "document.body.dataset.host")
	second := map[string]string{local.HostA: local.HostB, local.HostB: local.HostA}[first]
	for n := 1; n <= 3; n++ {
		page.click(fmt.Sprintf("A%d", n))
	}
	page.await("three seats sold", mine(3)+` && document.querySelectorAll('#sales li').length === 3`)
	page.await("the notices of them", toldOf(3))
	page.keep("kiosk-normal")

	// Sales that are asked for as the host dies wait, and are done once by the other one.
	c.Await(seenWithin, "both hosts in sync", func() bool {
		s, err := c.Status(first)
		return err == nil && len(s.InSync) == 2
	})
	c.Send(local.Kill, first)
	for n := 1; n <= 8; n++ {
		page.click(fmt.Sprintf("B%d", n))
	}
	page.await("the takeover", served+fmt.Sprintf(` && document.body.dataset.host === %q && /Host %s took over from %s/.test(document.querySelector('#words').textContent)`, second, second, first))
	page.await("eleven seats sold", mine(11))
	page.keep("kiosk-takeover")

	// No host is left: what is asked for waits, and is done when one is back.
	c.Send(local.Kill, second)
	page.await("that the line is cut", `document.body.dataset.line === 'cut'`)
	page.click("C1")
	page.await("a sale that waits", `document.querySelectorAll('[data-state=waits]').length === 1`)
	page.keep("kiosk-line-cut")
	c.Send(local.Start, second)
	c.Send(local.Start, first)
	page.await("a host that serves", served)
	page.await("the sale that waited", mine(12))
	page.await("the notice of it", toldOf(12))
	page.keep("kiosk-line-back")

	// The other terminal's page knows each of them sold, none twice.
	other.await("every seat that was sold", `document.querySelectorAll('#seats [data-state=sold]').length === 12 && `+toldOf(12))
	other.dress("light", 390, 844)
	other.await("nothing wider than a phone", `document.documentElement.scrollWidth <= innerWidth`)
	other.keep("kiosk-other-phone")

	// A reload keeps what there is, and a page that does not come from the agent learns nothing.
	page.run("reload", chromedp.Reload())
	page.await("the seats after a reload", `document.querySelectorAll('#seats [data-state=sold]').length === 12`)
	foreign := open(t, browser, "about:blank")
	foreign.await("to ask", fmt.Sprintf(`(fetch(%q, {method: 'POST', body: '{}'}).then((r) => { window.said = 'read ' + r.status; }, () => { window.said = 'refused'; }), true)`,
		terminals[0].HTTP+"/v1/tickets/sell"))
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

// served is true while the kiosk shows that a host serves.
const served = `document.body.dataset.line === 'served'`

// mine is true once so many seats were sold here.
func mine(n int) string {
	return fmt.Sprintf(`document.querySelectorAll('#seats [data-state=mine]').length === %d`, n)
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
