package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// api is the prefix of every path that is not a file.
const api = "/v1/"

// Paths that are no service's.
const (
	pathNotices  = api + "notices"
	pathStatus   = api + "status"
	pathServices = api + "services"
	pathQueue    = api + "queue"
	pathMetrics  = api + "metrics"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	// A writer without deadlines is a test's; so everywhere below.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.within.write))
	if p := s.admit(r); p != nil {
		s.turnAway(w, r, p)
		return
	}
	s.share(w, r)
	switch {
	case r.Method == http.MethodOptions:
		if s.whole(w, r) {
			s.preflight(w, r)
		}
	case isPage(r):
		s.page(w, r)
	default:
		h.Set("Cache-Control", "no-store")
		if p := s.proved(w, r); p != nil {
			s.turnAway(w, r, p)
			return
		}
		s.call(w, r)
	}
}

// turnAway refuses who may not ask, and says so in the log.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, p *problem) {
	s.refused.say(s.log, "refused over HTTP", "why", p.Detail, "path", fmt.Sprintf("%.100s", r.URL.Path))
	s.refuse(w, r, p)
}

// whole records a complete request without a body. A request with a body is refused: the body might never arrive, and
// occupy the connection.
func (s *Server) whole(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength != 0 {
		s.refuse(w, r, refusal(http.StatusBadRequest, "malformed", "The request is malformed", fmt.Sprintf("%.20q does not allow a body", r.Method), "Omit the body."))
		return false
	}
	s.conns.begin(r, !isPage(r))
	return true
}

// isPage reports whether a call is for a file.
func isPage(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, api) }

// page answers with a file.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.refuse(w, r, refusal(http.StatusMethodNotAllowed, "method", "The method is not allowed", r.Method+" is not allowed for a file",
			"Send requests to POST /v1/<service>/<operation>."))
		return
	}
	if !s.whole(w, r) {
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.within.file))
	s.files.ServeHTTP(w, r)
}

// call answers what is under /v1/.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case pathNotices:
		s.look(w, r, s.notices)
		return
	case pathStatus:
		s.look(w, r, s.status)
		return
	case pathServices:
		s.look(w, r, s.services)
		return
	case pathMetrics:
		s.look(w, r, s.metrics)
		return
	}
	if r.Method != http.MethodPost && (r.URL.Path == pathQueue || strings.HasPrefix(r.URL.Path, pathQueue+"/")) {
		s.queue(w, r, strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, pathQueue), "/"))
		return
	}
	service, operation, found := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), api), "/")
	switch {
	case !found || !bus.ValidName(service) || !bus.ValidName(operation):
		s.refuse(w, r, refusal(http.StatusNotFound, "path", "No such path",
			fmt.Sprintf("%.100q is none of /v1/<service>/<operation>, %s, %s, %s, %s and %s", r.URL.EscapedPath(), pathQueue, pathNotices, pathStatus, pathServices, pathMetrics),
			"Names are 1 to 64 letters, digits, hyphens and underscores; GET "+pathServices+" lists the services."))
	case r.Method != http.MethodPost:
		s.wrongMethod(w, r, "POST")
	case r.URL.RawQuery != "" || r.URL.ForceQuery:
		s.refuse(w, r, refusal(http.StatusBadRequest, "malformed", "The request is malformed", "the path has a query string, which is not used",
			"Send the parameters of the operation in the body, as JSON."))
	default:
		s.ask(w, r, service, operation)
	}
}

// look answers what the agent knows itself.
func (s *Server) look(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	if r.Method != http.MethodGet {
		s.wrongMethod(w, r, "GET")
	} else if s.whole(w, r) {
		answer(w, r)
	}
}

func (s *Server) wrongMethod(w http.ResponseWriter, r *http.Request, right string) {
	w.Header().Set("Allow", right+", OPTIONS")
	s.refuse(w, r, refusal(http.StatusMethodNotAllowed, "method", "The method is not allowed", fmt.Sprintf("%.20q is not allowed here", r.Method), "Use "+right+"."))
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) { s.tell(w, s.config.Agent.Status()) }

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	text := s.config.Agent.Metrics()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text) // as below
}

func (s *Server) services(w http.ResponseWriter, _ *http.Request) {
	list := s.config.Agent.Services()
	if list == nil {
		list = []bus.AgentService{}
	}
	s.tell(w, map[string]any{"services": list})
}

// tell answers with something of the agent's own.
func (s *Server) tell(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.log.Error("an answer over HTTP can't be written", "error", err)
		failed(bus.CodeFault, "the answer can't be written; see the agent's log").tell(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text) // who does not read it does not get it
}
