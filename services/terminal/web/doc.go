// Package web is the door of a terminal's agent for applications that speak HTTP: programs without a client of NATS, and pages in a
// browser of this machine.
//
//	POST /v1/<service>/<operation>  a request; the answer, or a problem whose status is the error code
//	GET  /v1/notices                what the pair tells this terminal, as server-sent events
//	GET  /v1/queue                  what came of requests that were queued: of one, or of those after a number
//	GET  /v1/status                 who serves, since when, what waits, how long the last takeover was felt
//	GET  /v1/services               what there is to ask
//	GET  /…                         the files of a kiosk; without any, a page that shows the state and lets one try a request
//
// A request that came here is in all else one that came over NATS: same id, same deadline, same bounds, and executed all the same when
// whoever sent it goes away. What the agent does is asked of it by [Agent]; nothing of it is done here.
//
// Who may come in: only this machine, and of what a browser lends to every page that it shows, only pages of this door itself and
// of the origins that are listed. The name asked for must be one of this machine, so that no page can point its own name here.
//
// A token may be required of all under /v1/. It is sent as Bearer, also for notices: a page reads them with fetch. Why no cookie:
// browsers give a cookie of localhost to whatever listens on any port of it, another user's program too.
package web
