package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/hotpair/hotpair/bus"
)

// problemType is the prefix of every problem's type.
const problemType = "urn:hotpair:terminal:"

// Whether a request that was answered with a problem has done anything.
const (
	doneNothing = "nothing"
	doneUnknown = "unknown"
)

// problem is an answer that is none (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   int    `json:"code"`   // of the service or of the agent, as over NATS; as a rule the status
	Detail string `json:"detail"` // what happened
	Do     string `json:"do,omitempty"`
	// Done says what the request has done: "nothing", or "unknown".
	Done string `json:"done"`
	ID   string `json:"id,omitempty"` // of the request, if it brought one
}

// kind is what a code means to an application.
type kind struct {
	name, title, do, done string
}

// kinds are the codes that mean the same whatever service is asked.
var kinds = map[int]kind{
	bus.CodeMalformed:  {"malformed", "The request is malformed", "Correct it as the detail says, and send it again.", doneNothing},
	bus.CodeForbidden:  {"forbidden", "The request is not allowed", "Send another request, or have the operator allow it.", doneNothing},
	bus.CodeAbsent:     {"absent", "No such service, operation or object", "GET /v1/services lists the services and operations.", doneNothing},
	bus.CodeConflict:   {"conflict", "The request conflicts with the current state", "Check the current state, then decide. Give each request its own id.", doneNothing},
	bus.CodeTooOld:     {"too-old", "The id is too old to tell whether the request was executed", "Check the data, then decide.", doneUnknown},
	bus.CodeTooLarge:   {"too-large", "The request or its answer is too large", "Request less at a time.", doneNothing},
	bus.CodeOverloaded: {"busy", "Overloaded", "Wait a little, then send it again.", doneNothing},
	bus.CodeFault:      {"fault", "A fault of the service", "If you gave it an id, send it again once with the same id: the same answer is final, and nothing was done. Otherwise check the data.", doneUnknown},
	bus.CodeNobody:     {"nobody", "No host served this terminal before the deadline", "Send it again.", doneNothing},
	bus.CodeFull:       {"full", "The queue of this terminal is full", "GET /v1/status shows what waits; wait until a host has executed some of it.", doneNothing},
	bus.CodeUnknown:    {"unknown", "It is unknown whether the request was executed", "If you gave it an id, send it again with the same id; otherwise check the data.", doneUnknown},
}

// HTTP statuses start at 400; a service's code that is not a status is sent with ofService.
const (
	lowest    = 400
	highest   = 599
	ofService = http.StatusUnprocessableEntity
)

// failed is the problem for what the agent or a service answered.
func failed(code int, sentence string) *problem {
	k, known := kinds[code]
	if !known {
		k = kind{"service", "The service refused the request", "See the detail, which is the service's message.", doneNothing}
	}
	status := code
	if code < lowest || code > highest {
		status = ofService
	}
	return &problem{Type: problemType + k.name, Title: k.title, Status: status, Code: code, Detail: sentence, Do: k.do, Done: k.done}
}

// refusal is a problem of the door itself: nothing was done.
func refusal(status int, name, title, detail, do string) *problem {
	return &problem{Type: problemType + name, Title: title, Status: status, Code: status, Detail: detail, Do: do, Done: doneNothing}
}

// retryAfter is when to ask again of what has no place just now, in seconds.
const retryAfter = 1

// tell answers with a problem.
func (p *problem) tell(w http.ResponseWriter) {
	text, err := json.Marshal(p)
	if err != nil { // it has nothing that can't be written
		http.Error(w, p.Detail, p.Status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(text) // who does not read it does not get it
}
