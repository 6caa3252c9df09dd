package bus

import (
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// MaxTerminals bounds the table of terminals: it travels to terminal-if as one message.
const MaxTerminals = 20_000

// TableRow is one terminal of the table.
type TableRow struct {
	ID      string    `json:"id"`
	Address string    `json:"address"`        // nats://host:port
	Added   time.Time `json:"added,omitzero"` // on the wall clock of the host that served
	By      string    `json:"by,omitempty"`   // who added it: the client's address, or "environment"
}

// TableRequest asks for a page of the table, behind After in the order of ids. Limit ≤ 0 is the default.
type TableRequest struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// TablePage answers it. Revision 0: there is no table, the terminals are those of the environment. Otherwise it rises with
// each change, so pages of one list carry the same.
type TablePage struct {
	Revision uint64            `json:"revision"`
	Position position.Position `json:"position"` // committed, at which it was read
	Rows     []TableRow        `json:"rows"`
	More     bool              `json:"more,omitempty"`
}

// TableChange orders a change of the table: all of it or nothing. Initial are the terminals of the environment, which
// the first change ever makes the beginning of the table.
type TableChange struct {
	Add     []TableRow `json:"add,omitempty"`
	Remove  []string   `json:"remove,omitempty"`
	Initial []TableRow `json:"initial,omitempty"`
}

// TableChanged answers it. ErrRefused: nothing was changed, because of what the table holds; after any other error it may have
// been, if that was a deadline.
type TableChanged struct {
	Revision uint64            `json:"revision"`
	Position position.Position `json:"position"`
	Began    bool              `json:"began,omitempty"` // this change began the table
	Total    int               `json:"total"`
}

// SetTerminals gives terminal-if the terminals to dial. Terminals that are not in it are detached and left alone; the
// others keep their sessions.
type SetTerminals struct {
	Revision  uint64     `json:"revision"`
	Terminals []TableRow `json:"terminals"`
}

// ListTerminals asks terminal-if for the state of its terminals after the id After, in the order of ids.
type ListTerminals struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// ListedTerminals answers it.
type ListedTerminals struct {
	Terminals []TerminalDetail `json:"terminals"`
	Total     int              `json:"total"`
	More      bool             `json:"more,omitempty"`
}

// TerminalDetail is one terminal as a host sees it.
type TerminalDetail struct {
	TerminalStatus
	Since time.Time `json:"since,omitzero"` // when State was entered, on the host's wall clock
	// What the agent said last: who is attached, whether that connection is open, the highest epoch it has accepted.
	Active string        `json:"active,omitempty"`
	Fresh  bool          `json:"fresh,omitempty"`
	Epoch  uint64        `json:"epoch,omitempty"`
	RTT    time.Duration `json:"rtt_ns,omitempty"` // of the last greeting
	// LastError is why it was lost or not reached last, also when all is well again.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// ProbeTerminals orders terminal-if to dial terminals now, on connections of their own: these, or those behind After in
// the order of ids. Limit ≤ 0 is the default.
type ProbeTerminals struct {
	IDs   []string `json:"ids,omitempty"`
	After string   `json:"after,omitempty"`
	Limit int      `json:"limit,omitempty"`
	// Epoch is the highest that the host knows; 0: a higher one at a terminal is not remarked on.
	Epoch uint64 `json:"epoch,omitempty"`
	// Rows are terminals that need not be in the list: what somebody is about to add.
	Rows []TableRow `json:"rows,omitempty"`
}

// ProbedTerminals answers it.
type ProbedTerminals struct {
	Terminals []TerminalProbe `json:"terminals"`
	Unknown   []string        `json:"unknown,omitempty"` // ids that are not in the list
	Total     int             `json:"total"`
	More      bool            `json:"more,omitempty"`
}

// Outcomes of probing a terminal.
const (
	ProbeOK          = "ok"
	ProbeRefused     = "refused"      // nobody listens there
	ProbeUnreachable = "unreachable"  // no way there, or its name is not known
	ProbeTimeout     = "timeout"      // no answer
	ProbeWrongKey    = "wrong-key"    // it listens and does not accept the key of this terminal
	ProbeNoAgent     = "no-agent"     // something else listens there
	ProbeOtherAgent  = "other-agent"  // the agent of another terminal
	ProbeOtherPair   = "other-pair"   // it belongs to another pair
	ProbeVersion     = "version"      // it knows no level that this host knows
	ProbeHigherEpoch = "higher-epoch" // it has accepted an epoch that this pair does not know
)

// TerminalProbe is what came of dialling a terminal.
type TerminalProbe struct {
	ID      string        `json:"id"`
	Address string        `json:"address"`
	Outcome string        `json:"outcome"`          // Probe…
	Detail  string        `json:"detail,omitempty"` // what was seen
	RTT     time.Duration `json:"rtt_ns,omitempty"`
	Epoch   uint64        `json:"epoch,omitempty"`
	Active  string        `json:"active,omitempty"`
	Fresh   bool          `json:"fresh,omitempty"`
}
