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

// Protocol is what is spoken on a connection, as ALPN names it: service, or enrolment.
type Protocol string

// lastWord is how long a connection that is closed tries to say so. A peer that does not read would hold who closes it else.
const lastWord = 100 * time.Millisecond

// Conn is a connection whose other end has proved who it is.
type Conn struct {
	*tls.Conn
	line     *line
	peer     identity.Peer
	own      identity.Name
	protocol Protocol
	policy   identity.Policy
	source   identity.Source
	side     identity.Side                        // of the other end
	believed atomic.Pointer[identity.Credentials] // whose roots have proved it
	close    sync.Once
	gone     func(*Conn) // may be nil
	err      error
}

// Peer is who is at the other end: the zero Peer where the policy was Unproved.
func (c *Conn) Peer() identity.Peer { return c.peer }

// Protocol is what both sides agreed on.
func (c *Conn) Protocol() Protocol { return c.protocol }

// SetKeepAliveConfig has the kernel look whether the other side is still reached, where that is a kernel's connection.
func (c *Conn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	return c.line.SetKeepAliveConfig(config)
}

// Export gives bytes that only the two ends of this connection can know (RFC 5705): who proves something over them proves it for this connection,
// and nobody in between can repeat it elsewhere.
func (c *Conn) Export(label string, context []byte, length int) ([]byte, error) {
	state := c.ConnectionState()
	return state.ExportKeyingMaterial(label, context, length)
}

// Still asks the policy again, after lists, withdrawals or roots have changed: an error says why the peer would not be let in now.
func (c *Conn) Still() error {
	if err := c.policy.Still(c.peer); err != nil {
		return err
	}
	now, err := c.source.Current()
	before := c.believed.Load()
	if err != nil || before != nil && now.BelievesAs(before) { // what can't be read changes nothing
		return nil
	}
	if err := c.policy.Believed(c.ConnectionState().PeerCertificates, now.Roots, c.side); err != nil {
		return err
	}
	c.believed.Store(now)
	return nil
}

// Ended tells whether the other side has ended it, by TLS, FIN or RST, as bus.Line does. A refusal by TLS is neither: somebody is there.
func (c *Conn) Ended() bool { return c.line.ended.Load() && !c.line.refused.Load() }

// Read implements net.Conn. When the other side has refused after all, the error says what that means.
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
	c.line.judge(err) // a last word of TLS is an end too, and the only one that is proved
	explained, refused := identity.Refused(err, c.own)
	if refused {
		c.line.refused.Store(true)
	}
	return explained
}

// Close implements net.Conn. It waits a moment at most, and is repeatable.
func (c *Conn) Close() error {
	c.close.Do(func() {
		c.line.closing.Store(true)
		c.err = c.Conn.Close()
		var network net.Error
		if errors.As(c.err, &network) && network.Timeout() || evidence.IsReset(c.err) {
			c.err = nil // the other side did not hear the last word, and need not
		}
		if c.gone != nil {
			c.gone(c)
		}
	})
	return c.err
}

// line is the connection below TLS. It remembers what TLS does not tell.
type line struct {
	net.Conn
	heard   atomic.Bool // something came
	ended   atomic.Bool // FIN or RST came
	refused atomic.Bool // an alert came
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

// SetKeepAliveConfig is that of the connection below, where it has any.
func (l *line) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	if below, ok := l.Conn.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok {
		return below.SetKeepAliveConfig(config)
	}
	return nil
}

// SetWriteDeadline implements net.Conn. crypto/tls gives itself five seconds to say that a connection is closed.
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
