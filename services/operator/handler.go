package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

// Paths of the interface.
const (
	PathLive       = "/livez"
	PathReady      = "/readyz"
	PathActive     = "/active"
	PathStandby    = "/standby"
	PathStatus     = "/api/v1/status"
	PathPeer       = "/api/v1/peer"
	PathHistory    = "/api/v1/history"
	PathSwitchover = "/api/v1/switchover"
)

const (
	// DefaultHistory and MaxHistory bound a page, in updates.
	DefaultHistory = 50
	MaxHistory     = 1000

	maxBody  = 64 << 10 // bytes of a request's body
	maxCalls = 32       // calls under way at the same time, health checks not counted

	// answerWithin is the deadline of a read; switchoverWithin that of a switchover, whose own steps have shorter ones.
	answerWithin     = 10 * time.Second
	switchoverWithin = 30 * time.Second
)

// handler answers HTTP for a Host.
type handler struct {
	host    Host
	clock   lease.Clock
	log     *slog.Logger
	origin  *http.CrossOriginProtection
	token   string
	pages   map[string]http.Handler
	calls   chan struct{}
	streams chan struct{}
}

// route is what one path does. do writes the answer itself or returns an error, not both.
type route struct {
	method string
	check  bool // a health check: cheap, never refused for lack of room
	do     func(h *handler, w http.ResponseWriter, r *http.Request) error
}

func routes() map[string]route {
	all := map[string]route{
		PathLive:       {http.MethodGet, true, (*handler).live},
		PathReady:      {http.MethodGet, true, (*handler).ready},
		PathActive:     {http.MethodGet, true, (*handler).active},
		PathStandby:    {http.MethodGet, true, (*handler).standby},
		PathStatus:     {http.MethodGet, false, (*handler).status},
		PathHistory:    {http.MethodGet, false, (*handler).history},
		PathSwitchover: {http.MethodPost, false, (*handler).switchover},
		PathSeries:     {http.MethodGet, false, (*handler).series},
		PathPeer:       {http.MethodGet, false, (*handler).peerStatus},
		PathStream:     {http.MethodGet, true, (*handler).stream}, // it has bounds of its own
		PathOpenAPI:    {http.MethodGet, false, (*handler).openAPI},
	}
	maps.Copy(all, dataRoutes())
	maps.Copy(all, decisionRoutes())
	all[PathEvents] = route{http.MethodGet, false, (*handler).events}
	all[PathAlarms] = route{http.MethodGet, false, (*handler).alarms}
	all[PathAckAlarm] = route{http.MethodPost, false, (*handler).ackAlarm}
	return all
}

// NewHandler gives the HTTP interface of a host; of the config it takes all but Listen.
func NewHandler(c ServerConfig) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &handler{
		host: c.Host, clock: c.Clock, log: c.Log, token: c.Token, pages: c.Pages,
		origin: http.NewCrossOriginProtection(), calls: make(chan struct{}, maxCalls), streams: make(chan struct{}, maxStreams),
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	rt, known := routes()[r.URL.Path]
	if !known && h.page(w, r) {
		return
	}
	if !known {
		writeProblem(w, r, &Problem{Type: "about:blank", Title: "Not found", Status: http.StatusNotFound, Detail: "there is nothing at this path; " + PathStatus + " says how the pair is"})
		return
	}
	if r.Method != rt.method && (r.Method != http.MethodHead || rt.method != http.MethodGet) {
		w.Header().Set("Allow", rt.method)
		writeProblem(w, r, &Problem{Type: "about:blank", Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Detail: r.URL.Path + " takes " + rt.method})
		return
	}
	if err := h.admit(r); err != nil {
		h.log.Warn("refused a call from another origin", "from", r.RemoteAddr, "path", r.URL.Path, "err", err)
		writeProblem(w, r, &Problem{Type: problemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
		return
	}
	if err := h.authorize(r); err != nil {
		h.log.Warn("refused a call without the token", "from", r.RemoteAddr, "path", r.URL.Path)
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeProblem(w, r, NewProblem(err))
		return
	}
	h.letPeer(w, r)
	if !rt.check {
		select {
		case h.calls <- struct{}{}:
			defer func() { <-h.calls }()
		default:
			writeProblem(w, r, &Problem{Type: problemType + "busy", Title: "Too many calls at the same time", Status: http.StatusTooManyRequests})
			return
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := rt.do(h, w, r); err != nil {
		writeProblem(w, r, NewProblem(err))
	}
}

// page answers with a page that is no part of the API, if there is one at the path: console, metrics.
func (h *handler) page(w http.ResponseWriter, r *http.Request) bool {
	page, known := h.pages[r.URL.Path]
	if !known || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if err := h.admit(r); err != nil {
		writeProblem(w, r, &Problem{Type: problemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
		return true
	}
	page.ServeHTTP(w, r)
	return true
}

// letPeer lets the other host's console read: its page goes on with this host when its own has failed. Only reading,
// and only that one origin, which the other host itself has said over the link.
func (h *handler) letPeer(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Method != http.MethodGet {
		return
	}
	w.Header().Add("Vary", "Origin")
	if peer := h.host.Status(r.Context()).Peer.HTTP; peer != "" && origin == "http://"+peer {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
}

// admit refuses what a web page of somebody else makes a browser send: being able to reach the address is all that
// reading needs, and a browser on an operator's machine lends that to every page it shows.
func (h *handler) admit(r *http.Request) error {
	if err := h.origin.Check(r); err != nil {
		return err
	}
	// A page can point its own name at this address and so be of the same origin; it can't do so with a number.
	browser := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
	if browser && !isNumberOrLocal(r.Host) {
		return fmt.Errorf("browsers must use this host's IP address instead of the name %q", r.Host)
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }); ok && isLoopback(local.String()) && !isNumberOrLocal(r.Host) {
		return fmt.Errorf("the name %q is not one of this loopback address", r.Host)
	}
	return nil
}

func (h *handler) holdsRight() bool {
	right := h.host.Right()
	return right.Holds(right.Epoch, h.clock())
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	return answer(w, whole(h.host.Status(ctx)))
}

// whole completes a status for programs: a list is a list also when it is empty, and what it means is said.
func whole(s Status) Status {
	s.InSync, s.Alarms = orEmpty(s.InSync), orEmpty(s.Alarms)
	if s.Processes == nil {
		s.Processes = map[string]Process{}
	}
	level, sentence := s.Summary()
	s.Level, s.Sentence = level.String(), sentence
	return s
}

func (h *handler) history(w http.ResponseWriter, r *http.Request) error {
	request, err := historyRequest(r.URL.RawQuery)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	page, err := h.host.History(ctx, request)
	if err != nil {
		return err
	}
	page.Updates = orEmpty(page.Updates)
	return answer(w, page)
}

// historyRequest reads from and limit. The error is ErrUsage.
func historyRequest(query string) (bus.HistoryRequest, error) {
	request := bus.HistoryRequest{Limit: DefaultHistory}
	values, err := url.ParseQuery(query)
	if err != nil {
		return request, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	for name, given := range values {
		if len(given) != 1 {
			return request, fmt.Errorf("%w: %s is given %d times", ErrUsage, name, len(given))
		}
		number, err := strconv.ParseUint(given[0], 10, 63)
		switch {
		case name == "key":
			request.Key = given[0]
		case name == "service":
			request.Service = given[0]
		case name != "from" && name != "limit" && name != "before":
			return request, fmt.Errorf("%w: there is no parameter %q; there are from and before (sequences), limit, key and service", ErrUsage, name)
		case err != nil:
			return request, fmt.Errorf("%w: %s=%q is no number", ErrUsage, name, given[0])
		case name == "from":
			request.From = number
		case name == "before":
			request.Before = number
		case number < 1 || number > MaxHistory:
			return request, fmt.Errorf("%w: limit is 1 to %d", ErrUsage, MaxHistory)
		default:
			request.Limit = int(number)
		}
	}
	return request, nil
}

func (h *handler) switchover(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), switchoverWithin)
	defer cancel()
	caller := h.called(r, CallSwitchover)
	done, err := h.host.Switchover(ctx, caller)
	if err != nil {
		p := h.failed(CallSwitchover, caller, err)
		if p.Result == nil && len(done.Steps) > 0 {
			p.Result = &done
		}
		return p
	}
	done.Steps = orEmpty(done.Steps)
	return answer(w, done)
}

func text(w http.ResponseWriter, line string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, line+"\n") // who does not read the answer does not get it
	return nil
}

func answer(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clip(list)
}
