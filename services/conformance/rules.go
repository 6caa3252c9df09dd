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

// rules are all of them, in the order in which they are tried. The first one is what everything else rests on.
var rules = []rule{
	{"starts", started, "it starts, and answers a ping under the name of the service", nil},
	{"describes", started, "it says which operations it has", describes},
	{"ready", started, "once it answers a ping it listens to every operation", ready},
	{"waits", started, "it waits for servers that do not listen yet", waits},
	{"requests-back", started, "it goes on when the server that requests come from goes and comes back", requestsBack},
	{"updater-back", started, "it goes on when the updater goes and comes back", updaterBack},
	{"ends", started, "told to end, it is gone within five seconds; what it was doing happens once", ends},

	{"answers", asked, "it answers each request, as it is expected to", answers},
	{"answers-once", asked, "it answers each request once", answersOnce},
	{"sentences", asked, "an answer is JSON; an error has a code and a sentence", sentences},
	{"malformed", asked, "it answers bodies that are not what it awaits, and goes on", malformed},
	{"unknown-names", asked, "it refuses names that it does not know with 400", unknownNames},
	{"unknown-operation", asked, "it answers an operation that it does not have with 404", unknownOperation},
	{"at-once", asked, "it answers requests that come at the same time, also while the updater is slow", atOnce},
	{"deadline", asked, "when the deadline passes in a commit it answers 504, and the next attempt takes effect once", deadline},

	{"well-formed", calling, "its calls can be read", wellFormed},
	{"busy", calling, "it makes a call again that was not executed (429, 503)", overloaded},
	{"refused", calling, "what the updater refuses for good it answers so (410, 413)", refusedCalls},

	{"ticket", handling, "1: each call of an operation that writes has the ticket of its request", ticketPassed},
	{"recorded", handling, "1: a request that comes again gets the answer that is recorded, with its proof", recorded},
	{"id-reused", handling, "1: another request under a used id is answered 409", idReused},
	{"one-commit", handling, "2: one commit for each request, with the answer in it", oneCommit},
	{"conditions", handling, "2: everything that was read is a condition of the commit", conditions},
	{"proof", handling, "2: the answer has the proof of the commit", proofs},
	{"records-outcomes", handling, "3: above attempt 1 every outcome is recorded, errors too", recordsOutcomes},
	{"records-own-ids", handling, "3: under an app's own id every outcome is recorded, errors too", recordsOwnIDs},
	{"reads-unrecorded", handling, "3: reads are never recorded", readsUnrecorded},
	{"crashes", handling, "3: a request that was in flight at three crashes is not run, and its 500 is recorded", crashes},
	{"unknown-outcome", handling, "4: a commit of unknown outcome (500, 504) is found by its ticket, or made", unknownOutcome},
	{"lost-answer", handling, "4: a commit whose answer is lost takes effect once", lostAnswer},
	{"lost-call", handling, "4: a commit that is lost on its way takes effect once", lostCall},
	{"crash-before", handling, "5: killed before its commit, it does the repeated request once", crashBefore},
	{"crash-after", handling, "5: killed after its commit, it repeats the answer", crashAfter},
	{"one-position", handling, "6: a second read asks for the keys of the first again", onePosition},
	{"conflict", handling, "7: a commit that lost is made again, from the read on", conflict},
	{"conflicts-bounded", handling, "7: a request that loses each time is answered 429", conflictsBounded},
	{"timer", calling, "the run of a timer takes the timer away; where that was moved it answers 410", timerRuns},

	{"subjects", started, "it keeps to the subjects and the inbox that it was given", subjects},
}

// RuleNames lists the rules.
func RuleNames() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}
