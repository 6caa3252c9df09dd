package wires

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// awaitText waits until a log says something.
func awaitText(t *testing.T, heard *processtest.Output, text string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("it says\n%s", heard)
		}
	}()
	processtest.Await(t, fmt.Sprintf("who listens says %q", text), func() bool { return strings.Contains(heard.String(), text) })
}

// raw dials without any TLS and says something.
type raw struct {
	bus.TCP
	says   string
	closes bool
}

func (r raw) Dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := r.TCP.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if _, err = io.WriteString(c, r.says); r.closes {
		_ = c.Close()
		return nil, errors.Join(err, errClosed)
	}
	return c, err
}

var errClosed = errors.New("closed on purpose")

// Whatever is wrong between two hosts, each side's log says it: who listens says what came and what was expected, who dials what the refusal
// means and where to look. And none of it is a death of the other host, whatever was known before.
func TestWires_BothSidesSayWhatIsWrong(t *testing.T) {
	pair, other := identitytest.NewPair(t, "shop"), identitytest.NewPair(t, "bank")
	forged := identitytest.NewPair(t, "shop") // another root under the same name
	now := time.Now()
	a, b := identity.Host("", "a"), identity.Host("", "b")
	ended, early := identitytest.Between(now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)), identitytest.Between(now.AddDate(1, 0, 0), now.AddDate(2, 0, 0))
	log := slog.New(slog.DiscardHandler)
	host := func(p *identitytest.Pair, n identity.Name, changes ...identitytest.Change) bus.Network {
		return opened(t)(OpenHost(files(t, p, n, changes...), n.ID, Environment{}, log)).Link()
	}
	// bad shows what no process would take for its own files.
	bad := func(p *identitytest.Pair, change identitytest.Change) bus.Network {
		key := identitytest.Key(t)
		leaf := p.Member(identity.Host(p.ID, "b"), key, change)
		c := &identity.Credentials{Roots: []*x509.Certificate{pair.Root}, Self: identity.Peer{Name: identity.Host("shop", "b")}}
		c.Certificate.Certificate, c.Certificate.PrivateKey, c.Certificate.Leaf = [][]byte{leaf.Raw}, key, leaf
		return door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{{Protocol: link, Source: identity.NewMemory(c),
			Policy: identity.Policy{Expect: identity.Any("shop", identity.RoleHost)}}}}}
	}
	// Who dials judges first: then who listens hears the refusal only.
	const notTaken = "it rejects the certificate of this side, spiffe://shop/host/a"
	const refused = "it rejects the certificate of this side, spiffe://shop/host/b"
	for what, c := range map[string]struct {
		from    bus.Network
		listens string // in the log of who listens; "": it lets in
		dials   string // in what the dial says
	}{
		"expired":             {host(pair, b, ended), "", ""},
		"not yet valid":       {host(pair, b, early), "", ""},
		"wrong pair":          {host(other, b), notTaken, `expected the other host of spiffe://bank/host/b of pair "bank", got spiffe://shop/host/a`},
		"wrong name":          {host(pair, a), notTaken, "expected the other host of spiffe://shop/host/a, got spiffe://shop/host/a"},
		"another root":        {host(forged, b), notTaken, "none of the 1 roots here has signed"},
		"self-signed":         {bad(forged, func(*x509.Certificate) {}), "none of the 1 roots here has signed", refused},
		"wrong usage":         {bad(pair, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "it is not for TLS client authentication", refused},
		"a terminal":          {bad(pair, func(c *x509.Certificate) { c.URIs = []*url.URL{identity.Terminal("shop", "t1").URL()} }), "got spiffe://shop/terminal/t1", refused},
		"two names":           {bad(pair, func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }), "2 URI names", refused},
		"withdrawn":           {host(pair, b), "was withdrawn", refused},
		"plain text":          {raw{says: "CONNECT {\"verbose\":false}\r\n"}, `it began with \"CONNE\", which is plain text`, "EOF"},
		"truncated handshake": {raw{says: "\x16\x03\x01\x02", closes: true}, "the other side closed without a reason", errClosed.Error()},
		"closed at once":      {raw{closes: true}, "closed before sending anything", errClosed.Error()},
	} {
		t.Run(what, func(t *testing.T) {
			var heard processtest.Output
			g := Environment{}
			if what == "withdrawn" {
				g.Withdrawals = everybody{}
			}
			listening := opened(t)(OpenHost(files(t, pair, a), "a", g, slog.New(slog.NewTextHandler(&heard, nil)))).Link()
			l, err := listening.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, "INFO {}\r\n")
				}
			}()
			err = first(t, c.from, l.Addr().String())
			text := ""
			if err != nil {
				text = err.Error()
			}
			if (err == nil) != (c.listens == "" && c.dials == "") || !strings.Contains(text, c.dials) {
				t.Errorf("who dials says %q, want %q", text, c.dials)
			}
			if _, isRaw := c.from.(raw); !isRaw && err != nil && door.After(evidence.Ended, err) != evidence.Silent {
				t.Errorf("known of the other host is %s", door.After(evidence.Ended, err))
			}
			awaitText(t, &heard, c.listens)
		})
	}
}

// first dials and hears the first byte.
func first(t *testing.T, from bus.Network, address string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := from.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

// everybody is withdrawn.
type everybody struct{}

func (everybody) Withdrawn(identity.Peer) bool { return true }

// TLS at a wire that is plain, and plain text at one with TLS: each end says which setting is where.
func TestWires_PlainMeetsTLS(t *testing.T) {
	pair := identitytest.NewPair(t, "shop")
	var heard processtest.Output
	log := slog.New(slog.NewTextHandler(&heard, nil))
	plain := opened(t)(OpenHost(config.TLS{Insecure: true}, "a", Environment{}, log))
	sealed := opened(t)(OpenHost(files(t, pair, identity.Host("", "b")), "b", Environment{}, slog.New(slog.DiscardHandler)))
	if !strings.Contains(heard.String(), "HOTPAIR_INSECURE is set") {
		t.Error("the log of a start without TLS does not say so")
	}
	// A bus greets first, as every server of ours does.
	err := meet(t, sealed.Link(), plain.Link())
	if !errors.Is(err, identity.ErrNotTLS) || !strings.Contains(err.Error(), "is HOTPAIR_INSECURE set there") || door.After(evidence.Ended, err) != evidence.Silent {
		t.Errorf("who dialled with TLS: %v", err)
	}
	awaitText(t, &heard, "TLS received on a plain-text port")
	if err := meet(t, plain.Link(), plain.Link()); err != nil {
		t.Errorf("plain to plain: %v", err)
	}
}
