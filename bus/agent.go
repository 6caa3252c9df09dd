package bus

import (
	"time"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/storage/position"
)

// AgentUser is the user name of hosts at an agent. The password is the terminal's key.
const AgentUser = "host"

// AgentHello opens a session and keeps it alive: a warm session repeats it every few seconds.
type AgentHello struct {
	Levels      level.Range    `json:"levels"` // that the host knows
	PairID      string         `json:"pair_id"`
	Host        string         `json:"host"`
	Identity    string         `json:"identity"`
	Incarnation uint64         `json:"incarnation"`        // of the terminal-if process
	Services    []AgentService `json:"services,omitempty"` // that the host has now
}

// AgentService is what the applications of a terminal may know of a service.
type AgentService struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	Description string   `json:"description,omitempty"`
	Operations  []string `json:"operations"`
}

// AgentWelcome answers an AgentHello. Error names the reason of a refusal: another pair, or no common level.
type AgentWelcome struct {
	Levels   level.Range `json:"levels"` // that the agent knows
	Terminal string      `json:"terminal"`
	Epoch    uint64      `json:"epoch"`            // highest accepted
	Active   string      `json:"active,omitempty"` // host attached now
	Fresh    bool        `json:"fresh"`            // its connection is open
	Recent   int         `json:"busy,omitempty"`   // requests of the last seconds
	Error    string      `json:"error,omitempty"`
	// Directory is the random identity of its directory, made once.
	Directory string `json:"directory,omitempty"`
	// Unnumbered: its directory is new, and a host has to say where the numbers of its requests begin (AgentAttach.Base).
	Unnumbered bool `json:"unnumbered,omitempty"`
	// QueueUnnumbered is the same of the requests of its queue (AgentAttach.QueueBase).
	QueueUnnumbered bool `json:"queue_unnumbered,omitempty"`
}

// New reports whether the agent must be told its first request number.
func (w *AgentWelcome) New() bool { return w.Unnumbered || w.QueueUnnumbered }

// AgentAttach asks to serve the terminal in an epoch. A lower epoch than the agent knows is refused; a higher one replaces the session; an
// equal one needs the same identity and a higher counter.
type AgentAttach struct {
	PairID   string         `json:"pair_id"`
	Host     string         `json:"host"`
	Identity string         `json:"identity"`
	Epoch    uint64         `json:"epoch"`
	Counter  uint64         `json:"counter"`
	Session  string         `json:"session"`            // random; names the subjects of requests and answers
	Services []AgentService `json:"services,omitempty"` // as in AgentHello
	Base     uint64         `json:"base,omitempty"`     // of an agent that is Unnumbered: its requests are numbered from here on
	// QueueBase is the same of one that is QueueUnnumbered. Queues: this host takes what is queued.
	QueueBase uint64 `json:"queue_base,omitempty"`
	Queues    bool   `json:"queues,omitempty"`
}

// AgentAttached answers an AgentAttach. Gap is how long waiting requests went unanswered before the attach. Notices
// is what the terminal has of its notices; nil from an agent whose program has no notices.
type AgentAttached struct {
	OK      bool            `json:"ok"`
	Epoch   uint64          `json:"epoch"` // highest accepted
	Waiting int             `json:"waiting"`
	Gap     time.Duration   `json:"gap_ns"`
	Error   string          `json:"error,omitempty"`
	Notices *notices.Cursor `json:"notices,omitempty"`
}

// AgentDetach ends a session politely: the agent keeps requests for the next attach.
type AgentDetach struct {
	Session string `json:"session"`
}

// AgentDetached answers an AgentDetach.
type AgentDetached struct {
	Error string `json:"error,omitempty"`
}

// AgentFreshRequest asks whether a session of a host other than Identity is fresh: it is connected and, with Look, its
// host answers.
type AgentFreshRequest struct {
	Identity string        `json:"identity"`
	Look     time.Duration `json:"look_ns,omitempty"` // how long it may take to
}

// AgentFresh answers an AgentFreshRequest.
type AgentFresh struct {
	Fresh bool   `json:"fresh"`
	Host  string `json:"host,omitempty"`
	Epoch uint64 `json:"epoch"`
}

// AgentChange is pushed when the attached session comes or goes.
type AgentChange struct {
	Fresh  bool   `json:"fresh"`
	Host   string `json:"host,omitempty"`
	Epoch  uint64 `json:"epoch"`
	Recent int    `json:"busy,omitempty"` // requests of the last seconds
}

// ReceiptsRequest asks for the agent's last receipts; BeforeAttach for those before the last attach, which newer ones soon push out.
type ReceiptsRequest struct {
	Limit        int  `json:"limit"`
	BeforeAttach bool `json:"before_attach,omitempty"`
}

// Receipts answers a ReceiptsRequest, newest last.
type Receipts struct {
	Receipts []Receipt `json:"receipts"`
}

// Receipt is an acknowledgement that the agent passed to an app.
type Receipt struct {
	Counter  uint64            `json:"counter,omitempty"`
	App      string            `json:"app,omitempty"`
	Position position.Position `json:"position"`
	Code     []byte            `json:"code,omitempty"` // Reply.Receipt
}
