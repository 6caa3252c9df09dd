// Package ask sends requests from a shell, through a terminal's agent, like an application there: hotpair request.
//
// Each request has an id, so it takes effect once however often it is sent: without an answer, send it again under the
// same id.
package ask

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/requestid"
)

const (
	// MaxBody bounds the body of a request, in bytes, as agents do.
	MaxBody = 1 << 20
	// DefaultTimeout is how long a request waits for its answer, as at an agent.
	DefaultTimeout = 30 * time.Second
	// overtime is how much longer than the agent this waits, so that the agent's own answer comes first.
	overtime = 2 * time.Second
	// discoverWithin bounds how long an agent has to say what there is.
	discoverWithin = 2 * time.Second
	// connectWithin bounds how long an agent of this machine has to greet.
	connectWithin = 5 * time.Second
)

var (
	// ErrQuestion says that a request is malformed; the text says what to correct.
	ErrQuestion = errors.New("not a request")
	// ErrTerminal says that no agent was reached: nothing was sent.
	ErrTerminal = errors.New("no terminal reached")
	// ErrUnanswered says that the agent did not answer: the outcome is unknown.
	ErrUnanswered = errors.New("no answer")
)

// Question is one request.
type Question struct {
	Service, Operation string
	Body               []byte        // JSON; empty is {}
	ID                 string        // in the form of package requestid; "" is a new one
	Timeout            time.Duration // 0 is DefaultTimeout
	// Queue makes the terminal queue the request, once for each Key; "" is a new key. Lane is its lane in the queue,
	// or the one to wait in.
	Queue     bool
	Key, Lane string
}

// Answer is the result: a body, or a code and a message.
type Answer struct {
	Body     json.RawMessage
	Code     int // 0 for success
	Said     string
	Position string // of the update, if it wrote
	ID       string // of the request; the key of a queued one
	Took     time.Duration
}

// Parse reads SERVICE.OPERATION and a body. The error is ErrQuestion.
func Parse(what string, body []byte) (Question, error) {
	service, operation, found := strings.Cut(what, ".")
	if !found || !bus.ValidName(service) || !bus.ValidName(operation) {
		return Question{}, fmt.Errorf("%w: %.80q: give SERVICE.OPERATION, such as kv.get, both of letters, digits, - and _", ErrQuestion, what)
	}
	q := Question{Service: service, Operation: operation, Body: body}
	return q, q.check()
}

// check parses the body, to report the place of an error.
func (q *Question) check() error {
	if len(strings.TrimSpace(string(q.Body))) == 0 {
		q.Body = []byte("{}")
	}
	if len(q.Body) > MaxBody {
		return fmt.Errorf("%w: the body has more than %d bytes", ErrQuestion, MaxBody)
	}
	if !utf8.Valid(q.Body) {
		return fmt.Errorf("%w: the body is not UTF-8", ErrQuestion)
	}
	var value any
	err := json.Unmarshal(q.Body, &value)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line, column := place(q.Body, syntax.Offset)
		return fmt.Errorf("%w: the body is not JSON: line %d, column %d: %w", ErrQuestion, line, column, err)
	}
	if err != nil {
		return fmt.Errorf("%w: the body is not JSON: %w", ErrQuestion, err)
	}
	return nil
}

// place is where in a text an offset lies, both counted from 1. Offset is that behind the byte that is meant.
func place(text []byte, offset int64) (line, column int) {
	before := string(text[:min(max(offset-1, 0), int64(len(text)))])
	at := strings.LastIndexByte(before, '\n')
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[at+1:])
}

// NewID returns a new unique id.
func NewID() string {
	return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + "/" + strings.ToLower(rand.Text()[:10])
}

// Client is an application at a terminal.
type Client struct {
	conn   *nats.Conn
	closed context.Context // ends when the connection is lost for good
}

// Dial connects to an agent. With again it reconnects whenever the connection is lost. The error is ErrTerminal.
func Dial(ctx context.Context, address string, again bool) (*Client, error) {
	lost, lose := context.WithCancelCause(context.WithoutCancel(ctx))
	options := []nats.Option{
		nats.Name("hotpair request"), nats.Timeout(connectWithin), nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond),
		nats.ClosedHandler(func(c *nats.Conn) {
			lose(fmt.Errorf("the connection was lost (%w)", errors.Join(nats.ErrConnectionClosed, c.LastError())))
		}),
	}
	if !again {
		options = append(options, nats.NoReconnect())
	}
	conn, err := nats.Connect(address, options...)
	if err != nil {
		lose(err)
		return nil, fmt.Errorf("%w at %s: %w", ErrTerminal, address, err)
	}
	return &Client{conn: conn, closed: lost}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

// Subscribe receives the notices of the terminal.
func (c *Client) Subscribe(subject string, hear func(subject string, data []byte)) error {
	_, err := c.conn.Subscribe(subject, func(m *nats.Msg) { hear(m.Subject, m.Data) })
	return err
}

// Ask sends a request and waits for its answer. Errors: ErrQuestion; ErrTerminal if nothing was sent; ErrUnanswered,
// with the id in the answer.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, err
	}
	if q.Queue && q.ID != "" {
		return Answer{}, fmt.Errorf("%w: --id is not allowed with --queue, as the id may expire before the request is sent: use --key", ErrQuestion)
	}
	if !q.Queue && q.Key != "" {
		return Answer{}, fmt.Errorf("%w: --key is allowed only with --queue: use --id", ErrQuestion)
	}
	if q.ID == "" {
		q.ID = cmp.Or(q.Key, NewID())
	}
	if _, err := requestid.Issued(q.ID); !q.Queue && err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	if q.Timeout == 0 {
		q.Timeout = DefaultTimeout
	}
	m := nats.NewMsg("request." + q.Service + "." + q.Operation)
	m.Data = q.Body
	if q.Queue {
		m.Header.Set(bus.HeaderQueue, "yes")
		m.Header.Set(bus.HeaderQueueKey, q.ID)
	} else {
		m.Header.Set(bus.HeaderDeadline, q.Timeout.String())
		m.Header.Set(bus.HeaderRequestID, q.ID)
	}
	if q.Lane != "" {
		m.Header.Set(bus.HeaderLane, q.Lane)
	}
	a := Answer{ID: q.ID}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, q.Timeout+overtime)
	defer cancel()
	defer context.AfterFunc(c.closed, cancel)()
	reply, err := c.conn.RequestMsgWithContext(ctx, m)
	a.Took = time.Since(began)
	if errors.Is(err, nats.ErrConnectionClosed) { // the reason is reported a moment later
		select {
		case <-c.closed.Done():
		case <-ctx.Done():
		}
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return a, fmt.Errorf("%w: %s is not the agent of a terminal", ErrTerminal, c.conn.ConnectedUrl())
	case c.closed.Err() != nil:
		return a, fmt.Errorf("%w: %w", ErrUnanswered, context.Cause(c.closed))
	case err != nil:
		return a, fmt.Errorf("%w: %w", ErrUnanswered, err)
	}
	return a.read(reply)
}

// read parses a message to an answer.
func (a Answer) read(m *nats.Msg) (Answer, error) {
	a.Body, a.Said, a.Position = m.Data, m.Header.Get(bus.HeaderError), m.Header.Get(bus.HeaderPosition)
	if code := m.Header.Get(bus.HeaderErrorCode); code != "" {
		n, err := strconv.Atoi(code)
		if err != nil || n <= 0 {
			return a, fmt.Errorf("%w: the answer has the invalid code %.20q", ErrUnanswered, code)
		}
		a.Code = n
	}
	return a, nil
}

// Discover asks an agent for the operations of a service. It returns ErrUnanswered also for a service that the agent
// does not know.
func (c *Client) Discover(ctx context.Context, service string) ([]Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, discoverWithin)
	defer cancel()
	reply, err := c.conn.RequestWithContext(ctx, "$SRV.INFO."+service, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: the terminal does not know the operations of %s yet: %w", ErrUnanswered, service, err)
	}
	var info struct {
		Endpoints []struct {
			Subject string `json:"subject"`
		} `json:"endpoints"`
	}
	if err := json.Unmarshal(reply.Data, &info); err != nil {
		return nil, fmt.Errorf("%w: operations of %s: %w", ErrUnanswered, service, err)
	}
	var list []Operation
	for _, e := range info.Endpoints {
		list = append(list, Operation(strings.TrimPrefix(e.Subject, "request.")))
	}
	return list, nil
}

// Operation is SERVICE.OPERATION.
type Operation string
