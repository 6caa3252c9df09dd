package operator

import (
	"log/slog"
	"maps"
	"net/http"

	"github.com/hotpair/hotpair/services/lease"
)

// dataRoutes are the paths about the data of the pair.
func dataRoutes() map[string]route {
	return map[string]route{
		PathTerminals:       {http.MethodGet, false, (*handler).terminals},
		PathTerminalsAdd:    {http.MethodPost, false, (*handler).addTerminals},
		PathTerminalsRemove: {http.MethodPost, false, (*handler).removeTerminals},
		PathTerminalsProbe:  {http.MethodPost, false, (*handler).probeTerminals},
		PathVerify:          {http.MethodGet, false, (*handler).verifyState},
		PathVerifyBegin:     {http.MethodPost, false, (*handler).verify},
		PathDiverged:        {http.MethodGet, false, (*handler).diverged},
		PathBackup:          {http.MethodPost, false, (*handler).backup},
		PathVerifyStop:      {http.MethodPost, false, (*handler).stopVerify},
	}
}

// decisionRoutes are the paths about who serves.
func decisionRoutes() map[string]route {
	return map[string]route{
		PathDoctor:         {http.MethodGet, false, (*handler).doctor},
		PathSchedule:       {http.MethodPost, false, (*handler).schedule},
		PathScheduleCancel: {http.MethodPost, false, (*handler).cancelSchedule},
		PathExplain:        {http.MethodGet, false, (*handler).explain},
		PathPromotePlan:    {http.MethodGet, false, (*handler).promotePlan},
		PathPromote:        {http.MethodPost, false, (*handler).promote},
		PathAdmit:          {http.MethodPost, false, (*handler).admitReplaced},
		PathPause:          {http.MethodPost, false, (*handler).pause},
		PathResume:         {http.MethodPost, false, (*handler).resume},
	}
}

const (
	maxBody  = 64 << 10 // bytes of a request's body
	maxCalls = 32       // calls under way at the same time, health checks not counted
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

func (h *handler) holdsRight() bool {
	right := h.host.Right()
	return right.Holds(right.Epoch, h.clock())
}
