package tills

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/pace"
)

// again is the pause before an agent is asked again that did not answer.
const again = 30 * time.Millisecond

// word is what somebody heard of one request.
type word struct {
	times int
	first string // as first received
	other string // a later one that differs
}

// listener hears what becomes of requests, at one of the doors of a terminal.
type listener struct {
	door string

	mu    sync.Mutex
	words map[string]*word // by id in the queue
	wrong []string
}

func newListener(door string) *listener { return &listener{door: door, words: map[string]*word{}} }

// hear records a received outcome.
func (l *listener) hear(told []byte) {
	var t struct{ ID string }
	err := json.Unmarshal(told, &t)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || t.ID == "" {
		l.wrong = append(l.wrong, "a result over "+l.door+" can't be read: "+string(told))
		return
	}
	w := l.words[t.ID]
	if w == nil {
		w = &word{first: string(told)}
		l.words[t.ID] = w
	}
	if w.times++; w.first != string(told) {
		w.other = string(told)
	}
}

// first is the first outcome received for a request.
func (l *listener) first(id string) (text string, heard bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.words[id]
	if w == nil {
		return "", false
	}
	return w.first, true
}

// heard counts the requests with a received outcome.
func (l *listener) heard() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.words)
}

// subscribe listens over NATS.
func (l *listener) subscribe(d overNATS) error {
	_, err := d.conn.Subscribe(notice.AppSubject(notice.System, bus.TopicResult), func(m *nats.Msg) { l.hear(m.Data) })
	return err
}

// stream listens over HTTP until ctx ends; when the agent has gone it comes again.
func (l *listener) stream(ctx context.Context, d overHTTP) {
	for ctx.Err() == nil {
		l.readStream(ctx, d)
		_ = pace.Rest(ctx, again)
	}
}

func (l *listener) readStream(ctx context.Context, d overHTTP) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/v1/notices", nil)
	if err != nil {
		return
	}
	answer, err := d.client.Do(q)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return
	}
	result := false
	lines := bufio.NewReader(answer.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // an event that is cut short was not told
		}
		line = strings.TrimSuffix(line, "\n")
		if kind, ok := strings.CutPrefix(line, "event: "); ok {
			result = kind == "result"
		} else if data, ok := strings.CutPrefix(line, "data: "); ok && result {
			l.hear([]byte(data))
		} else if line == "" {
			result = false
		}
	}
}
