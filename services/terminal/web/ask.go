package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// MaxBody bounds the body of a request, in bytes, over HTTP and NATS.
	MaxBody = 1 << 20
	// drainBytes is how much of a refused body is read and dropped, so that its sender gets the reason: closing a
	// connection on a sender destroys the answer.
	drainBytes = 16 << 20
)

// ask has the agent take a request, and answers with what comes of it.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, service, operation string) {
	if p := form(r); p != nil {
		s.refuse(w, r, p)
		return
	}
	body, p := s.body(w, r)
	if p != nil {
		s.refuse(w, r, p)
		return
	}
	s.conns.begin(r, true)
	q := Question{App: application(r), Service: service, Operation: operation, Header: map[string][]string{}, Body: body}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Hotpair-") {
			q.Header[name] = values
		}
	}
	id := r.Header.Get(bus.HeaderRequestID)
	answered := make(chan bus.Reply, 1)
	s.config.Agent.Ask(q, func(reply bus.Reply) { answered <- reply })
	select {
	case reply := <-answered:
		s.answer(w, id, reply)
	case <-r.Context().Done(): // it is executed all the same, as one over NATS whose connection has ended
	case <-s.stop:
		p := failed(bus.CodeUnknown, "this terminal's agent is stopping before the request was answered")
		p.ID = id
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.within.write))
		p.tell(w)
	}
}

// application names the application, for its share of the agent's bounds: all programs together, and the pages of each
// origin. No name of a NATS application has a space in it.
func application(r *http.Request) string {
	origin, _ := originOf(r)
	return "http " + origin
}

// form says what is wrong with how a request is written down, nil if nothing is.
func form(r *http.Request) *problem {
	if text := r.Header.Get("Content-Type"); text != "" {
		kind, parameters, err := mime.ParseMediaType(text)
		charset := parameters["charset"]
		if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") || charset != "" && !strings.EqualFold(charset, "utf-8") {
			return refusal(http.StatusUnsupportedMediaType, "type", "The type of the body is not supported",
				fmt.Sprintf("the Content-Type is %.100q, and only JSON in UTF-8 is supported", text), "Send Content-Type: application/json (curl --json).")
		}
	}
	if text := r.Header.Get("Content-Encoding"); text != "" && !strings.EqualFold(text, "identity") {
		return refusal(http.StatusUnsupportedMediaType, "type", "The encoding of the body is not supported", fmt.Sprintf("the Content-Encoding is %.100q", text), "Send it without an encoding: it does not leave this machine.")
	}
	return nil
}

// body reads the body of a request. Memory follows what has come, not what is announced.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, *problem) {
	if r.ContentLength > MaxBody {
		return nil, failed(bus.CodeTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are allowed", r.ContentLength, MaxBody))
	}
	flow := http.NewResponseController(w)
	_ = flow.SetReadDeadline(time.Now().Add(s.within.body))
	defer func() { _ = flow.SetReadDeadline(time.Time{}) }()
	size := smallBody
	if r.ContentLength >= 0 {
		size = min(size, int(r.ContentLength)+1) // to come to its end
	}
	taken, buffer := 0, make([]byte, 0, size)
	defer func() { s.bodies.give(taken) }()
	for {
		n, err := r.Body.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case len(buffer) > MaxBody:
			return nil, failed(bus.CodeTooLarge, fmt.Sprintf("the body has more than %d bytes", MaxBody))
		case errors.Is(err, io.EOF):
			return buffer, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, refusal(http.StatusRequestTimeout, "slow", "The body did not arrive in time",
				fmt.Sprintf("after %s only %d bytes of it had arrived", s.within.body, len(buffer)), "Send the whole body at once.")
		case err != nil:
			return nil, failed(bus.CodeMalformed, "the body can't be read: "+err.Error())
		}
		if len(buffer) == cap(buffer) {
			more := min(cap(buffer), MaxBody+1-cap(buffer))
			if !s.bodies.take(more) {
				return nil, failed(bus.CodeOverloaded, "too many large bodies are arriving at the same time; not executed")
			}
			taken += more
			buffer = append(make([]byte, 0, cap(buffer)+more), buffer...)
		}
	}
}

// answer returns an application its answer.
func (s *Server) answer(w http.ResponseWriter, id string, reply bus.Reply) {
	h := w.Header()
	if !reply.Position.IsZero() {
		h.Set(bus.HeaderPosition, reply.Position.String())
	}
	if id != "" {
		h.Set(bus.HeaderRequestID, id)
	}
	flow := http.NewResponseController(w)
	_ = flow.SetWriteDeadline(time.Now().Add(s.within.write))
	if reply.Code != bus.CodeOK && reply.Code != bus.CodeQueued {
		p := failed(reply.Code, reply.Message)
		if p.ID = id; id != "" && (reply.Code == bus.CodeOverloaded || reply.Code == bus.CodeNobody) {
			// This try did nothing. One before may have.
			p.Do, p.Done = "Send the same request again with the same id: an earlier attempt may have been executed.", doneUnknown
		}
		p.tell(w)
		return
	}
	end := s.answers.begin(flow, len(reply.Body))
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(reply.Body)))
	if reply.Code == bus.CodeQueued {
		w.WriteHeader(http.StatusAccepted)
	}
	_, err := w.Write(reply.Body)
	if err == nil {
		err = flow.Flush()
	}
	if cut := end(); cut || errors.Is(err, os.ErrDeadlineExceeded) {
		s.slow.say(s.log, "an application does not read its answer over HTTP; its connection is closed", "bytes", len(reply.Body))
	}
}

// refuse answers with a problem, and reads a part of what is still being sent, so that the answer is heard.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	p.ID = r.Header.Get(bus.HeaderRequestID)
	flow := http.NewResponseController(w)
	if r.ContentLength != 0 && r.Body != nil && p.Status != http.StatusRequestTimeout {
		_ = flow.SetReadDeadline(time.Now().Add(s.within.drain))
		if _, err := io.CopyN(io.Discard, r.Body, drainBytes); errors.Is(err, io.EOF) {
			_ = flow.SetReadDeadline(time.Time{})
		} else {
			// The server reads on, to let the sender hear it: the deadline ends that.
			w.Header().Set("Connection", "close")
		}
	} else if p.Status == http.StatusRequestTimeout {
		_ = flow.SetReadDeadline(time.Now())
		w.Header().Set("Connection", "close")
	}
	_ = flow.SetWriteDeadline(time.Now().Add(s.within.write))
	p.tell(w)
}
