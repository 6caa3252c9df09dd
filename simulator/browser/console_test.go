// Package browser_test uses the console as people do: a real browser on a real cluster. Screenshots are kept with
// go test -artifacts, or in the directory that the flag -screenshots names.
package browser_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/clustertest"
)

var screenshots = flag.String("screenshots", "", "directory for screenshots")

// seenWithin is generous: the machine may be busy with other tests.
const seenWithin = 60 * time.Second

// startCluster starts a cluster under load.
func startCluster(t *testing.T, options ...string) *clustertest.Cluster {
	t.Helper()
	binary, err := clustertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return clustertest.Start(t, binary, filepath.Join(t.TempDir(), "pair"), options, calm...)
}

// tab is a page in the browser.
type tab struct {
	*testing.T
	ctx      context.Context
	mu       sync.Mutex
	problems []string
}

// browse starts a browser. Without one the test is skipped.
func browse(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED, THE CONSOLE IS NOT TESTED: there is no browser, Debian's is in the package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 1100), chromedp.UserDataDir(t.TempDir()))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	browser, endBrowser := chromedp.NewContext(allocator)
	t.Cleanup(endBrowser)
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser
}

// open shows a URL in a new tab and collects what goes wrong in it.
func open(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	p := &tab{T: t, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.problems = append(p.problems, e.ExceptionDetails.Text+" "+e.ExceptionDetails.URL)
		case *log.EventEntryAdded:
			// That a host is gone is what the page is for; anything else is a fault of the page.
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
				p.problems = append(p.problems, e.Entry.Text)
			}
		}
	})
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Fatalf("new tab: %v", err)
	}
	p.run("open "+url, chromedp.Navigate(url))
	return p
}

func (p *tab) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, seenWithin)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.Fatalf("%s: %v", what, err)
	}
}

// js gives the value of an expression in the page.
func js[T any](p *tab, expression string) T {
	p.Helper()
	return get(p, expression, chromedp.Evaluate[T](expression))
}

// get gives what an action is for.
func get[T any](p *tab, what string, action chromedp.Action[T]) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, seenWithin)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.Fatalf("%s: %v", what, err)
	}
	return value
}

// await waits until an expression in the page is true.
func (p *tab) await(what, expression string) {
	p.Helper()
	begun := time.Now()
	defer func() { p.Logf("%s after %s", what, time.Since(begun).Round(time.Millisecond)) }()
	// A page that loads anew in this moment answers nothing: it is asked again.
	seen := func() bool {
		ctx, cancel := context.WithTimeout(p.ctx, seenWithin)
		defer cancel()
		value, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && value
	}
	for late := begun.Add(seenWithin); !seen(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			p.keep("failed")
			p.Fatalf("the page does not show %s within %s: it says %q", what, seenWithin, js[string](p, "document.body.innerText"))
		}
	}
}

// keep makes a screenshot of the whole page.
func (p *tab) keep(name string) {
	p.Helper()
	dir := *screenshots
	if dir == "" {
		dir = p.ArtifactDir()
	}
	picture := get(p, "screenshot", chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		p.Fatal(err)
	}
}

// dress sets the theme and the size of the window.
func (p *tab) dress(theme string, width, height int64) {
	p.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.Fatal(err)
	}
	p.run("size", chromedp.EmulateViewport(width, height))
	p.await("the size", fmt.Sprintf("innerWidth === %d", width))
}

func (p *tab) wantNoProblems() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.problems {
		p.Errorf("the page complains: %s", text)
	}
}

// serving is an expression that is true while the page shows that a host serves.
func serving(host string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.host')].some((h) => h.dataset.serves === 'true' && h.querySelector('h3 b').textContent === %q)`, host)
}

const (
	live   = `document.body.dataset.live === 'true'`
	paired = live + ` && document.body.dataset.level === 'good'`
	// inSync is true with an alarm too: a killed active may have had updates in its journal that were never acknowledged,
	// and when they are kept as divergent an operator is told.
	inSync = live + ` && /either host may fail|standby and in sync/.test(document.querySelector('#summary').textContent)`
)

// TestConsole_ShowsAndMovesThePair logs in, switches over by a click, sees takeovers, leads to the other host's console when its own
// host is killed, which asks for a login of its own, comes back, says how old it is when nobody answers, and logs out.
func TestConsole_ShowsAndMovesThePair(t *testing.T) {
	browser := browse(t)
	c := startCluster(t, "--terminals", "12", "--load")
	hosts := c.File().Hosts
	a, b := hosts[local.HostA], hosts[local.HostB]
	token := operatorOf(t, a, "alice", operator.Operate)
	page := open(t, browser, a.HTTP)
	page.dress("light", 1280, 1000)
	page.logIn(token)
	page.await("a pair that is well", paired+" && "+serving("a"))
	page.await("rates", `document.querySelectorAll('#plot-rate path').length > 0 && /requests [1-9]/.test(document.querySelector('#plot-rate .line0').textContent)`)
	page.await("12 terminals", `document.querySelectorAll('#dots [data-state=attached]').length === 12`)
	page.keep("paired-light")
	page.dress("dark", 1280, 1000)
	page.keep("paired-dark")
	page.dress("light", 375, 812)
	page.await("nothing wider than a phone", `document.documentElement.scrollWidth <= innerWidth`)
	page.await("a page of sensible length on a phone", `document.documentElement.scrollHeight < 4000`)
	page.keep("paired-phone")
	page.dress("light", 1280, 1000)

	page.clickSwitchover()
	page.await("b serving", serving("b"))
	page.await("the switchover's steps", `document.querySelector('#dialog-title').textContent === 'b serves' && document.querySelectorAll('#dialog-steps li').length > 3`)
	page.keep("switchover-done")
	page.run("close", chromedp.Click("#dialog-cancel"))
	page.await("the pair whole again", paired)
	page.await("the takeover's gap in the list", `document.querySelector('#takeover-list li b')`)
	page.await("who did it, and why", `/switchover requested by alice .*: a test of the console/.test(document.querySelector('#events').textContent)`)

	// Its own host is killed: the page says how old it is, and leads to the other host's, which asks for a login.
	second := open(t, browser, b.HTTP)
	second.dress("light", 1280, 1000)
	second.await("that the session at a is none at b", `!document.querySelector('#login').hidden`)
	second.logIn(token)
	second.await("b serving", paired+" && "+serving("b"))
	c.Send(local.Kill, local.HostB)
	second.await("that it is old", `!document.querySelector('#stale').hidden && document.querySelector('#switchover').disabled`)
	second.await("the way to a", `document.querySelector('#stale-link').href === "`+a.HTTP+`/"`)
	second.keep("host-gone")
	page.await("the takeover by a", serving("a")+` && document.body.dataset.level === 'warning'`)
	page.keep("solo-light")
	page.dress("dark", 375, 812)
	page.keep("solo-phone-dark")
	page.dress("dark", 1280, 1000)
	c.Send(local.Start, local.HostB)
	second.await("that the session ended with its host", `!document.querySelector('#login').hidden`)
	second.logIn(token)
	second.await("its own host again", inSync+` && /as host b/.test(document.querySelector('#live-text').textContent)`)

	// Nobody answers: the page says how old it is.
	c.Send(local.Freeze, local.HostA)
	c.Send(local.Freeze, local.HostB)
	page.await("that it is old", `!document.querySelector('#stale').hidden && /[3-9] s old|\d\d s old/.test(document.querySelector('#stale').textContent) && document.querySelector('#switchover').disabled`)
	page.keep("stale-dark")
	c.Send(local.Thaw, local.HostA)
	c.Send(local.Thaw, local.HostB)
	page.await("a pair in sync", inSync)
	page.keep("paired-again-dark")

	// Withdrawn: both pages ask for a login again, without being touched, and load anew, so that nothing is left of what they showed.
	for _, p := range []*tab{page, second} {
		p.await("its mark", `(window.shownBefore = true)`)
	}
	if _, err := operator.CallRemoveOperator.Ask(t.Context(), a.Client(), operator.RemoveOperator{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*tab{page, second} {
		p.await("the login, once the operator is withdrawn", `window.shownBefore === undefined && document.querySelector('#login') && !document.querySelector('#login').hidden && !/host a|serves/.test(document.body.innerText)`)
	}
	page.keep("withdrawn-dark")
	page.wantNoProblems()
	second.wantNoProblems()
}

// TestConsole_LogsIn: nothing is shown before, a wrong token is refused, who looks only can do nothing, and a logout ends it.
func TestConsole_LogsIn(t *testing.T) {
	browser := browse(t)
	c := startCluster(t, "--terminals", "12", "--load")
	a := c.File().Hosts[local.HostA]
	token := operatorOf(t, a, "victor", operator.View)
	page := open(t, browser, a.HTTP)
	page.dress("light", 1280, 1000)
	page.await("the login", `!document.querySelector('#login').hidden && document.activeElement.id === 'login-token' && !/serves|terminals/.test(document.body.innerText)`)
	page.keep("login-light")
	page.run("a wrong token", chromedp.SendKeys("#login-token", "not the token"), chromedp.KeyEvent(kb.Enter))
	page.await("the refusal", `/no operator’s token/.test(document.querySelector('#login-error').textContent) && document.activeElement.id === 'login-token'`)
	page.keep("login-refused")
	page.dress("dark", 375, 812)
	page.await("nothing wider than a phone", `document.documentElement.scrollWidth <= innerWidth`)
	page.keep("login-refused-phone-dark")
	page.dress("light", 1280, 1000)
	page.logIn(token)
	page.await("who it is", `document.querySelector('#who-text').textContent === 'victor (view)'`)
	page.await("that nothing can be done", live+` && document.querySelector('#switchover').disabled && /looks only/.test(document.querySelector('#actions-note').textContent)`)
	if cookies := js[string](page, "document.cookie"); cookies != "" {
		t.Errorf("a script reads %q", cookies)
	}
	page.keep("viewer")
	page.run("reload", chromedp.Reload())
	page.await("the same session after a reload", live+` && document.querySelector('#who-text').textContent === 'victor (view)'`)
	page.run("log out", chromedp.Click("#logout"))
	page.await("the login again", `!document.querySelector('#login').hidden && !/serves|terminals/.test(document.body.innerText)`)
	page.run("open it again", chromedp.Navigate(a.HTTP))
	page.await("the login still", `!document.querySelector('#login').hidden`)
	page.wantNoProblems()
}

// operatorOf makes an operator as the user of the host's machine, and gives the token.
func operatorOf(t *testing.T, h local.HostFile, name string, role operator.Role) string {
	t.Helper()
	made, err := operator.CallAddOperator.Ask(t.Context(), h.Client(), operator.AddOperator{Name: name, Role: role, For: "1h"})
	if err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// logIn gives a token to the page.
func (p *tab) logIn(token string) {
	p.Helper()
	p.await("the login", `!document.querySelector('#login').hidden && document.activeElement.id === 'login-token'`)
	p.run("log in", chromedp.SendKeys("#login-token", token), chromedp.KeyEvent(kb.Enter))
	p.await("to be in", `document.body.dataset.login === 'done'`)
}

// clickSwitchover switches over with the keyboard, and says why.
func (p *tab) clickSwitchover() {
	p.Helper()
	// Not for as long as an answer of the host has it disabled.
	p.await("the button's focus", `(b => { b.focus(); return document.activeElement === b })(document.querySelector('#switchover'))`)
	p.run("press", chromedp.KeyEvent(kb.Enter))
	p.await("the question", `document.querySelector('dialog[open]') && document.activeElement.id === 'reason'`)
	p.keep("switchover-asked")
	p.run("why", chromedp.SendKeys("#reason", "a test of the console"), chromedp.KeyEvent(kb.Enter))
}
