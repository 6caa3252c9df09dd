package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	if c := h.Callers; len(c) != 1 || c[0].Name != "operate" || c[0].Credential != operator.BySession {
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

// writeCertificate makes a certificate for 127.0.0.1 that nobody but itself vouches for, and gives it as a root.
func writeCertificate(t *testing.T, dir string, number int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "cert"), cert, 0o600), os.WriteFile(filepath.Join(dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}

// TestServer_OverTLS: a certificate that changes is read again, one that can't be read changes nothing, and plain text gets no answer.
func TestServer_OverTLS(t *testing.T) {
	dir := t.TempDir()
	first := writeCertificate(t, dir, 1)
	c := configOf(&operatortest.Host{Now: operatortest.Paired()})
	c.Cert, c.Key = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	s := NewServer(c)
	operatortest.Start(t, s)
	ask := func(scheme string, roots *x509.CertPool) error {
		_, err := operator.NewClient(scheme + "://" + s.Address()).WithRoots(roots).Status(t.Context())
		return err
	}
	if err := ask("https", first); err != nil {
		t.Fatal(err)
	}
	plain := serve(t, &operatortest.Host{Now: operatortest.Paired()})
	for what, c := range map[string]struct{ url, says string }{
		"plain text": {"http://" + s.Address(), "the server speaks HTTPS: write https://"}, "nobody vouches for it": {"https://" + s.Address(), "--ca"},
		"another name": {"https://localhost" + s.Address()[strings.LastIndex(s.Address(), ":"):], "for another name or address"}, "TLS to plain text": {"https://" + plain.Address(), "the server speaks plain HTTP"},
	} {
		client := operator.NewClient(c.url)
		if what == "another name" {
			client.WithRoots(first)
		}
		if _, err := client.Status(t.Context()); !errors.Is(err, operator.ErrUnreachable) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
	if err := os.WriteFile(c.Cert, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask("https", first); err != nil {
		t.Errorf("while the file can't be read: %v", err)
	}
	second := writeCertificate(t, dir, 2)
	later := time.Now().Add(time.Minute)
	if err := errors.Join(os.Chtimes(c.Cert, later, later), os.Chtimes(c.Key, later, later)); err != nil {
		t.Fatal(err)
	}
	if err := ask("https", second); err != nil {
		t.Errorf("with the second one: %v", err)
	}
	if ask("https", first) == nil {
		t.Error("the first one is shown still")
	}
}
