package web

import (
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
)

// Agent is the agent that the server asks.
type Agent interface {
	// Ask sends a request. answer is called at most once: not if the agent ends first. It must not block.
	Ask(q Question, answer func(bus.Reply))
	// Kept returns the notices after a number, as JSON of notice.Kept. The error says that the number never existed,
	// or that they can't be read.
	Kept(after notice.After) ([]byte, error)
	// Last is the number of the last notice, 0 before the first.
	Last() uint64
	// Changed returns a channel that is closed at the next notice or change of the active host.
	Changed() <-chan struct{}
	// Status returns how the terminal is served.
	Status() Status
	// Metrics returns the Prometheus page.
	Metrics() []byte
	// Results returns the latest outcomes of queued requests. Changed is closed for each.
	Results() *Results
	// Services lists the services, as reported by the attached host, or the last one.
	Services() []bus.AgentService
}

// Queue is the agent's queue.
type Queue interface {
	// Queued answers a question for queued requests, in the form of a service's answer: for one as JSON of queue.Told,
	// for those after a number as JSON of queue.Results.
	Queued(q Wanted) bus.Reply
	// Forget removes a queued request that has its outcome. answer is as in Ask.
	Forget(id string, answer func(bus.Reply))
}

// Wanted selects queued requests: one by its id or key, or else those whose outcomes follow a number.
type Wanted struct {
	ID, Key string
	After   notice.After
}

// Question is a request of an application. The agent checks its contents.
type Question struct {
	App                string // the application, as far as known
	Service, Operation string
	Header             map[string][]string // those that begin with Hotpair-
	Body               []byte
}

// Status says how a terminal is served.
type Status struct {
	Terminal string    `json:"terminal"`
	Words    string    `json:"words"` // all of it in one or two sentences
	Serves   bool      `json:"serves"`
	Since    time.Time `json:"since"`          // of the present state
	Host     string    `json:"host,omitempty"` // the active host, or the last one
	Epoch    uint64    `json:"epoch,string"`   // the highest accepted
	// Waiting counts the requests without an answer; OldestMS is the age of the oldest.
	Waiting  int   `json:"waiting"`
	OldestMS int64 `json:"oldest_ms,omitempty"`
	// Queued counts the waiting queued requests, Unknown those with an unknown outcome: check the data, then remove
	// them (DELETE /v1/queue/<id>).
	Queued  int `json:"queued,omitempty"`
	Unknown int `json:"unknown,omitempty"`
	// Quarantined lists files in the agent's directory with queued requests that can't be executed: damaged, or
	// another terminal's.
	Quarantined []string `json:"set_aside,omitempty"`
	// LastNotice is the number of the last one.
	LastNotice uint64 `json:"last_notice,string"`
	// LastTakeover is the last attach of another host while this agent ran, LastOutage the last absence of a host that
	// came back.
	LastTakeover *Interruption `json:"last_takeover,omitempty"`
	LastOutage   *Interruption `json:"last_outage,omitempty"`
	Now          time.Time     `json:"now"` // by this machine's clock
}

// Interruption is a time without a host, or the change from one host to another.
type Interruption struct {
	At      time.Time `json:"at"` // its end
	From    string    `json:"from"`
	To      string    `json:"to"`
	AwayMS  int64     `json:"away_ms"` // how long no host was attached
	Waiting int       `json:"waiting"` // requests that were sent again to the new host
	// FeltMS is how long requests waited without any answer; 0: none did.
	FeltMS int64 `json:"felt_ms"`
	// GivenUp counts requests of applications whose deadline passed while no host was attached. FeltMS does not
	// include them.
	GivenUp int `json:"given_up,omitempty"`
}
