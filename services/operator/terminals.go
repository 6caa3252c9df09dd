package operator

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/storage/position"
)

// Sources of the list of terminals.
const (
	SourceEnvironment = "environment" // HOTPAIR_TERMINALS of each host, while the table was never used
	SourceTable       = "table"       // the replicated table
)

// TerminalAddress is a terminal to add.
type TerminalAddress struct {
	ID      string `json:"id"`
	Address string `json:"address"` // nats://host:port
}

// AddTerminals names terminals to add, all of them or none.
type AddTerminals struct {
	Terminals []TerminalAddress `json:"terminals"`
}

// RemoveTerminals names terminals to remove, all of them or none.
type RemoveTerminals struct {
	IDs []string `json:"ids"`
}

// TerminalsRequest asks for a page of terminals after an id, in the order of ids.
type TerminalsRequest struct {
	After string `json:"after,omitempty"` // the page begins after this id
	Limit int    `json:"limit,omitempty"` // how many
}

// TerminalsPage is a page of terminals.
type TerminalsPage struct {
	Source    string          `json:"source"`             // environment or table
	Revision  uint64          `json:"revision,omitempty"` // of the table: rises with each change
	Total     int             `json:"total"`
	More      bool            `json:"more"`
	Hosts     []TerminalsHost `json:"hosts"` // the asked hosts
	Terminals []TerminalRow   `json:"terminals"`
}

// TerminalsHost is a host that was asked about terminals.
type TerminalsHost struct {
	Host    string `json:"host"`
	Problem string `json:"problem,omitempty"` // why its answer is missing
}

// TerminalRow is one terminal.
type TerminalRow struct {
	ID          string                            `json:"id"`
	Address     string                            `json:"address"`
	Added       time.Time                         `json:"added,omitzero"`
	By          string                            `json:"by,omitempty"`
	Certificate *certificates.TerminalCertificate `json:"certificate,omitempty"` // of a terminal that the pair has enrolled
	Hosts       map[string]TerminalSeen           `json:"hosts"`                 // by host; a host that does not have the terminal yet is missing
}

// TerminalSeen is a terminal as one host sees it.
type TerminalSeen struct {
	State       string    `json:"state"` // attached, warm, unreachable, refused
	Reason      string    `json:"reason,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Active      string    `json:"active,omitempty"` // the host that the agent is attached to, as it reports
	Fresh       bool      `json:"fresh"`            // the agent reports that connection as open
	Epoch       uint64    `json:"epoch,omitempty"`  // highest that the agent has accepted
	RTTMS       float64   `json:"rtt_ms,omitempty"` // of the last greeting
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// SeenOf converts a report of terminal-if.
func SeenOf(d bus.TerminalDetail) TerminalSeen {
	return TerminalSeen{
		State: d.State, Reason: d.Reason, Since: d.Since, Active: d.Active, Fresh: d.Fresh, Epoch: d.Epoch,
		RTTMS: float64(d.RTT.Microseconds()) / 1000, LastError: d.LastError, LastErrorAt: d.LastErrorAt,
	}
}

// TerminalsChanged is the result of a change of the table.
type TerminalsChanged struct {
	ID       string            `json:"id"` // of the call
	Revision uint64            `json:"revision"`
	Position position.Position `json:"position"`
	Began    bool              `json:"began"` // it was the first change: the environment is no longer used
	Total    int               `json:"total"`
}

// ProbeRequest names terminals to probe, or asks for a page of all after an id.
type ProbeRequest struct {
	IDs   []string `json:"ids,omitempty"`
	After string   `json:"after,omitempty"`
	Limit int      `json:"limit,omitempty"`
}

func (q *ProbeRequest) check() error {
	if q.Limit == 0 {
		q.Limit = MaxProbed
	}
	if q.Limit < 1 || q.Limit > MaxProbed || len(q.IDs) > MaxProbed {
		return fmt.Errorf("%w: at most %d terminals are probed at once", ErrUsage, MaxProbed)
	}
	return nil
}

// ProbePage is a page of probed terminals.
type ProbePage struct {
	Total     int              `json:"total"`
	More      bool             `json:"more"`
	Hosts     []TerminalsHost  `json:"hosts"`
	Terminals []ProbedTerminal `json:"terminals"`
}

// ProbedTerminal is the outcome of one terminal from each host.
type ProbedTerminal struct {
	ID      string                  `json:"id"`
	Address string                  `json:"address"`
	Hosts   map[string]ProbeOutcome `json:"hosts"`
}

// ProbeOutcome is the outcome from one host. Outcome is one of bus.Probe….
type ProbeOutcome struct {
	Outcome string  `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
	Remedy  string  `json:"remedy,omitempty"`
	RTTMS   float64 `json:"rtt_ms,omitempty"`
	Epoch   uint64  `json:"epoch,omitempty"`
	Active  string  `json:"active,omitempty"`
	Fresh   bool    `json:"fresh"`
}

// OutcomeOf converts a probe of terminal-if, and adds the remedy.
func OutcomeOf(p bus.TerminalProbe) ProbeOutcome {
	return ProbeOutcome{
		Outcome: p.Outcome, Detail: p.Detail, Remedy: remedyOf(p), RTTMS: float64(p.RTT.Microseconds()) / 1000,
		Epoch: p.Epoch, Active: p.Active, Fresh: p.Fresh,
	}
}

// remedyOf says what to do about a terminal; "" when nothing is wrong.
func remedyOf(p bus.TerminalProbe) string {
	switch p.Outcome {
	case bus.ProbeOK:
		return ""
	case bus.ProbeRefused:
		return "start the agent there (hotpair terminal), or fix the address: it listens at HOTPAIR_TERMINAL_LISTEN"
	case bus.ProbeUnreachable:
		return "check the address, name resolution and the route from this host"
	case bus.ProbeTimeout:
		return "check that the machine is up and that no firewall drops the port"
	case bus.ProbeWrongKey:
		return "give the agent the key of this id: hotpair terminals key " + p.ID + ", set as HOTPAIR_TERMINAL_KEY"
	case bus.ProbeNoAgent:
		return "something else uses this port: give the agent another one, or fix the address"
	case bus.ProbeOtherAgent:
		return "swap the addresses, or set HOTPAIR_TERMINAL_ID=" + p.ID + " there, with the key of that id"
	case bus.ProbeOtherPair:
		return "to move it to this pair, set HOTPAIR_PAIR_ID at the terminal to this pair's id (hotpair status --json | jq -r .pair_id)"
	case bus.ProbeVersion:
		return "run the same version of hotpair on the terminal and on the hosts"
	case bus.ProbeHigherEpoch:
		return "it was served in a higher epoch than this pair knows: old data, or two pairs; do not promote, see hotpair status of both hosts"
	}
	return ""
}
