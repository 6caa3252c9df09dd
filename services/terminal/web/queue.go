package web

import (
	"net/http"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// queue answers what is asked of requests that were queued: of one by its id, or by ?key= by what it was queued under.
func (s *Server) queue(w http.ResponseWriter, r *http.Request, id string) {
	key := r.URL.Query().Get("key")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodDelete:
		s.wrongMethod(w, r, "GET, DELETE")
	case (id == "") == (key == "") || id == "" && r.Method == http.MethodDelete:
		s.refuse(w, r, refusal(http.StatusNotFound, "path", "There is no such path", "it names no request that was queued, or two",
			"Ask for /v1/queue/<id>, with what was answered when it was queued, or for /v1/queue?key=<key>."))
	case !s.whole(w, r):
	case r.Method == http.MethodGet:
		s.answer(w, "", s.config.Agent.Queued(id, key))
	default:
		answered := make(chan bus.Reply, 1)
		s.config.Agent.Forget(id, func(reply bus.Reply) { answered <- reply })
		select {
		case reply := <-answered:
			s.answer(w, "", reply)
		case <-r.Context().Done():
		case <-s.stop:
			w.Header().Set("Connection", "close")
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.within.write))
			failed(bus.CodeUnknown, "this terminal's agent is stopping").tell(w)
		}
	}
}
