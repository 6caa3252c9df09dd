package mainprocess

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// evidence turns what a dialer and a connection see of one port into role.Evidence. The dialer is ours because the
// NATS client hides why a dial failed.
type evidence struct {
	network bus.Network // nil: TCP
	timeout time.Duration
	changed func(role.Evidence)

	mu    sync.Mutex
	line  *line // dialled last
	state role.Evidence
	was   bool // a connection stood since the last silence, so its end says something
}

// Dial is nats.CustomDialer.
func (e *evidence) Dial(_, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	conn, err := bus.OrTCP(e.network).Dial(ctx, address)
	if err == nil {
		line := &line{Conn: conn}
		e.mu.Lock()
		e.line = line
		e.mu.Unlock()
		return line, nil
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		e.set(func() {
			if e.was && e.state == role.Ended {
				e.state = role.Refused
			}
		})
	}
	return nil, err
}

// line is a connection that remembers whether the other side ended it, by FIN or RST: the client does not say. Our own
// pings giving up are not that.
type line struct {
	net.Conn
	ended atomic.Bool
}

func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.judge(err)
	return n, err
}

func (l *line) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	l.judge(err)
	return n, err
}

func (l *line) judge(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		l.ended.Store(true)
	}
}

// connected: the handshake is done.
func (e *evidence) connected() {
	e.set(func() { e.state, e.was = role.Connected, true })
}

// lost: the connection ended. By FIN or RST that is evidence; by our own ping giving up it is silence.
func (e *evidence) lost() {
	e.set(func() {
		if e.line != nil && e.line.ended.Load() {
			e.state = role.Ended
		} else {
			e.state = role.Silent
		}
	})
}

func (e *evidence) set(change func()) {
	e.mu.Lock()
	before := e.state
	change()
	after := e.state
	e.mu.Unlock()
	if after != before {
		e.changed(after)
	}
}
