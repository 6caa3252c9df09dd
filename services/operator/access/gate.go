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

// Gate says who makes a request. It holds no connection and opens none.
type Gate struct {
	host     string
	setting  string // a token that is admin; "" is none
	book     *Book
	now      func() time.Time
	sessions sessions
	refused  refusals
}

// NewGate makes the gate of a host. setting is the token of HOTPAIR_HTTP_TOKEN, "" for none. now is the host's clock for people: by
// it accounts expire.
func NewGate(host, setting string, book *Book, now func() time.Time) *Gate {
	return &Gate{host: host, setting: setting, book: book, now: now}
}

// SettingName is who shows the token of HOTPAIR_HTTP_TOKEN: nobody knows which person that is.
const SettingName = "HOTPAIR_HTTP_TOKEN"

// Who gives who makes a request: somebody without a way when nothing is shown. The error is operator.ErrToken for what proves nothing,
// which comes late, and operator.ErrUnavailable when it can't be looked up now.
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
			return p, g.refuse(r, fmt.Errorf("%w: write Authorization: Bearer and the token", operator.ErrToken))
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

// byDigest gives who shows a token of this digest. stranger is who it is without.
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
		return stranger, nil // the session ended with its token: nobody tried anything
	case errors.Is(err, operator.ErrToken):
		return stranger, g.refuse(r, err)
	}
	return stranger, err
}

// isSetting compares digests, so that the comparison tells nothing, not even a length.
func (g *Gate) isSetting(token string) bool {
	want, got := sha256.Sum256([]byte(g.setting)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && g.setting != ""
}

// refuse counts a login that failed and has it cost its time.
func (g *Gate) refuse(r *http.Request, err error) error {
	if !g.refused.note(r.Context(), From(r), g.now()) {
		return &operator.Problem{Type: operator.ProblemType + "busy", Title: "Too many logins are being refused", Status: http.StatusTooManyRequests, Detail: "ask again in a moment"}
	}
	return err
}

// ManyRefused says, in a sentence, that many logins were refused lately; "" when that is not so.
func (g *Gate) ManyRefused() string { return g.refused.many(g.host, g.now()) }

// Login begins a session of the console with a token, by a cookie that no page can read and no other site has sent. The errors are
// those of Who.
func (g *Gate) Login(w http.ResponseWriter, r *http.Request, token string) (operator.Person, error) {
	stranger := operator.Person{}
	p, err := g.byDigest(r, stranger, accounts.Digest(token), operator.BySession, g.isSetting(token))
	if err != nil {
		return p, err
	}
	if !p.Known() { // byDigest takes it for a session that has ended
		return p, g.refuse(r, fmt.Errorf("%w: it is no operator's, or was withdrawn, or has expired", operator.ErrToken))
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

// cookieName names the host: a browser sends the cookies of one machine to all its ports, and both hosts of a pair may be there.
func (g *Gate) cookieName() string { return "hotpair-" + g.host }

func (g *Gate) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{Name: g.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil}
}

// From is where a request comes from, for people.
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

// userName names a user of this machine.
func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username + " (uid " + number + ")"
	}
	return "uid " + number
}

// maxClaim bounds what somebody says of itself, in bytes.
const maxClaim = 64

// claim reads who root was before sudo, as it says.
func claim(r *http.Request) string {
	text, err := url.QueryUnescape(r.Header.Get(operator.HeaderClaim))
	if err != nil || len(text) > maxClaim {
		return ""
	}
	return wording.Printable(text)
}
