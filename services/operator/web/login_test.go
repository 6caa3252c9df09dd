package web

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// TestLogin_BeginsASessionThatEndsWithItsLogout: a cookie that no script reads and no other site has sent, of this host alone.
func TestLogin_BeginsASessionThatEndsWithItsLogout(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Done: operatortest.Switched()}
	s := serve(t, h)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	ask := func(method, path, body string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Body.Close() })
		return w
	}
	want := func(what string, w *http.Response, status int) {
		t.Helper()
		if w.StatusCode != status {
			t.Errorf("%s: %s, want %d", what, w.Status, status)
		}
	}
	want("before", ask(http.MethodGet, operator.CallWho.Path, ""), 401)
	want("a wrong token", ask(http.MethodPost, PathLogin, `{"token":"wrong"}`), 401)
	want("no token", ask(http.MethodPost, PathLogin, `{}`), 401)
	w := ask(http.MethodPost, PathLogin, `{"token":"`+operatortest.TokenOf(operator.Operate)+`"}`)
	want("login", w, 200)
	cookie := w.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.Name != "hotpair-a" || strings.Contains(cookie.Value, operatortest.Token) {
		t.Errorf("%+v", cookie)
	}
	want("after", ask(http.MethodGet, operator.CallWho.Path, ""), 200)
	want("switchover", ask(http.MethodPost, operator.CallSwitchover.Path, ""), 200)
	want("promote", ask(http.MethodPost, operator.CallPromote.Path, `{"accept_loss":"0"}`), 403)
	if c := h.Callers; len(c) != 1 || c[0].Name != "operate" || c[0].Way != operator.BySession {
		t.Errorf("%+v", c)
	}
	want("logout", ask(http.MethodPost, PathLogout, ""), 200)
	want("after the logout", ask(http.MethodGet, operator.CallWho.Path, ""), 401)
	jar.SetCookies(w.Request.URL, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: "/"}})
	want("with the cookie of the session that ended", ask(http.MethodGet, operator.CallWho.Path, ""), 401)
}

func TestLogin_FromAnotherSite_IsRefused(t *testing.T) {
	w := request(t, &operatortest.Host{}, http.MethodPost, PathLogin, `{"token":"`+operatortest.Token+`"}`, map[string]string{"Sec-Fetch-Site": "cross-site"})
	if operatortest.WantProblem(t, w, http.StatusForbidden); len(w.Result().Cookies()) != 0 {
		t.Error("a cookie")
	}
}

func TestLogin_OverTLS_KeepsItsCookieToTLS(t *testing.T) {
	server := httptest.NewTLSServer(NewHandler(configOf(&operatortest.Host{})))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+PathLogin, strings.NewReader(`{"token":"`+operatortest.Token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if c := w.Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("%s %+v", w.Status, c)
	}
}
