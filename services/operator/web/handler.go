package web

import (
	"log/slog"
	"maps"
	"net/http"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/operator"
)

// dataRoutes are the paths about the data of the pair.
func dataRoutes() map[string]route {
	return map[string]route{
		operator.PathTerminals:       {http.MethodGet, false, (*handler).terminals},
		operator.PathTerminalsAdd:    {http.MethodPost, false, (*handler).addTerminals},
		operator.PathTerminalsRemove: {http.MethodPost, false, (*handler).removeTerminals},
		operator.PathTerminalsProbe:  {http.MethodPost, false, (*handler).probeTerminals},
		operator.PathVerify:          {http.MethodGet, false, (*handler).verifyState},
		operator.PathVerifyBegin:     {http.MethodPost, false, (*handler).verify},
		operator.PathDiverged:        {http.MethodGet, false, (*handler).diverged},
		operator.PathBackup:          {http.MethodPost, false, (*handler).backup},
		operator.PathVerifyStop:      {http.MethodPost, false, (*handler).stopVerify},
	}
}

// decisionRoutes are the paths about who serves.
func decisionRoutes() map[string]route {
	return map[string]route{
		operator.PathDoctor:         {http.MethodGet, false, (*handler).doctor},
		operator.PathSchedule:       {http.MethodPost, false, (*handler).schedule},
		operator.PathScheduleCancel: {http.MethodPost, false, (*handler).cancelSchedule},
		operator.PathExplain:        {http.MethodGet, false, (*handler).explain},
		operator.PathPromotePlan:    {http.MethodGet, false, (*handler).promotePlan},
		operator.PathPromote:        {http.MethodPost, false, (*handler).promote},
		operator.PathAdmit:          {http.MethodPost, false, (*handler).admitReplaced},
		operator.PathPause:          {http.MethodPost, false, (*handler).pause},
		operator.PathResume:         {http.MethodPost, false, (*handler).resume},
	}
}

const (
	maxBody  = 64 << 10 // bytes of a request's body
	maxCalls = 32       // calls under way at the same time, health checks not counted
)

// handler answers HTTP for a Host.
type handler struct {
	host    operator.Host
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
		PathLive:                {http.MethodGet, true, (*handler).live},
		PathReady:               {http.MethodGet, true, (*handler).ready},
		PathActive:              {http.MethodGet, true, (*handler).active},
		PathStandby:             {http.MethodGet, true, (*handler).standby},
		operator.PathStatus:     {http.MethodGet, false, (*handler).status},
		operator.PathHistory:    {http.MethodGet, false, (*handler).history},
		operator.PathSwitchover: {http.MethodPost, false, (*handler).switchover},
		operator.PathSeries:     {http.MethodGet, false, (*handler).series},
		operator.PathPeer:       {http.MethodGet, false, (*handler).peerStatus},
		PathStream:              {http.MethodGet, true, (*handler).stream}, // it has bounds of its own
		PathOpenAPI:             {http.MethodGet, false, (*handler).openAPI},
	}
	maps.Copy(all, dataRoutes())
	maps.Copy(all, decisionRoutes())
	all[operator.PathEvents] = route{http.MethodGet, false, (*handler).events}
	all[operator.PathAlarms] = route{http.MethodGet, false, (*handler).alarms}
	all[operator.PathAckAlarm] = route{http.MethodPost, false, (*handler).ackAlarm}
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
		writeProblem(w, r, &operator.Problem{Type: "about:blank", Title: "Not found", Status: http.StatusNotFound, Detail: "there is nothing at this path; " + operator.PathStatus + " says how the pair is"})
		return
	}
	if r.Method != rt.method && (r.Method != http.MethodHead || rt.method != http.MethodGet) {
		w.Header().Set("Allow", rt.method)
		writeProblem(w, r, &operator.Problem{Type: "about:blank", Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Detail: r.URL.Path + " takes " + rt.method})
		return
	}
	if err := h.admit(r); err != nil {
		h.log.Warn("refused a call from another origin", "from", r.RemoteAddr, "path", r.URL.Path, "err", err)
		writeProblem(w, r, &operator.Problem{Type: operator.ProblemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
		return
	}
	if err := h.authorize(r); err != nil {
		h.log.Warn("refused a call without the token", "from", r.RemoteAddr, "path", r.URL.Path)
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeProblem(w, r, operator.NewProblem(err))
		return
	}
	h.letPeer(w, r)
	if !rt.check {
		select {
		case h.calls <- struct{}{}:
			defer func() { <-h.calls }()
		default:
			writeProblem(w, r, &operator.Problem{Type: operator.ProblemType + "busy", Title: "Too many calls at the same time", Status: http.StatusTooManyRequests})
			return
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := rt.do(h, w, r); err != nil {
		writeProblem(w, r, operator.NewProblem(err))
	}
}

func (h *handler) holdsRight() bool {
	right := h.host.Right()
	return right.Holds(right.Epoch, h.clock())
}
