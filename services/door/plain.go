package door

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// Plain is a listener without TLS, for HOTPAIR_INSECURE or loopback. It recognises incoming TLS: otherwise both sides
// would wait for each other, or report unreadable bytes.
type Plain struct {
	net.Listener
	record *record
}

// NewPlain returns a Plain for a listener. name is the listener's name in the log.
func NewPlain(listener net.Listener, name string, logger *slog.Logger) *Plain {
	return &Plain{Listener: listener, record: newRecord(name, logger)}
}

// Stats returns the counts of connections and refusals.
func (p *Plain) Stats() Stats { return p.record.now() }

// Accept implements net.Listener.
func (p *Plain) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p.record.came()
	return &plain{Conn: conn, record: p.record}, nil
}

// plain checks the first bytes.
type plain struct {
	net.Conn
	record *record

	looking sync.Mutex
	seen    [2]byte // of the first record
	n       int
	err     error
}

// A TLS connection begins with a record of a handshake, and ends with one of an alert.
const (
	recordAlert     = 0x15
	recordHandshake = 0x16
	recordVersion   = 0x03
	fatal           = 2
	protocolVersion = 70
)

// Read implements net.Conn.
func (p *plain) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.looking.Lock()
	defer p.looking.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	if p.n < len(p.seen) {
		p.n += copy(p.seen[p.n:], b[:n])
		if p.n == len(p.seen) && p.seen == [2]byte{recordHandshake, recordVersion} {
			p.err = fmt.Errorf("%w: TLS received on a plain-text port: is HOTPAIR_INSECURE set here, but not on the other side?", ErrTLS)
			p.record.refused(p.RemoteAddr(), p.err)
			_, _ = p.Write([]byte{recordAlert, recordVersion, 0x03, 0, 2, fatal, protocolVersion})
			_ = p.Close()
			return 0, p.err
		}
		if p.n == len(p.seen) {
			p.record.proved()
		}
	}
	return n, err
}
