// Package screening checks a terminal's requests before they go to a service.
package screening

import (
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/requestid"
	"github.com/hotpair/hotpair/services/strictjson"
)

const (
	// MaxBody bounds the body of a request, in bytes; the agent refuses larger ones with 413.
	MaxBody = 1 << 20
	// Longest is more than any deadline an agent grants.
	Longest = 6 * time.Minute
)

// Series names the series of numbers that a terminal's request belongs to.
func Series(terminal string, q *bus.Request) string {
	if q.Queued {
		return bus.QueueSeries(terminal)
	}
	return terminal
}

// Check returns why a request can't go to a service, "" if it can. The agent checks the same; it is repeated here
// because a terminal is not trusted. It corrects fields that affect only the terminal's own service.
func Check(q *bus.Request) string {
	switch {
	case !bus.ValidName(q.Service), !bus.ValidName(q.Operation):
		return "the name of the service or operation is invalid"
	case (q.ID.Counter == 0) == (q.ID.App == ""), q.Queued && q.ID.App != "":
		return "the request has no id, or more than one"
	case len(q.Body) > MaxBody:
		return "the body is too large"
	}
	if q.ID.App != "" {
		if _, err := requestid.Issued(q.ID.App); err != nil {
			return err.Error()
		}
	}
	if err := strictjson.Check(q.Body); err != nil {
		return "the body: " + err.Error()
	}
	// The request is unanswered itself, so its terminal waits for it too. One under an app's id says nothing of numbers.
	q.Oldest = min(q.Oldest, q.ID.Counter)
	q.Attempt = max(q.Attempt, 1)
	q.Remaining = min(max(q.Remaining, 1), int64(Longest))
	return ""
}
