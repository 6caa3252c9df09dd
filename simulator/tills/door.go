package tills

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/simulator/load"
)

// patience bounds one call: the agent answers at once what it knows itself, and a request that is not queued has a deadline below it.
const patience = 5 * time.Second

// mostAnswer bounds an answer, in bytes.
const mostAnswer = 8 << 20

// errNoAnswer says that an agent did not answer: it was killed, or is starting.
var errNoAnswer = errors.New("no answer of the agent")

// question is what an application asks.
type question struct {
	service, operation string
	body               any
	header             map[string]string
}

// reply is what it was answered; code 0 is success.
type reply struct {
	code    int
	message string
	body    []byte
}

// door is a way in which applications ask the agent of their terminal. The error of each is errNoAnswer.
type door interface {
	ask(ctx context.Context, q question) (reply, error)
	// came asks for the state of a queued request.
	came(ctx context.Context, id string) (reply, error)
	// after asks for the outcomes after a number.
	after(ctx context.Context, number uint64) (reply, error)
	close()
}

// overNATS is the door of a client of NATS.
type overNATS struct{ conn *nats.Conn }

func (d overNATS) close() { d.conn.Close() }

func (d overNATS) ask(ctx context.Context, q question) (reply, error) {
	m := nats.NewMsg("request." + q.service + "." + q.operation)
	for name, value := range q.header {
		m.Header.Set(name, value)
	}
	var err error
	if m.Data, err = json.Marshal(q.body); err != nil {
		return reply{}, err
	}
	return d.send(ctx, m)
}

func (d overNATS) came(ctx context.Context, id string) (reply, error) {
	m := nats.NewMsg(bus.SubjectQueueGet)
	m.Data = fmt.Appendf(nil, `{"id":%q}`, id)
	return d.send(ctx, m)
}

func (d overNATS) after(ctx context.Context, number uint64) (reply, error) {
	m := nats.NewMsg(bus.SubjectQueueResults)
	m.Data = fmt.Appendf(nil, `{"number":"%d"}`, number)
	return d.send(ctx, m)
}

func (d overNATS) send(ctx context.Context, m *nats.Msg) (r reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := d.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return r, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if code := answer.Header.Get(bus.HeaderErrorCode); code != "" {
		if r.code, err = strconv.Atoi(code); err != nil {
			return r, fmt.Errorf("%w: a code %.20q", errNoAnswer, code)
		}
	}
	r.message, r.body = answer.Header.Get(bus.HeaderError), answer.Data
	return r, nil
}

// overHTTP is the door of a program that speaks it.
type overHTTP struct {
	client *http.Client
	url    string
}

func newHTTP(t Terminal) overHTTP {
	return overHTTP{&http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return t.Dialer.DialContext(ctx, network, address)
	}}}, "http://" + t.HTTP}
}

func (d overHTTP) close() { d.client.CloseIdleConnections() }

func (d overHTTP) ask(ctx context.Context, q question) (reply, error) {
	body, err := json.Marshal(q.body)
	if err != nil {
		return reply{}, err
	}
	return d.send(ctx, http.MethodPost, "/v1/"+q.service+"/"+q.operation, body, q.header)
}

func (d overHTTP) came(ctx context.Context, id string) (reply, error) {
	return d.send(ctx, http.MethodGet, "/v1/queue/"+id, nil, nil)
}

func (d overHTTP) after(ctx context.Context, number uint64) (reply, error) {
	return d.send(ctx, http.MethodGet, fmt.Sprint("/v1/queue?after=", number), nil, nil)
}

func (d overHTTP) send(ctx context.Context, method, path string, body []byte, header map[string]string) (r reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return r, err
	}
	for name, value := range header {
		q.Header.Set(name, value)
	}
	answer, err := d.client.Do(q)
	if err != nil {
		return r, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer answer.Body.Close()
	if r.body, err = io.ReadAll(io.LimitReader(answer.Body, mostAnswer)); err != nil {
		return r, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusAccepted {
		return r, nil
	}
	var problem struct {
		Code   int    `json:"code"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(r.body, &problem); err != nil || problem.Code == 0 {
		return r, fmt.Errorf("%w: status %d with %.200q, which is not an agent's problem+json", errNoAnswer, answer.StatusCode, r.body)
	}
	return reply{code: problem.Code, message: problem.Detail}, nil
}

// dial connects an application over NATS.
func dial(name string, t Terminal) (overNATS, error) {
	conn, err := load.Dial(name, t.Apps, t.Dialer)
	return overNATS{conn}, err
}
