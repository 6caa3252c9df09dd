package standin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// errProtocol says that a host sent what no host sends. Its connection is closed.
var errProtocol = errors.New("not what a host sends")

const (
	// readBuffer holds the longest line of a host: CONNECT.
	readBuffer = 4 << 10
	// writeWithin bounds a write to a host that does not read, so that the terminal's other host does not wait for it.
	writeWithin = 2 * time.Second
	// maxSubscriptions of one host, far above the few that it has.
	maxSubscriptions = 1024
	// greeting is what a NATS server says first.
	greeting = `INFO {"server_id":"STANDIN","server_name":"standin","version":"2.12.0","proto":1,"headers":true,"max_payload":8388608}` + "\r\n"
	// nobody is the header by which a NATS server says that nobody listens to a subject.
	nobody = "NATS/1.0 503\r\n\r\n"
)

// subscription of a host.
type subscription struct{ subject, number string }

// matches reports whether a subject is meant: the same one, or one token more where the subscription ends with ".*".
func (s subscription) matches(subject string) bool {
	prefix, any := strings.CutSuffix(s.subject, "*")
	if !any {
		return s.subject == subject
	}
	rest, found := strings.CutPrefix(subject, prefix)
	return found && rest != "" && strings.IndexByte(rest, '.') < 0
}

// conn is the connection of one host, served by one goroutine: it reads, decides and writes, once for all lines that it
// found together.
type conn struct {
	terminal *Terminal
	socket   net.Conn
	read     *bufio.Reader // of the goroutine alone
	payload  []byte        // likewise, used again

	// Under the terminal's lock.
	subscriptions []subscription
	out           []byte // not written yet
}

func newConn(t *Terminal, socket net.Conn) *conn {
	return &conn{terminal: t, socket: socket, read: bufio.NewReaderSize(socket, readBuffer), out: []byte(greeting)}
}

// close ends the connection; its goroutine then leaves the terminal.
func (c *conn) close() {
	// An error says that it is closed already.
	_ = c.socket.Close()
}

// run serves the connection until it ends, for whatever reason: a host dials again.
func (c *conn) run() {
	defer c.close()
	defer c.terminal.leave(c) // first: the other host waits for it
	_ = stretch(0)
	c.terminal.mu.Lock()
	c.terminal.flush(c)
	c.terminal.mu.Unlock()
	for {
		line, err := c.read.ReadSlice('\n')
		if err != nil {
			return // or a line without an end
		}
		if err := c.take(string(bytes.TrimSuffix(line, []byte("\r\n")))); err != nil {
			return
		}
	}
}

// stretch has the goroutine's stack be as large from the beginning as decoding needs it: a thousand that grow at the moment of
// a takeover are a tenth of what stand-ins cost.
//
//go:noinline
func stretch(at int) byte {
	var room [12 << 10]byte
	return room[at]
}

// take carries out one line, with the payload that it announces.
func (c *conn) take(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	args := strings.Fields(rest)
	var publish message
	switch verb {
	case "PUB", "HPUB":
		var err error
		if publish, err = c.message(args, verb == "HPUB"); err != nil {
			return err
		}
	case "CONNECT", "PING", "PONG":
	case "SUB", "UNSUB":
		if len(args) == 0 {
			return fmt.Errorf("%w: %s", errProtocol, verb)
		}
	default:
		return fmt.Errorf("%w: %.20q", errProtocol, verb)
	}
	t := c.terminal
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	switch verb {
	case "PUB", "HPUB":
		err = t.take(c, publish)
	case "PING":
		c.out = append(c.out, "PONG\r\n"...)
	case "SUB": // subject [queue] number
		if len(c.subscriptions) == maxSubscriptions {
			return fmt.Errorf("%w: too many subscriptions", errProtocol)
		}
		c.subscriptions = append(c.subscriptions, subscription{args[0], args[len(args)-1]})
	case "UNSUB":
		c.unsubscribe(args[0])
	}
	if found, _ := c.read.Peek(c.read.Buffered()); bytes.IndexByte(found, '\n') < 0 {
		t.flush(c)
	}
	return err
}

// message is what a host publishes. Its data are valid until the next line.
type message struct {
	subject, reply string
	data           []byte
}

// message reads the payload of PUB (subject [reply] size) or HPUB (subject [reply] header-size size).
func (c *conn) message(args []string, header bool) (message, error) {
	sizes := 1
	if header {
		sizes = 2
	}
	if len(args) != 1+sizes && len(args) != 2+sizes {
		return message{}, fmt.Errorf("%w: %d arguments", errProtocol, len(args))
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil || size < 0 || size > bus.MaxPayload {
		return message{}, fmt.Errorf("%w: size %.20q", errProtocol, args[len(args)-1])
	}
	if cap(c.payload) < size {
		c.payload = make([]byte, size)
	}
	m := message{subject: args[0], data: c.payload[:size]}
	if len(args) == 2+sizes {
		m.reply = args[1]
	}
	if _, err := io.ReadFull(c.read, m.data); err != nil {
		return message{}, err
	}
	if _, err := c.read.Discard(len("\r\n")); err != nil {
		return message{}, err
	}
	if header {
		n, err := strconv.Atoi(args[len(args)-2])
		if err != nil || n < 0 || n > size {
			return message{}, fmt.Errorf("%w: header size %.20q", errProtocol, args[len(args)-2])
		}
		m.data = m.data[n:]
	}
	return m, nil
}

// unsubscribe and what follows need the terminal's lock.
func (c *conn) unsubscribe(number string) {
	for i, s := range c.subscriptions {
		if s.number == number {
			c.subscriptions = append(c.subscriptions[:i], c.subscriptions[i+1:]...)
			return
		}
	}
}

// subscription finds what hears a subject, nil when nothing does.
func (c *conn) subscription(subject string) *subscription {
	for i := range c.subscriptions {
		if c.subscriptions[i].matches(subject) {
			return &c.subscriptions[i]
		}
	}
	return nil
}

// deliver has a message written with the next flush. It reports whether the host listens.
func (c *conn) deliver(subject, reply string, data []byte) bool {
	s := c.subscription(subject)
	if s == nil {
		return false
	}
	c.out = append(append(append(append(c.out, "MSG "...), subject...), ' '), s.number...)
	if reply != "" {
		c.out = append(append(c.out, ' '), reply...)
	}
	c.out = strconv.AppendInt(append(c.out, ' '), int64(len(data)), 10)
	c.out = append(append(append(c.out, "\r\n"...), data...), "\r\n"...)
	return true
}

// deny answers a question that nobody takes.
func (c *conn) deny(reply string) {
	if s := c.subscription(reply); s != nil {
		c.out = fmt.Appendf(c.out, "HMSG %s %s %d %d\r\n%s\r\n", reply, s.number, len(nobody), len(nobody), nobody)
	}
}

// write writes what gathered.
func (c *conn) write() {
	if len(c.out) == 0 {
		return
	}
	err := c.socket.SetWriteDeadline(time.Now().Add(writeWithin))
	if err == nil {
		_, err = c.socket.Write(c.out)
	}
	c.out = c.out[:0]
	if err != nil {
		c.close()
	}
}
