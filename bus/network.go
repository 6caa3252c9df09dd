package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// MaxPayload bounds a message on every listener, in bytes. A frame is at most half of it.
const MaxPayload = 8 << 20

var (
	// ErrListen says that a server could not open its port; the text names address and reason.
	ErrListen = errors.New("cannot listen")
	// ErrAddress says that an address is not host:port.
	ErrAddress = errors.New("not a host:port address")
)

// A program that has just been started holds all files of the one that starts it until it executes, on a busy machine for many
// milliseconds: a port that was closed meanwhile stays in use.
const (
	inUseWithin = time.Second
	inUseRest   = 5 * time.Millisecond
)

// OpenPort retries open for at most a second while the port is in use (EADDRINUSE), and returns its last result. The
// port may be one that this process has just closed, held by a program that it is starting.
func OpenPort(ctx context.Context, open func() error) error {
	for until := time.Now().Add(inUseWithin); ; {
		err := open()
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(until) || pace.Rest(ctx, inUseRest) != nil {
			return err
		}
	}
}

// Network is how servers listen and clients dial. Where a Network is accepted, nil means TCP.
type Network interface {
	// Listen opens host:port; port 0 picks a free one.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Dial connects to host:port until ctx ends. A port that nobody listens on is ECONNREFUSED.
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// TCP is the Network of this machine.
type TCP struct{}

// Listen implements Network, by OpenPort.
func (TCP) Listen(ctx context.Context, address string) (l net.Listener, err error) {
	var config net.ListenConfig
	err = OpenPort(ctx, func() error {
		l, err = config.Listen(ctx, "tcp", address)
		return err
	})
	return l, err
}

// Dial implements Network.
func (TCP) Dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	var unresolved *net.DNSError
	if errors.As(err, &unresolved) {
		return nil, fmt.Errorf("the name %s can't be resolved (a DNS problem, not one of the machine): %w", unresolved.Name, err)
	}
	return conn, err
}

// OrTCP returns n, or TCP when n is nil.
func OrTCP(n Network) Network {
	if n == nil {
		return TCP{}
	}
	return n
}
