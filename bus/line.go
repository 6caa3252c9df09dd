package bus

import (
	"net"
	"sync/atomic"

	"github.com/hotpair/hotpair/services/evidence"
)

// Line is a connection that remembers whether the other side closed it. The NATS client hides why a connection
// was lost, and only a close is evidence of a dead process.
type Line struct {
	net.Conn
	ended atomic.Bool
}

// NewLine watches a connection that nothing was read from yet.
func NewLine(conn net.Conn) *Line { return &Line{Conn: conn} }

// Read implements net.Conn.
func (l *Line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.judge(err)
	return n, err
}

// Write implements net.Conn.
func (l *Line) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	l.judge(err)
	return n, err
}

// Ended tells whether a FIN or RST of the other side was seen. A deadline, an unreachable network and our own close, as
// when a ping gets no answer, are neither.
func (l *Line) Ended() bool {
	// Under TLS, the connection below knows what came.
	if below, ok := l.Conn.(interface{ Ended() bool }); ok {
		return below.Ended()
	}
	return l.ended.Load()
}

func (l *Line) judge(err error) {
	if evidence.IsEnd(err) {
		l.ended.Store(true)
	}
}
