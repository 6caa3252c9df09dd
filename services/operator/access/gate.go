package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/peercred"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Gate identifies the caller of a request. It holds no connection and opens none.
type Gate struct {
	host     string
	setting  string // a token that is admin; "" is none
	book     *Book
	now      func() time.Time
	sessions sessions
	refused  refusals
}

// NewGate makes the gate of a host. setting is the token of HOTPAIR_HTTP_TOKEN, "" for none. now is the host's wall
// clock, by which accounts expire.
func NewGate(host, setting string, book *Book, now func() time.Time) *Gate {
	return &Gate{host: host, setting: setting, book: book, now: now}
}

// SettingName names a caller with the token of HOTPAIR_HTTP_TOKEN, which belongs to no person.
const SettingName = "HOTPAIR_HTTP_TOKEN"

// Who returns the caller of a request; without a credential if it shows none. The error is operator.ErrToken for an
// invalid proof, after a delay, and operator.ErrUnavailable when the proof can't be checked now.
func (g *Gate) Who(r *http.Request) (operator.Person, error) {
	local, onSocket := peercred.From(r.Context())
	if onSocket && (local.UID == 0 || local.UID == os.Getuid()) {
		p := operator.Person{Name: userName(local.UID), Role: operator.Administer, Credential: operator.BySocket}
		if local.UID == 0 {
			p.Claim = claim(r)
		}
		return p, nil
	}
	p := operator.Person{}
	if onSocket || IsLoopback(r.RemoteAddr) {
		p.Role = operator.Anyone
	}
	if given := r.Header.Get("Authorization"); given != "" {
		token, is := strings.CutPrefix(given, "Bearer ")
		if !is {
			return p, g.refuse(r, fmt.Errorf("%w: write Authorization: Bearer TOKEN", operator.ErrToken))
		}
		return g.byDigest(r, p, accounts.Digest(token), operator.ByToken, g.isSetting(token))
	}
	if cookie, err := r.Cookie(g.cookieName()); err == nil {
		if digest, ok := g.sessions.use(cookie.Value, g.now()); ok {
			return g.byDigest(r, p, digest, operator.BySession, g.setting != "" && digest == accounts.Digest(g.setting))
		}
	}
	return p, nil
}

// byDigest returns the owner of the token with this digest. stranger is the caller without it.
func (g *Gate) byDigest(r *http.Request, stranger operator.Person, digest string, by operator.Credential, setting bool) (operator.Person, error) {
	if setting {
		if by == operator.ByToken {
			by = operator.BySetting
		}
		return operator.Person{Name: SettingName, Role: operator.Administer, Credential: by}, nil
	}
	a, err := g.book.find(digest, g.now())
	switch {
	case err == nil:
		return operator.Person{Name: a.Name, Role: operator.Role(a.Role), Credential: by}, nil
	case by == operator.BySession && errors.Is(err, operator.ErrToken):
		return stranger, nil // the session ended with its token: no failed login
	case errors.Is(err, operator.ErrToken):
		return stranger, g.refuse(r, err)
	}
	return stranger, err
}

// isSetting compares digests, so that the timing reveals nothing, not even a length.
func (g *Gate) isSetting(token string) bool {
	want, got := sha256.Sum256([]byte(g.setting)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && g.setting != ""
}

// refuse counts a failed login and delays its answer.
func (g *Gate) refuse(r *http.Request, err error) error {
	if !g.refused.note(r.Context(), From(r), g.now()) {
		return &operator.Problem{Type: operator.ProblemType + "busy", Title: "Too many logins are being refused", Status: http.StatusTooManyRequests, Detail: "ask again in a moment"}
	}
	return err
}

// ManyRefused returns a sentence when many logins were refused recently; "" otherwise.
func (g *Gate) ManyRefused() string { return g.refused.many(g.host, g.now()) }

// Login begins a session of the console with a token. Its cookie can't be read by pages or sent by other sites. The
// errors are those of Who.
func (g *Gate) Login(w http.ResponseWriter, r *http.Request, token string) (operator.Person, error) {
	stranger := operator.Person{}
	p, err := g.byDigest(r, stranger, accounts.Digest(token), operator.BySession, g.isSetting(token))
	if err != nil {
		return p, err
	}
	if !p.Known() { // to byDigest this is a session that has ended
		return p, g.refuse(r, fmt.Errorf("%w: no operator has this token, or it was withdrawn or has expired", operator.ErrToken))
	}
	http.SetCookie(w, g.cookie(r, g.sessions.begin(accounts.Digest(token), g.now()), int(sessionLasts.Seconds())))
	return p, nil
}

// Logout ends the session of a request, if it has one.
func (g *Gate) Logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(g.cookieName()); err == nil {
		g.sessions.end(cookie.Value)
	}
	http.SetCookie(w, g.cookie(r, "", -1))
}

// cookieName has the host's name in it: a browser sends the cookies of a machine to all its ports, where both hosts
// may be.
func (g *Gate) cookieName() string { return "hotpair-" + g.host }

func (g *Gate) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{Name: g.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil}
}

// From names the source of a request in messages.
func From(r *http.Request) string {
	if _, on := peercred.From(r.Context()); on {
		return "socket"
	}
	return r.RemoteAddr
}

// IsLoopback reports whether host:port is on this machine alone.
func IsLoopback(address string) bool {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return a.Addr().Unmap().IsLoopback()
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && strings.EqualFold(host, "localhost")
}

// userName returns the name of a user of this machine.
func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username + " (uid " + number + ")"
	}
	return "uid " + number
}

// maxClaim bounds a claimed name, in bytes.
const maxClaim = 64

// claim reads the claimed name of the user who became root by sudo.
func claim(r *http.Request) string {
	text, err := url.QueryUnescape(r.Header.Get(operator.HeaderClaim))
	if err != nil || len(text) > maxClaim {
		return ""
	}
	return wording.Printable(text)
}
