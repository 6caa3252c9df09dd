// Package web is the HTTP server of a terminal's agent: for programs without a NATS client, and for pages in a browser
// of this machine.
//
//	POST /v1/<service>/<operation>  a request; the answer, or a problem whose status is the error code
//	GET  /v1/notices                the notices to this terminal, as server-sent events
//	GET  /v1/queue                  the state of queued requests: of one, or of those after a number
//	GET  /v1/status                 the active host, since when, what waits, how long the last takeover was felt
//	GET  /v1/services               the services and their operations
//	GET  /…                         the files of a kiosk; without any, a page with the state and a form for requests
//
// Otherwise a request is like one over NATS: same id, same deadline, same bounds, and executed even if its sender
// disconnects. The [Agent] does the work; this package only translates.
//
// Admitted are: only this machine, and of the pages in its browsers only those of this server itself and of the listed
// origins. The Host header must name this machine, so that no page can point its own name here.
//
// A token may be required under /v1/. It is sent as Bearer, also for notices: a page reads them with fetch. It is not a
// cookie, because browsers send a cookie of localhost to every port of it, another user's program too.
package web
