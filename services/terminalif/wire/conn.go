package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// Why our own client: the client library gives each connection 37 KB of buffers and, with two subscriptions, six
// goroutines, and each message wakes three of them. There are thousands of these connections, to one kind of server,
// and the filter has already checked every line. A wire is one goroutine and 4 KB; senders write to the socket
// themselves.

const (
	// wireBuffer holds the longest line that the filter passes, but for INFO.
	wireBuffer = maxLine
	// inboxNumber is the subscription to answers, which is there from the first words on.
	inboxNumber = 1
	// maxPongs bounds the outstanding answers to flushes: a server may send everything else and never answer those.
	maxPongs = 1024
)

var (
	// errTLSWanted says that the server requires TLS, which was not configured.
	errTLSWanted = errors.New("terminal's server requires TLS")
	// errRefusedByServer is an error of the terminal's server that ends the connection.
	errRefusedByServer = errors.New("terminal's server closed the connection")
)

// Config describes a connection to a terminal.
type Config struct {
	// Name of this side, for the logs of the other.
	Name          string
	URL, Password string
	// Network is the network of URL with its authentication; nil is the dialer's.
	Network bus.Network
	// Complaint is called with refused subjects (bus.ErrForbidden).
	Complaint func(error)
}

// Conn is a NATS connection to a terminal's server. It never reconnects.
//
// Handlers and answers are called on its one goroutine, in the order of arrival, and must not block.
type Conn struct {
	config Config
	conn   net.Conn
	read   *bufio.Reader
	up     context.Context
	down   context.CancelCauseFunc
	inbox  string
	ended  chan struct{} // closed when the goroutine has ended
	began  time.Time
	last   atomic.Int64 // time of the last received data, since began

	mu       sync.Mutex
	handlers map[uint64]func(*nats.Msg) // by number of the subscription
	number   uint64                     // of the last subscription
	calls    map[string]chan *nats.Msg  // by the end of their reply subject
	asked    uint64
	pongs    []chan struct{} // of flushes, in their order

	// Data to be written. One of the senders writes for all; see send.
	out           sync.Mutex
	waiting       []byte
	queued, wrote uint64 // bytes
	writing       bool
	written       sync.Cond
}

// open greets the server on a new connection, which must have done so by until. ctx bounds the wire's life.
func open(ctx context.Context, conn net.Conn, c Config, until time.Time) (*Conn, error) {
	w := &Conn{
		config: c, conn: conn, began: time.Now(), read: bufio.NewReaderSize(conn, wireBuffer), inbox: "_INBOX." + rand.Text() + ".",
		handlers: map[uint64]func(*nats.Msg){}, number: inboxNumber, calls: map[string]chan *nats.Msg{}, ended: make(chan struct{}),
	}
	w.written.L = &w.out
	w.up, w.down = context.WithCancelCause(context.Background())
	w.handlers[inboxNumber] = w.answered
	stop := context.AfterFunc(ctx, func() { w.end(ctx.Err()) })
	err := conn.SetReadDeadline(until)
	if err == nil {
		err = w.greet()
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		stop()
		w.end(err)
		return nil, err
	}
	go func() {
		defer close(w.ended)
		defer stop()
		w.end(w.listen())
	}()
	return w, nil
}

// greet exchanges the first words: INFO, CONNECT, PING, PONG.
func (w *Conn) greet() error {
	line, err := w.line()
	if err != nil {
		return err
	}
	text, found := bytes.CutPrefix(line, infoVerb)
	var info struct {
		TLS bool `json:"tls_required"`
	}
	if !found {
		return fmt.Errorf("%w: %w", ErrHostile, errFirst)
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return fmt.Errorf("%w: INFO: %w", ErrHostile, err)
	}
	if info.TLS {
		return errTLSWanted
	}
	connect, err := json.Marshal(map[string]any{
		"verbose": false, "pedantic": false, "user": bus.AgentUser, "pass": w.config.Password, "name": w.config.Name,
		"lang": "go", "version": nats.Version, "protocol": 1, "headers": true, "no_responders": true,
	})
	if err != nil {
		return fmt.Errorf("first words: %w", err)
	}
	if err := w.send(fmt.Appendf(nil, "CONNECT %s\r\nSUB %s* %d\r\nPING\r\n", connect, w.inbox, inboxNumber), true); err != nil {
		return err
	}
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		switch verb, rest, _ := strings.Cut(string(line), " "); verb {
		case "PONG":
			return nil
		case "-ERR":
			return w.fault(rest)
		case "+OK", "INFO", "PING":
		default:
			return fmt.Errorf("%w: %.20s before the end of the greeting", ErrHostile, verb)
		}
	}
}

// line returns the next line without its end. It is valid until the next call. The filter bounds it.
func (w *Conn) line() ([]byte, error) {
	line, err := w.read.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) { // INFO
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = w.read.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line, []byte("\r\n")), nil
}

// listen handles received lines until the connection ends.
func (w *Conn) listen() error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		w.last.Store(int64(time.Since(w.began)))
		verb, rest, _ := bytes.Cut(line, []byte(" "))
		switch string(verb) {
		case "MSG":
			err = w.message(rest, false)
		case "HMSG":
			err = w.message(rest, true)
		case "PING":
			err = w.send([]byte("PONG\r\n"), false)
		case "PONG":
			w.pong()
		case "-ERR":
			if err = w.fault(string(rest)); errors.Is(err, bus.ErrForbidden) {
				w.config.Complaint(err)
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// fault is the error behind a line -ERR.
func (w *Conn) fault(text string) error {
	text = Clip(strings.Trim(text, "' "))
	switch lower := strings.ToLower(text); {
	case strings.HasPrefix(lower, "permissions violation"):
		return fmt.Errorf("%w: %s", bus.ErrForbidden, text)
	case strings.HasPrefix(lower, "authorization violation"):
		return nats.ErrAuthorization
	}
	return fmt.Errorf("%w: %s", errRefusedByServer, text)
}

// message reads a message whose line came, subject sid [reply] [header-size] size, and hands it to its subscription.
func (w *Conn) message(args []byte, header bool) error {
	fields := strings.Split(string(args), " ")
	sizes := 1
	if header {
		sizes = 2
	}
	if len(fields) != 2+sizes && len(fields) != 3+sizes {
		return fmt.Errorf("%w: %w", ErrHostile, errForm)
	}
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil || size < 0 || size > bus.MaxPayload {
		return fmt.Errorf("%w: %w", ErrHostile, errSize)
	}
	m := &nats.Msg{Subject: fields[0], Data: make([]byte, size)}
	if len(fields) == 3+sizes {
		m.Reply = fields[2]
	}
	if _, err := io.ReadFull(w.read, m.Data); err != nil {
		return err
	}
	if _, err := w.read.Discard(len("\r\n")); err != nil {
		return err
	}
	if header {
		n, err := strconv.Atoi(fields[len(fields)-2])
		if err != nil || n < 0 || n > size {
			return fmt.Errorf("%w: %w", ErrHostile, errSize)
		}
		if m.Header, err = nats.DecodeHeadersMsg(m.Data[:n]); err != nil {
			return fmt.Errorf("%w: %w", ErrHostile, err)
		}
		m.Data = m.Data[n:]
	}
	number, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHostile, errSize)
	}
	w.mu.Lock()
	handle := w.handlers[number]
	w.mu.Unlock()
	if handle != nil {
		handle(m)
	}
	return nil
}

// Subscribe receives the messages of a subject until the returned function is called. The server hears of both with
// the next write.
func (w *Conn) Subscribe(subject string, handle func(*nats.Msg)) (unsubscribe func()) {
	w.mu.Lock()
	w.number++
	number := w.number
	w.handlers[number] = handle
	w.mu.Unlock()
	w.queue(fmt.Appendf(nil, "SUB %s %d\r\n", subject, number))
	return func() {
		w.mu.Lock()
		delete(w.handlers, number)
		w.mu.Unlock()
		w.queue(fmt.Appendf(nil, "UNSUB %d\r\n", number))
	}
}

// Request sends one message and waits for one reply, until ctx ends or the connection is lost. Errors: bus.ErrNobody,
// bus.ErrDisconnected, the context's.
func (w *Conn) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	got := make(chan *nats.Msg, 1)
	w.mu.Lock()
	w.asked++
	name := strconv.FormatUint(w.asked, 10)
	w.calls[name] = got
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.calls, name)
		w.mu.Unlock()
	}()
	if err := w.publish(subject, w.inbox+name, data, false); err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	select {
	case m := <-got:
		if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
			return nil, fmt.Errorf("%s: %w", subject, bus.ErrNobody)
		}
		return m, nil
	case <-w.up.Done():
		return nil, fmt.Errorf("%s: %w", subject, context.Cause(w.up))
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", subject, ctx.Err())
	}
}

func (w *Conn) answered(m *nats.Msg) {
	name, _ := strings.CutPrefix(m.Subject, w.inbox)
	w.mu.Lock()
	got := w.calls[name]
	delete(w.calls, name)
	w.mu.Unlock()
	if got != nil {
		got <- m // has room for one
	}
}

// FlushWithContext returns when the server has answered everything sent before. Errors: bus.ErrDisconnected, the
// context's.
func (w *Conn) FlushWithContext(ctx context.Context) error {
	got := make(chan struct{})
	// The order of waiting for answers is that of the questions.
	w.out.Lock()
	w.mu.Lock()
	w.pongs = append(w.pongs, got)
	many := len(w.pongs) > maxPongs
	w.mu.Unlock()
	if many {
		w.end(fmt.Errorf("%w: no answer to %d PINGs", ErrHostile, maxPongs))
	}
	err := w.sendLocked([]byte("PING\r\n"), false)
	w.out.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-got:
		return nil
	case <-w.up.Done():
		return context.Cause(w.up)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Conn) pong() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pongs) > 0 {
		close(w.pongs[0])
		w.pongs = w.pongs[1:]
	}
}

// end closes the connection; all waiting callers get bus.ErrDisconnected.
func (w *Conn) end(why error) {
	w.down(fmt.Errorf("%w: %w", bus.ErrDisconnected, why))
	// An error says that it is closed already.
	_ = w.conn.Close()
}

// Close closes the connection and waits until no handler runs.
func (w *Conn) Close() {
	w.end(nats.ErrConnectionClosed)
	<-w.ended
}

// Heard is when the server last sent something.
func (w *Conn) Heard() time.Time { return w.began.Add(time.Duration(w.last.Load())) }

// Up returns a context that lives as long as the connection; its cause is bus.ErrDisconnected.
func (w *Conn) Up() context.Context { return w.up }
