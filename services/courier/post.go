package courier

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hotpair/hotpair/services/courier/signature"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
)

// Bounds of one try.
const (
	connectWithin = 5 * time.Second
	tryWithin     = 15 * time.Second
	// mostHeader and mostRead bound the bytes read of an answer; mostTold those reported.
	mostHeader = 32 << 10
	mostRead   = 16 << 10
	mostTold   = 200
	// keepIdle is how long a connection is kept for the next post.
	keepIdle = 30 * time.Second
)

// errRoots says that there are no certificates by which a target could be believed.
var errRoots = errors.New("no readable certificate among the target's root certificates")

// Dial connects to a target; nil is the machine's own.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// route is how to reach a target as it is set.
type route struct {
	setting waybill.Setting
	client  *http.Client
}

// newRoute makes it. Nothing is looked at.
func newRoute(s waybill.Setting, dial Dial) (*route, error) {
	believe := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(s.Roots) > 0 {
		believe.RootCAs = x509.NewCertPool()
		if !believe.RootCAs.AppendCertsFromPEM(s.Roots) {
			return nil, errRoots
		}
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectWithin}).DialContext
	}
	return &route{setting: s, client: &http.Client{
		// Redirections are not followed: another address would get what was meant and signed for this target.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       tryWithin,
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: believe, TLSHandshakeTimeout: connectWithin, ForceAttemptHTTP2: true, MaxConnsPerHost: atOnceEach,
			MaxIdleConnsPerHost: atOnceEach, IdleConnTimeout: keepIdle, MaxResponseHeaderBytes: mostHeader,
			DisableCompression: true, // what is small on the wire stays small
		},
	}}, nil
}

func (r *route) close() { r.client.CloseIdleConnections() }

// answer is what came of a try.
type answer struct {
	code  int           // 0: none
	why   string        // when it is not good
	after time.Duration // to wait at least, as the target asks
}

// parcel is a load as it is sent.
type parcel struct {
	waybill.Load
	pair, target, lane string
	released           uint64
}

// order is a text by which the emissions of a lane are ordered.
func (p *parcel) order() string {
	n := emissions.Order(p.Number, p.released)
	return fmt.Sprintf("%016x-%016x-%08x", n.Epoch, n.Sequence, n.Index)
}

// post makes one try.
func (r *route) post(ctx context.Context, p *parcel, at time.Time) answer {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.setting.URL, bytes.NewReader(p.Body))
	if err != nil {
		return answer{why: "its URL is invalid"}
	}
	id := p.pair + "/" + waybill.Text(p.First)
	h := q.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "hotpair")
	h.Set("Idempotency-Key", `"`+id+`"`)
	h.Set(signature.Emission, id)
	h.Set(signature.Order, p.order())
	h.Set(signature.Target, p.target)
	h.Set(signature.Lane, p.lane)
	h.Set(signature.Service, p.Service)
	signature.Sign(r.setting.Secret, h, p.Body, at)
	got, err := r.client.Do(q)
	if err != nil {
		return answer{why: reason(ctx, err)}
	}
	text, _ := io.ReadAll(io.LimitReader(got.Body, mostRead)) // only the status decides
	_ = got.Body.Close()
	a := answer{code: got.StatusCode, after: retryAfter(got.Header.Get("Retry-After"), at)}
	if emissions.Judge(a.code) != emissions.Good {
		a.why = fmt.Sprintf("it answered %d %s", got.StatusCode, http.StatusText(got.StatusCode))
		if got.StatusCode >= 300 && got.StatusCode < 400 {
			a.why += ", and redirections are not followed"
		}
		if said := shown(text); said != "" {
			a.why += ": " + said
		}
	}
	return a
}

// reason returns why there was no answer, without the URL: the target's name stands for it.
func reason(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); cause != nil {
		return cause.Error()
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		if outer.Timeout() {
			return fmt.Sprintf("no answer within %s", tryWithin)
		}
		err = outer.Err
	}
	return shown([]byte(err.Error()))
}

// shown is the beginning of a foreign text, as one printable line.
func shown(text []byte) string {
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text[:min(len(text), mostTold)]), ""))
	return strings.Join(strings.Fields(line), " ")
}

// retryAfter is how long a target asks to wait: seconds, or an hour of the clock.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
