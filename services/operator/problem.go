package operator

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// ProblemType begins the type of every Problem of a hotpair host.
const ProblemType = "urn:hotpair:problem:"

// kinds are the sentinels that cross HTTP, each with its status and title. The type ends with the sentinel's code.
func kinds() []kind {
	return []kind{
		{ErrUsage, http.StatusBadRequest, "The request was not understood"},
		{ErrToken, http.StatusUnauthorized, "The token is missing or wrong"},
		{ErrRole, http.StatusForbidden, "The role does not allow it"},
		{certificates.ErrNoAuthority, http.StatusConflict, "The pair does not issue its own certificates"},
		{ErrRefused, http.StatusConflict, "Refused"},
		{ErrForward, http.StatusBadGateway, "The other host can't be reached over the link"},
		{ErrUnfinished, http.StatusInternalServerError, "Begun, but not finished as requested"},
		{ErrUnavailable, http.StatusServiceUnavailable, "A part of the host is down"},
		{context.DeadlineExceeded, http.StatusGatewayTimeout, "No answer in time; the call may still take effect"},
	}
}

type kind struct {
	err    error
	status int
	title  string
}

// Problem is an error as HTTP answers carry it (RFC 9457). As an error it is the sentinel that it was made from.
type Problem struct {
	Type     string      `json:"type"`
	Title    string      `json:"title"`
	Status   int         `json:"status"`
	Detail   string      `json:"detail,omitempty"`
	Instance string      `json:"instance,omitempty"` // path of the call
	ID       string      `json:"id,omitempty"`       // of the call, as in the host's log
	Result   *Switchover `json:"result,omitempty"`   // what was done before it failed
}

// NewProblem returns the Problem for an error of a Host.
func NewProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range kinds() {
		if errors.Is(err, k.err) {
			// The title already says the sentinel's own words.
			return &Problem{Type: ProblemType + fault.Codes(k.err)[0], Title: k.title, Status: k.status, Detail: strings.TrimPrefix(err.Error(), k.err.Error()+": ")}
		}
	}
	return &Problem{Type: ProblemType + "fault", Title: "Fault", Status: http.StatusInternalServerError, Detail: err.Error()}
}

// Error returns detail or title, safe for a terminal.
func (p *Problem) Error() string {
	// The text may come from a host over the network and be printed on a terminal.
	return wording.Printable(wording.Or(p.Detail, p.Title))
}

// Is reports whether the Problem was made from the sentinel, compared by its code.
func (p *Problem) Is(target error) bool {
	codes := fault.Codes(target)
	return len(codes) == 1 && p.Type == ProblemType+codes[0]
}
