package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/strictjson"
)

const (
	// maxStreams bounds who hears notices at the same time.
	maxStreams = 64
	// pageOfNotices is how many are read from disk at a time.
	pageOfNotices = 100
	// lookAgain is the interval of the status for readers that were told of waiting requests.
	lookAgain = time.Second
	// reconnectMS is when a browser comes again whose stream has ended.
	reconnectMS = 1000
)

// notices sends the stored notices after a number, and then new ones, as server-sent events. Of a reader only its
// position is kept: unread notices stay in the agent's file.
func (s *Server) notices(w http.ResponseWriter, r *http.Request) {
	last := s.config.Agent.Last()
	after, p := startOf(r, last)
	if p != nil {
		s.refuse(w, r, p)
		return
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		s.refuse(w, r, failed(bus.CodeOverloaded, fmt.Sprintf("%d streams of notices are open already, which is the maximum", maxStreams)))
		return
	}
	defer s.streams.Add(-1)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	t := &stream{agent: s.config.Agent, within: s.within, w: w, flow: http.NewResponseController(w), after: after}
	_, t.results = s.config.Agent.Results().After(0)
	err := t.run(r.Context(), s.stop)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.slow.say(s.log, "an application does not read its notices over HTTP; its stream is closed, and it can reconnect after its last number", "number", t.after)
	case err != nil && r.Context().Err() == nil:
		s.log.Warn("a stream of notices has ended", "error", err)
	}
}

// startOf is the number after which somebody wants to hear: of Last-Event-ID, which a browser sends when it comes again, of ?after=, or else
// the last one.
func startOf(r *http.Request, last uint64) (uint64, *problem) {
	values := r.URL.Query()
	text, given := values.Get("after"), values.Has("after")
	for name := range values {
		if name != "after" || len(values[name]) > 1 {
			return 0, failed(bus.CodeMalformed, fmt.Sprintf("the query string has %.50q, and only one after=NUMBER is allowed", name))
		}
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		text, given = id, true
	}
	if !given {
		return last, nil
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, failed(bus.CodeMalformed, fmt.Sprintf("%.50q is not the number of a notice; ask after the last one that you have, or after 0", text))
	}
	return number, nil
}

// stream is one reader.
type stream struct {
	agent   Agent
	within  bounds
	w       http.ResponseWriter
	flow    *http.ResponseController
	after   uint64 // the number that it has come to
	results uint64 // outcomes of queued requests, as after
	said    string // of the status, without what changes by mere time
	waits   bool   // it said that requests wait, which is soon not so
}

// run sends until the reader leaves or the server stops. The error says why it ended.
func (t *stream) run(ctx context.Context, stop <-chan struct{}) error {
	beat, look := time.NewTicker(t.within.beat), time.NewTicker(lookAgain)
	defer beat.Stop()
	defer look.Stop()
	// With its first number: a reader that is cut off before the first notice reconnects with that.
	if err := t.write(fmt.Sprintf("retry: %d\nid: %d\n: %s\n\n", reconnectMS, t.after, pathNotices)); err != nil {
		return err
	}
	for {
		changed := t.agent.Changed() // before what there is, so that nothing is missed
		if err := t.news(ctx); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-look.C:
			if t.waits {
				t.said = ""
			}
		case <-beat.C:
			if err := t.write(": \n\n"); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-stop:
			return t.event("end", "", []byte(`{"why":"this terminal's agent is stopping"}`))
		}
	}
}

// news tells what the reader does not have yet.
func (t *stream) news(ctx context.Context) error {
	if err := t.status(); err != nil {
		return err
	}
	if last := t.agent.Last(); t.after > last {
		// The agent's directory was lost or replaced.
		text := fmt.Appendf(nil, `{"after":"%d","last":"%d","why":"this terminal never had that number: the directory of its agent was lost or replaced. All stored notices follow"}`, t.after, last)
		t.after = 0
		if err := t.event("reset", "0", text); err != nil {
			return err
		}
	}
	if err := t.outcomes(ctx); err != nil {
		return err
	}
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = t.page(); err != nil {
			return err
		}
	}
	return nil
}

// outcomes tells what has come of queued requests since the stream began. Who does not hear of one asks for it.
func (t *stream) outcomes(ctx context.Context) error {
	var list []Result
	list, t.results = t.agent.Results().After(t.results)
	for _, came := range list {
		if err := t.event(came.Kind, "", came.Told); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// page tells some of what is kept, and whether there is more.
func (t *stream) page() (more bool, err error) {
	if t.after == t.agent.Last() {
		return false, nil
	}
	text, err := t.agent.Kept(notice.After{Number: t.after, Limit: pageOfNotices, Fenced: true})
	if err != nil {
		return false, errors.Join(err, t.event("end", "", []byte(`{"why":"the notices stored at this terminal can't be read; see the log of its agent"}`)))
	}
	kept, err := pageOf(text)
	if err != nil {
		return false, err
	}
	if kept.First > t.after+1 {
		gone := fmt.Appendf(nil, `{"after":"%d","first":"%d","why":"the notices between were discarded here: check the data"}`, t.after, kept.First)
		t.after = kept.First - 1
		if err := t.event("missed", strconv.FormatUint(t.after, 10), gone); err != nil {
			return false, err
		}
	}
	for _, n := range kept.Notices {
		kind := ""
		if n.fenced { // an event of its own, which listeners for messages do not get
			kind = "fenced"
		}
		if err := t.event(kind, strconv.FormatUint(n.number, 10), n.text); err != nil {
			return false, err
		}
		t.after = n.number
	}
	return kept.More, nil
}

// keptPage is a page of notices, as sent to applications.
type keptPage struct {
	First, Last uint64
	More        bool
	Notices     []told
}

type told struct {
	number uint64
	fenced bool
	text   []byte
}

// pageOf reads what the agent keeps.
func pageOf(text []byte) (p keptPage, err error) {
	var kept struct {
		Notices []json.RawMessage `json:"notices"`
		First   uint64            `json:"first,string"`
		Last    uint64            `json:"last,string"`
		More    bool              `json:"more"`
	}
	if err := strictjson.DecodeMessage(text, &kept); err != nil {
		return p, fmt.Errorf("kept notices: %w", err)
	}
	p = keptPage{First: kept.First, Last: kept.Last, More: kept.More}
	for _, raw := range kept.Notices {
		var n struct {
			Number uint64 `json:"number,string"`
			Fenced bool   `json:"fenced"`
		}
		if err := json.Unmarshal(raw, &n); err != nil {
			return p, fmt.Errorf("a kept notice: %w", err)
		}
		p.Notices = append(p.Notices, told{n.Number, n.Fenced, raw})
	}
	return p, nil
}

// status tells how the terminal is served, at the beginning and when that has changed.
func (t *stream) status() error {
	status := t.agent.Status()
	said := fmt.Sprint(status.Serves, status.Host, status.Epoch, status.Since, status.Waiting > 0, status.Queued > 0, status.Unknown)
	for _, i := range []*Interruption{status.LastTakeover, status.LastOutage} {
		if i != nil {
			said += fmt.Sprint(" ", i.FeltMS)
		}
	}
	if said == t.said {
		return nil
	}
	t.said, t.waits = said, status.Waiting > 0
	text, err := json.Marshal(status)
	if err != nil {
		return err
	}
	return t.event("status", "", text)
}

// event tells one event; of kind "" it is a message. id is what the reader has come to with it.
func (t *stream) event(kind, id string, data []byte) error {
	var b strings.Builder
	if kind != "" {
		b.WriteString("event: " + kind + "\n")
	}
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("data: ")
	// White space between values of JSON may be an end of line, and the event would end there.
	b.Write(bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, data))
	b.WriteString("\n\n")
	return t.write(b.String())
}

func (t *stream) write(text string) error {
	_ = t.flow.SetWriteDeadline(time.Now().Add(t.within.write))
	if _, err := t.w.Write([]byte(text)); err != nil {
		return err
	}
	return t.flow.Flush()
}
