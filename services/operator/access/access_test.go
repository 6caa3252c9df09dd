package access

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/operator"
)

const bobs = "hpt_bob"

func listOf(all ...accounts.Account) accounts.List { return accounts.List{Accounts: all} }

func bob() accounts.Account {
	return accounts.Account{Name: "bob", Role: "operate", Digest: accounts.Digest(bobs)}
}

// door is a gate whose list has bob.
func door() (*Gate, *Book) {
	book := &Book{}
	book.Set(listOf(bob()))
	return NewGate("a", "the-token-that-is-set", book, time.Now), book
}

func asking(from, token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = from
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func TestGate_KnowsByWhatIsShown(t *testing.T) {
	g, _ := door()
	for what, c := range map[string]struct {
		from, token string
		want        operator.Person
	}{
		"nobody here":      {"127.0.0.1:1", "", operator.Person{Role: operator.Anyone}},
		"nobody elsewhere": {"192.0.2.1:1", "", operator.Person{}},
		"an operator":      {"192.0.2.1:1", bobs, operator.Person{Name: "bob", Role: operator.Operate, Credential: operator.ByToken}},
		"what is set":      {"192.0.2.1:1", "the-token-that-is-set", operator.Person{Name: SettingName, Role: operator.Administer, Credential: operator.BySetting}},
	} {
		if got, err := g.Who(asking(c.from, c.token)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	none := NewGate("a", "", &Book{}, time.Now)
	none.book.Set(accounts.List{})
	if p, err := none.Who(asking("127.0.0.1:1", "")); err != nil || p.Known() {
		t.Errorf("%+v, %v", p, err)
	}
	r := asking("127.0.0.1:1", "")
	r.Header.Set("Authorization", "Bearer ")
	if p, err := none.Who(r); !errors.Is(err, operator.ErrToken) || p.Known() {
		t.Errorf("an empty token where none is set: %+v, %v", p, err)
	}
}

// While the list may be old nobody's token counts: its operator may have been withdrawn. The error is no refusal, and costs nothing.
func TestGate_WithoutItsListTakesNoToken(t *testing.T) {
	g, book := door()
	book.Lose()
	if p, err := g.Who(asking("127.0.0.1:1", bobs)); !errors.Is(err, operator.ErrUnavailable) || p.Role != operator.Anyone || g.refused.all != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := g.Who(asking("192.0.2.1:1", "the-token-that-is-set")); err != nil || p.Role != operator.Administer {
		t.Errorf("what is set: %+v, %v", p, err)
	}
	book.Set(listOf(bob()))
	if _, err := g.Who(asking("127.0.0.1:1", bobs)); err != nil {
		t.Error(err)
	}
}

// login gives a request that carries the cookie of a login.
func login(t *testing.T, g *Gate, token string) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := g.Login(w, asking("192.0.2.1:1", ""), token); err != nil {
		t.Fatal(err)
	}
	r := asking("192.0.2.1:1", "")
	r.AddCookie(w.Result().Cookies()[0])
	return r
}

// TestSession_EndsWithItsTokenAndItsTime: withdrawn, rotated, expired, unused, old.
func TestSession_EndsWithItsTokenAndItsTime(t *testing.T) {
	for what, end := range map[string]func(*Book, *http.Request, *Gate){
		"withdrawn": func(b *Book, _ *http.Request, _ *Gate) { b.Set(accounts.List{}) },
		"rotated": func(b *Book, _ *http.Request, _ *Gate) {
			a := bob()
			a.Digest = accounts.Digest("another")
			b.Set(listOf(a))
		},
		"expired": func(b *Book, _ *http.Request, _ *Gate) {
			a := bob()
			a.Expires = time.Now()
			b.Set(listOf(a))
		},
		"unused": func(*Book, *http.Request, *Gate) { time.Sleep(sessionIdle) },
		"old": func(_ *Book, r *http.Request, g *Gate) {
			for range sessionLasts / (sessionIdle / 2) {
				_, _ = g.Who(r)
				time.Sleep(sessionIdle / 2)
			}
		},
		"logged out": func(_ *Book, r *http.Request, g *Gate) { g.Logout(httptest.NewRecorder(), r) },
	} {
		synctest.Test(t, func(t *testing.T) {
			g, book := door()
			r := login(t, g, bobs)
			if p, err := g.Who(r); err != nil || p.Name != "bob" || p.Credential != operator.BySession {
				t.Fatalf("%s: before: %+v, %v", what, p, err)
			}
			time.Sleep(sessionIdle - time.Second)
			if p, _ := g.Who(r); p.Name != "bob" {
				t.Fatalf("%s: ended before its time", what)
			}
			end(book, r, g)
			if p, err := g.Who(r); err != nil || p.Known() {
				t.Errorf("%s: goes on as %+v, %v", what, p, err)
			}
			if g.refused.all != 0 {
				t.Errorf("%s: counts as a refused login", what)
			}
		})
	}
}

// TestSession_IsNotWhatABrowserBrought: a cookie that somebody planted before a login is no session after it, and that of another host, which
// a browser sends along where both are on one machine, never is one.
func TestSession_IsNotWhatABrowserBrought(t *testing.T) {
	g, _ := door()
	planted := &http.Cookie{Name: g.cookieName(), Value: "PLANTEDPLANTEDPLANTEDPLANT"}
	r := asking("192.0.2.1:1", "")
	r.AddCookie(planted)
	w := httptest.NewRecorder()
	if _, err := g.Login(w, r, bobs); err != nil {
		t.Fatal(err)
	}
	got := w.Result().Cookies()
	if len(got) != 1 || got[0].Value == planted.Value {
		t.Fatalf("%+v", got)
	}
	if p, err := g.Who(r); err != nil || p.Known() {
		t.Errorf("with the planted one: %+v, %v", p, err)
	}
	book := &Book{}
	book.Set(listOf(bob()))
	other := NewGate("b", "", book, time.Now)
	r = asking("192.0.2.1:1", "")
	for _, name := range []string{got[0].Name, other.cookieName()} { // as the browser sends it, and as a thief would
		r.AddCookie(&http.Cookie{Name: name, Value: got[0].Value})
	}
	if p, err := other.Who(r); err != nil || p.Known() {
		t.Errorf("at the other host: %+v, %v", p, err)
	}
}

// TestSession_ThoseOfOneTokenAreBounded: a program that logs in again and again ends its own sessions, and nobody else's.
func TestSession_ThoseOfOneTokenAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, book := door()
		carol := accounts.Account{Name: "carol", Role: "view", Digest: accounts.Digest("hpt_carol")}
		book.Set(listOf(bob(), carol))
		hers, first := login(t, g, "hpt_carol"), login(t, g, bobs)
		for range 3 * mostOfOne {
			time.Sleep(time.Second)
			login(t, g, bobs)
		}
		if n := len(g.sessions.open); n != mostOfOne+1 {
			t.Errorf("%d sessions", n)
		}
		if p, _ := g.Who(hers); p.Name != "carol" {
			t.Error("carol's ended")
		}
		if p, _ := g.Who(first); p.Known() {
			t.Error("the oldest goes on")
		}
		var all []accounts.Account
		for i := range accounts.Most {
			all = append(all, accounts.Account{Name: strings.Repeat("x", i+1), Role: "view", Digest: accounts.Digest(strings.Repeat("x", i+1))})
		}
		book.Set(listOf(all...))
		for _, a := range all {
			for range 3 {
				login(t, g, a.Name)
			}
		}
		if n := len(g.sessions.open); n != mostSessions {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestRefused_CostsTimeAndIsTold: whoever guesses waits, not many may wait, who has a token is not kept by them, and somebody is told.
func TestRefused_CostsTimeAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := door()
		if g.ManyRefused() != "" {
			t.Error("told of nothing")
		}
		began := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		late, busy := 0, 0
		for range 3 * delayedMost {
			all.Go(func() {
				_, err := g.Who(asking("192.0.2.1:1", "guess"))
				mu.Lock()
				defer mu.Unlock()
				var p *operator.Problem
				switch {
				case errors.As(err, &p) && p.Status == http.StatusTooManyRequests && time.Since(began) == 0:
					busy++
				case errors.Is(err, operator.ErrToken) && time.Since(began) == delay:
					late++
				default:
					t.Errorf("%v after %s", err, time.Since(began))
				}
			})
		}
		synctest.Wait()
		if _, err := g.Who(asking("192.0.2.1:1", bobs)); err != nil || time.Since(began) != 0 {
			t.Errorf("bob waited %s: %v", time.Since(began), err)
		}
		all.Wait()
		if late != delayedMost || busy != 2*delayedMost {
			t.Errorf("%d were late, %d were told to come again", late, busy)
		}
		if text := g.ManyRefused(); !strings.Contains(text, "192.0.2.1") {
			t.Errorf("told %q", text)
		}
		time.Sleep(refusedWithin)
		if text := g.ManyRefused(); text != "" {
			t.Errorf("told still: %s", text)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Who(asking("192.0.2.1:1", "guess").WithContext(ctx)); !errors.Is(err, operator.ErrToken) {
			t.Error(err)
		}
	})
}
