package conformance

import "context"

// rule is one thing that the protocol asks of a program.
type rule struct {
	name    string
	heading string // of the protocol
	asks    string
	try     func(context.Context, *suite) verdict
}

// Headings of the protocol.
const (
	started  = "Being started"
	asked    = "A request"
	calling  = "A call to the updater"
	handling = "What a handler does"
)

// rules are all rules, in the order of the test. All others depend on the first one.
var rules = []rule{
	{"starts", started, "it starts, and answers a ping under the name of the service", nil},
	{"describes", started, "it announces its operations", describes},
	{"ready", started, "once it answers a ping it listens to every operation", ready},
	{"waits", started, "it waits for servers that are not up yet", waits},
	{"requests-back", started, "it continues when the server of the requests ends and comes back", requestsBack},
	{"updater-back", started, "it continues when the updater ends and comes back", updaterBack},
	{"ends", started, "told to end, it ends within five seconds; requests in progress take effect once", ends},

	{"answers", asked, "it answers each request as expected", answers},
	{"answers-once", asked, "it answers each request once", answersOnce},
	{"sentences", asked, "an answer is JSON; an error has a code and a message", sentences},
	{"malformed", asked, "it answers malformed bodies, and continues", malformed},
	{"unknown-names", asked, "it answers unknown fields with 400", unknownNames},
	{"unknown-operation", asked, "it answers an unknown operation with 404", unknownOperation},
	{"at-once", asked, "it answers simultaneous requests, even while the updater is slow", atOnce},
	{"deadline", asked, "when the deadline passes during a commit it answers 504, and the next attempt takes effect once", deadline},

	{"well-formed", calling, "its calls can be read", wellFormed},
	{"busy", calling, "it repeats a call that was not executed (429, 503)", overloaded},
	{"refused", calling, "a permanent refusal by the updater becomes its answer (410, 413)", refusedCalls},

	{"ticket", handling, "1: each call of an operation that writes has the ticket of its request", ticketPassed},
	{"recorded", handling, "1: a repeated request gets the recorded answer, with its proof", recorded},
	{"id-reused", handling, "1: another request under a used id is answered 409", idReused},
	{"one-commit", handling, "2: one commit for each request, with the answer in it", oneCommit},
	{"conditions", handling, "2: everything read is a condition of the commit", conditions},
	{"proof", handling, "2: the answer has the proof of the commit", proofs},
	{"records-outcomes", handling, "3: above attempt 1 every outcome is recorded, errors too", recordsOutcomes},
	{"records-own-ids", handling, "3: under an app's own id every outcome is recorded, errors too", recordsOwnIDs},
	{"reads-unrecorded", handling, "3: reads are never recorded", readsUnrecorded},
	{"crashes", handling, "3: a request that was in flight at three crashes is not run, and its 500 is recorded", crashes},
	{"unknown-outcome", handling, "4: a commit of unknown outcome (500, 504) is found by its ticket, or made", unknownOutcome},
	{"lost-answer", handling, "4: a commit whose answer is lost takes effect once", lostAnswer},
	{"lost-call", handling, "4: a commit call that is lost takes effect once", lostCall},
	{"crash-before", handling, "5: killed before its commit, it executes the repeated request once", crashBefore},
	{"crash-after", handling, "5: killed after its commit, it repeats the answer", crashAfter},
	{"one-position", handling, "6: a second read repeats the keys of the first", onePosition},
	{"conflict", handling, "7: a conflicting commit is repeated, starting with the read", conflict},
	{"conflicts-bounded", handling, "7: a request that conflicts each time is answered 429", conflictsBounded},
	{"timer", calling, "the run of a timer removes the timer; if it was moved the answer is 410", timerRuns},

	{"subjects", started, "it uses only its subjects and its inbox", subjects},
}

// RuleNames lists the rules.
func RuleNames() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}
