package web

import (
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
)

// Agent is what is asked of the agent behind the door.
type Agent interface {
	// Ask takes a request. answer is called at most once: not when the agent ends before. It must not block.
	Ask(q Question, answer func(bus.Reply))
	// Kept gives the notices after a number, as JSON of notice.Kept. The error says that there never was that number, or that they
	// can't be read.
	Kept(after notice.After) ([]byte, error)
	// Last is the number of the last notice, 0 before the first.
	Last() uint64
	// Changed is closed when there is another notice, or somebody else serves, than at the call.
	Changed() <-chan struct{}
	// Status says how the terminal is served.
	Status() Status
	// Metrics is a page of figures, as Prometheus reads it.
	Metrics() []byte
	// Results are the outcomes of queued requests that came last. Changed is closed for each.
	Results() *Results
	// Services are what there is to ask, as the host has told that serves, or that served last.
	Services() []bus.AgentService
}

// Queue is what is asked of the agent's queue.
type Queue interface {
	// Queued says what came of requests that were queued, in an answer that is as one of a service: of one as JSON of queue.Told, of those
	// after a number as JSON of queue.Results.
	Queued(q Wanted) bus.Reply
	// Forget has a request that was queued forgotten, which is over. answer is as in Ask.
	Forget(id string, answer func(bus.Reply))
}

// Wanted is what of requests that were queued somebody wants to know: what came of one, by its id or by the key that it was queued under, or
// else of those whose outcomes came after a number.
type Wanted struct {
	ID, Key string
	After   notice.After
}

// Question is a request of an application. What it may say is for the agent to judge.
type Question struct {
	App                string // who asks, as far as that is known
	Service, Operation string
	Header             map[string][]string // those that begin with Hotpair-
	Body               []byte
}

// Status is how a terminal is served.
type Status struct {
	Terminal string    `json:"terminal"`
	Words    string    `json:"words"` // all of it in a sentence or two
	Serves   bool      `json:"serves"`
	Since    time.Time `json:"since"`          // when that began to be so
	Host     string    `json:"host,omitempty"` // that serves, or served last
	Epoch    uint64    `json:"epoch,string"`   // the highest that was there
	// Waiting counts the requests without an answer; OldestMS is how long the first of them has waited.
	Waiting  int   `json:"waiting"`
	OldestMS int64 `json:"oldest_ms,omitempty"`
	// Queued counts the requests that are kept here until a host has done them, Unknown those that are over and of which nobody knows
	// whether they took effect: look at the data, then forget them (DELETE /v1/queue/<id>).
	Queued  int `json:"queued,omitempty"`
	Unknown int `json:"unknown,omitempty"`
	// Quarantined names files in the agent's directory with requests that were queued and can't be done: damaged, or another terminal's.
	Quarantined []string `json:"set_aside,omitempty"`
	// LastNotice is the number of the last one.
	LastNotice uint64 `json:"last_notice,string"`
	// LastTakeover is when another host took over last while this agent ran, LastOutage when the same one was away and came back.
	LastTakeover *Interruption `json:"last_takeover,omitempty"`
	LastOutage   *Interruption `json:"last_outage,omitempty"`
	Now          time.Time     `json:"now"` // by this machine's clock
}

// Interruption is a time without a host, or the moment in which one followed on another.
type Interruption struct {
	At      time.Time `json:"at"` // its end
	From    string    `json:"from"`
	To      string    `json:"to"`
	AwayMS  int64     `json:"away_ms"` // how long no host was attached
	Waiting int       `json:"waiting"` // requests that were sent again to the one that came
	// FeltMS is how long no request was answered while some waited; 0: none did.
	FeltMS int64 `json:"felt_ms"`
	// GivenUp is how many requests of applications got no answer but that their deadline had passed, while no host was attached. FeltMS knows
	// nothing of them.
	GivenUp int `json:"given_up,omitempty"`
}
