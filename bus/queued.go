package bus

import "strings"

// What an application says and hears of requests that are kept on its terminal's disk until they are done.
const (
	HeaderQueue    = "Hotpair-Queue"     // yes: keep it
	HeaderQueueKey = "Hotpair-Queue-Key" // the same is kept once
	HeaderLane     = "Hotpair-Lane"      // what is in one lane is done one after the other

	// SubjectQueueGet asks what came of one, SubjectQueueResults what has come of those after a number, SubjectQueueForget has one forgotten
	// that is over.
	SubjectQueueGet     = "queue.get"
	SubjectQueueForget  = "queue.forget"
	SubjectQueueResults = "queue.results"
	// TopicResult is the topic of the notices about them, of the service notice.System.
	TopicResult = "result"

	// CodeQueued answers a request that is kept; CodeFull says that there is no space for it.
	CodeQueued = 202
	CodeFull   = 507
)

// IsAgain reports whether a code says that a retry may succeed: such an answer is not stored for a queued request,
// which is sent again.
func IsAgain(code int) bool {
	return code == CodeAbsent || code == CodeOverloaded || code == CodeNobody || code == CodeUnknown
}

// queueSeries is a suffix that no name of a terminal has.
const queueSeries = "+queue"

// QueueSeries names the number series of a terminal's queue; that of its other requests has the terminal's name.
func QueueSeries(terminal string) string { return terminal + queueSeries }

// IsQueueSeries reports whether a series is that of a queue.
func IsQueueSeries(series string) bool { return strings.HasSuffix(series, queueSeries) }

// TerminalOf names the terminal of a series.
func TerminalOf(series string) string { return strings.TrimSuffix(series, queueSeries) }
