package web

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/access"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/refusals"
)

const (
	maxBody = 64 << 10 // bytes of a request's body
	// Calls under way at the same time, health checks not counted: in all, of one address among them, and beside them of those who may
	// act.
	maxCalls    = 32
	maxFrom     = 24
	maxReserved = 8
	// turnWithin is how long a costly call waits for the end of another one of its kind.
	turnWithin = 2 * time.Second
)

// handler answers HTTP for a Host.
type handler struct {
	host    Host
	backups Backups
	flow    Live
	routes  map[string]route
	clock   lease.Clock
	log     *slog.Logger
	origin  *http.CrossOriginProtection
	gate    Gate
	reasons bool // calls that change something need a reason
	pages   map[string]http.Handler
	guarded map[string]operator.Role // pages that need a role
	names   []string
	calls   *places
	streams *places
	refused *refusals.Counter
	trail   Trail
	turns   map[string]*semaphore.Weighted // of what costs much, by name
}

// route is what one path does. do writes the answer itself or returns an error, not both.
type route struct {
	operator.Info
	check bool // a health check: cheap, never refused as overloaded
	do    func(h *handler, w http.ResponseWriter, r *http.Request) error
	open  bool // public: it shows nothing of the pair
}

// ownRoutes are the routes that are no operations: checks for load balancers, streams, and the document. They have
// their own deadlines.
func ownRoutes() []route {
	own := func(role operator.Role, path, says string, request, answer any, check bool, do func(*handler, http.ResponseWriter, *http.Request) error) route {
		return route{operator.Info{Name: strings.TrimPrefix(path, "/api/v1"), Method: http.MethodGet, Path: path, Where: operator.Own, Role: role, Says: says,
			Request: reflect.TypeOf(request), Answer: reflect.TypeOf(answer)}, check, do, false}
	}
	// A caller that logs in has no identity yet.
	door := func(path, says string, request, answer any, do func(*handler, http.ResponseWriter, *http.Request) error) route {
		rt := own("", path, says, request, answer, false, do)
		rt.Method, rt.open = http.MethodPost, true
		return rt
	}
	document := own(operator.Anyone, PathOpenAPI, "This document.", operator.None{}, "", false, (*handler).openAPI)
	document.open = true
	return []route{
		own(operator.Anyone, PathLive, "200 while main answers.", Check{}, "", true, (*handler).live),
		own(operator.Anyone, PathReady, "200 while this host does its part: as active, or as a standby that could take over now.", Check{}, "", true, (*handler).ready),
		own(operator.Anyone, PathActive, "200 only on the active, under the same right by which answers leave. With lag: only while the other host lacks no more than so many updates.", Check{}, "", true, (*handler).active),
		own(operator.Anyone, PathStandby, "200 only on an in-sync standby. With lag: only while its database is no more than so many updates behind its journal.", Check{}, "", true, (*handler).standby),
		own(operator.View, PathStream, "Live state as server-sent events: status (a Status, at each change and each second), peer (the other host's), event (an Event, with an id to resume after), point (a Point of either host).", operator.None{}, Stream{}, true, (*handler).stream),
		document,
		door(PathLogin, "Begins a session of the console with the token of an operator: the answer sets a cookie. It ends after twelve hours, after one hour without use, or with its token.", Login{}, operator.Person{}, (*handler).login),
		door(PathLogout, "Ends the session whose cookie the call carries.", operator.None{}, operator.None{}, (*handler).logout),
	}
}

// routes returns the route of each path.
func routes(served []registry.Served) map[string]route {
	all := map[string]route{operator.CallBackup.Path: {Info: operator.CallBackup.Info(), do: (*handler).backup}}
	for _, rt := range ownRoutes() {
		all[rt.Path] = rt
	}
	for _, s := range served {
		all[s.Path] = route{Info: s.Info, do: func(h *handler, w http.ResponseWriter, r *http.Request) error { return h.operate(s, w, r) }}
	}
	return all
}

// NewHandler returns the HTTP interface of a host; it uses the config except Listen.
func NewHandler(c ServerConfig) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	turns := map[string]*semaphore.Weighted{}
	for _, s := range c.Operations.Served() {
		if s.Costly {
			turns[s.Name] = semaphore.NewWeighted(1)
		}
	}
	return &handler{
		turns: turns, refused: c.Refused, trail: c.Trail, host: c.Host, backups: c.Backups, flow: c.Live, routes: routes(c.Operations.Served()), clock: c.Clock, log: c.Log, gate: c.Gate, reasons: c.Reasons, pages: c.Pages, guarded: c.Guarded, names: c.Names,
		origin: http.NewCrossOriginProtection(), calls: newPlaces(maxCalls, maxFrom, maxReserved), streams: newPlaces(maxStreams, maxStreamsFrom, maxReserved),
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	rt, known := h.routes[r.URL.Path]
	if !known && h.page(w, r) {
		return
	}
	if !known {
		h.refuse(w, r, &operator.Problem{Type: "about:blank", Title: "Not found", Status: http.StatusNotFound, Detail: "there is nothing at this path; " + operator.CallStatus.Path + " has the state of the pair"})
		return
	}
	if r.Method != rt.Method && (r.Method != http.MethodHead || rt.Method != http.MethodGet) {
		w.Header().Set("Allow", rt.Method)
		h.refuse(w, r, &operator.Problem{Type: "about:blank", Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Detail: r.URL.Path + " takes " + rt.Method})
		return
	}
	if err := h.admit(r); err != nil {
		h.log.Warn("refused a call from another origin", "from", r.RemoteAddr, "path", r.URL.Path, "err", err)
		h.tellRefused(r, operator.Person{}, rt.Name, err)
		h.refuse(w, r, &operator.Problem{Type: operator.ProblemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
		return
	}
	if !rt.open {
		let, err := h.authorize(r, rt.Name, rt.Role)
		if err != nil {
			h.turnAway(w, r, err)
			return
		}
		r = let
	}
	if !rt.check {
		leave := h.calls.take(r, person(r).Role.May(operator.Operate))
		if leave == nil {
			h.refuse(w, r, overloaded("callers with the role operate or admin have reserved places"))
			return
		}
		defer leave()
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := rt.do(h, w, r); err != nil {
		h.refuse(w, r, operator.NewProblem(err))
	}
}

// turnAway refuses a call that the caller may not make.
func (h *handler) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	h.log.Warn("refused a call", "from", access.From(r), "path", r.URL.Path, "err", err)
	p := operator.NewProblem(err)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	h.refuse(w, r, p)
}

// busy is the problem of a call for which there is no room now.
func overloaded(detail string) *operator.Problem {
	return &operator.Problem{Type: operator.ProblemType + "busy", Title: "Too many calls at the same time", Status: http.StatusTooManyRequests, Detail: detail}
}

// turn waits until no other call of a costly operation is under way; leave ends the turn.
func (h *handler) turn(ctx context.Context, o operator.Info) (leave func(), err error) {
	one := h.turns[o.Name]
	if one == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	if one.Acquire(ctx, 1) != nil {
		return nil, overloaded(o.Name + " is being answered to somebody else, and costs the host so much that this is done one at a time; ask again")
	}
	return func() { one.Release(1) }, nil
}

func (h *handler) holdsRight() bool {
	right := h.host.Right()
	return right.Holds(right.Epoch, h.clock())
}
