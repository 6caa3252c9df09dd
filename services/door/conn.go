package door

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
)

// Protocol is the protocol of a connection, as ALPN names it: service, or enrolment.
type Protocol string

// lastWord is how long closing a connection tries to notify the peer, which may not read.
const lastWord = 100 * time.Millisecond

// Conn is a connection to an authenticated peer.
type Conn struct {
	*tls.Conn
	line     *line
	peer     identity.Peer
	own      identity.Name
	protocol Protocol
	policy   identity.Policy
	source   identity.Source
	side     identity.Side                        // of the other end
	believed atomic.Pointer[identity.Credentials] // roots that authenticated it
	close    sync.Once
	gone     func(*Conn) // may be nil
	err      error
}

// Peer returns the other end: the zero Peer if the policy was Unproved.
func (c *Conn) Peer() identity.Peer { return c.peer }

// Protocol returns the negotiated protocol.
func (c *Conn) Protocol() Protocol { return c.protocol }

// SetKeepAliveConfig configures keep-alives where the connection is one of the kernel.
func (c *Conn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	return c.line.SetKeepAliveConfig(config)
}

// Export returns bytes that only the two ends of this connection can derive (RFC 5705): a proof over them is valid
// for this connection only, and can't be replayed elsewhere.
func (c *Conn) Export(label string, context []byte, length int) ([]byte, error) {
	state := c.ConnectionState()
	return state.ExportKeyingMaterial(label, context, length)
}

// Still asks the policy again after lists, withdrawals or roots have changed: an error says why the peer would be
// refused now.
func (c *Conn) Still() error {
	if err := c.policy.Still(c.peer); err != nil {
		return err
	}
	now, err := c.source.Current()
	before := c.believed.Load()
	if err != nil || before != nil && now.BelievesAs(before) { // unreadable roots change nothing
		return nil
	}
	if err := c.policy.Believed(c.ConnectionState().PeerCertificates, now.Roots, c.side); err != nil {
		return err
	}
	c.believed.Store(now)
	return nil
}

// Ended reports whether the other side has ended it, by TLS, FIN or RST, as bus.Line does. A refusal by TLS does not
// count: the peer is alive.
func (c *Conn) Ended() bool { return c.line.ended.Load() && !c.line.refused.Load() }

// Read implements net.Conn. If the other side refuses after the handshake, the error explains it.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		err = c.explain(err)
	}
	return n, err
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		err = c.explain(err)
	}
	return n, err
}

func (c *Conn) explain(err error) error {
	c.line.judge(err) // a TLS close is an end too, and the only authenticated one
	explained, refused := identity.Refused(err, c.own)
	if refused {
		c.line.refused.Store(true)
	}
	return explained
}

// Close implements net.Conn. It waits briefly at most, and may be called again.
func (c *Conn) Close() error {
	c.close.Do(func() {
		c.line.closing.Store(true)
		c.err = c.Conn.Close()
		var network net.Error
		if errors.As(c.err, &network) && network.Timeout() || evidence.IsReset(c.err) {
			c.err = nil // the peer did not receive the close, which does not matter
		}
		if c.gone != nil {
			c.gone(c)
		}
	})
	return c.err
}

// line is the connection below TLS. It records what TLS does not report.
type line struct {
	net.Conn
	heard   atomic.Bool // data were received
	ended   atomic.Bool // FIN or RST was received
	refused atomic.Bool // an alert was received
	closing atomic.Bool
}

func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.heard.Store(true)
	}
	l.judge(err)
	return n, err
}

func (l *line) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	l.judge(err)
	return n, err
}

// SetKeepAliveConfig configures the connection below, if it supports it.
func (l *line) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	if below, ok := l.Conn.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok {
		return below.SetKeepAliveConfig(config)
	}
	return nil
}

// SetWriteDeadline implements net.Conn. crypto/tls allows itself five seconds to announce a close.
func (l *line) SetWriteDeadline(t time.Time) error {
	if soon := time.Now().Add(lastWord); l.closing.Load() && t.After(soon) {
		t = soon
	}
	return l.Conn.SetWriteDeadline(t)
}

func (l *line) judge(err error) {
	if evidence.IsEnd(err) {
		l.ended.Store(true)
	}
}
