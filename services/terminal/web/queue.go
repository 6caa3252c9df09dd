package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// queue answers what is asked of requests that were queued: of one by its id, or by ?key= by what it was queued under, or by ?after= of those
// whose outcomes came after a number.
func (s *Server) queue(w http.ResponseWriter, r *http.Request, id string) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodDelete:
		s.wrongMethod(w, r, "GET, DELETE")
	case id == "" && (r.URL.RawQuery == "" || r.Method == http.MethodDelete), id != "" && r.URL.RawQuery != "":
		s.refuse(w, r, refusal(http.StatusNotFound, "path", "No such path", "the path must name one queued request",
			"Use /v1/queue/<id> with the id of the answer to queueing it, /v1/queue?key=<key>, or /v1/queue?after=<number> for all later outcomes."))
	case r.Method == http.MethodGet:
		q, p := wantedOf(id, r.URL.RawQuery)
		if p != nil {
			s.refuse(w, r, p)
		} else if s.whole(w, r) {
			if reply := s.config.Queue.Queued(q); q.ID+q.Key != "" {
				s.ofQueue(w, reply)
			} else {
				s.answer(w, "", reply)
			}
		}
	case s.whole(w, r):
		s.forget(w, r, id)
	}
}

// forget has a request forgotten.
func (s *Server) forget(w http.ResponseWriter, r *http.Request, id string) {
	answered := make(chan bus.Reply, 1)
	s.config.Queue.Forget(id, func(reply bus.Reply) { answered <- reply })
	select {
	case reply := <-answered:
		s.ofQueue(w, reply)
	case <-r.Context().Done():
	case <-s.stop:
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.within.write))
		failed(bus.CodeUnknown, "this terminal's agent is stopping").tell(w)
	}
}

// wantedOf reads what somebody wants to know.
func wantedOf(id, query string) (q Wanted, p *problem) {
	values, err := url.ParseQuery(query)
	if err != nil || id == "" && len(values) == 0 {
		return q, strangeQuery(query)
	}
	q.ID, q.Key = id, values.Get("key")
	for name, list := range values {
		value, err := list[0], error(nil)
		switch {
		case len(list) > 1:
			err = strconv.ErrSyntax
		case name == "key" && len(values) == 1 && value != "":
		case name == "after":
			q.After.Number, err = strconv.ParseUint(value, 10, 64)
		case name == "limit" && values.Has("after"):
			if q.After.Limit, err = strconv.Atoi(value); q.After.Limit < 1 {
				err = strconv.ErrRange
			}
		default:
			err = strconv.ErrSyntax
		}
		if err != nil {
			return q, strangeQuery(name + "=" + value)
		}
	}
	return q, nil
}

func strangeQuery(what string) *problem {
	return failed(bus.CodeMalformed, fmt.Sprintf("the query string has %.50q, and only key=KEY, or after=NUMBER with limit=NUMBER, is allowed", what))
}

// ofQueue answers a question about one queued request, whose errors have other remedies than those of services.
func (s *Server) ofQueue(w http.ResponseWriter, reply bus.Reply) {
	var title, do string
	switch reply.Code {
	case bus.CodeAbsent:
		title, do = "No such queued request is known", "If its queueing was never confirmed, queue it again under its key. Otherwise check the data."
	case bus.CodeConflict:
		title, do = "The request has no outcome yet", "GET "+pathQueue+"/<id> says what it waits for. Only a request with an outcome can be removed."
	default:
		s.answer(w, "", reply)
		return
	}
	p := failed(reply.Code, reply.Message)
	p.Title, p.Do, p.Done = title, do, doneUnknown // of what was queued
	p.tell(w)
}
