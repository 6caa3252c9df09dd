package operator

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// Paths and calls of the table of terminals.
const (
	PathTerminals       = "/api/v1/terminals"
	PathTerminalsAdd    = "/api/v1/terminals/add"
	PathTerminalsRemove = "/api/v1/terminals/remove"
	PathTerminalsProbe  = "/api/v1/terminals/probe"

	CallAddTerminals    = "add-terminals"
	CallRemoveTerminals = "remove-terminals"
)

const (
	// DefaultTerminals and MaxTerminals bound a page of terminals, MaxProbed one of probes: each may be silent for seconds.
	DefaultTerminals = 500
	MaxTerminals     = 1000
	MaxProbed        = 100
	// MaxChanged bounds one change, so that it fits into a body.
	MaxChanged = 500
	// ProbeWithin is the deadline of probing a page.
	ProbeWithin = 25 * time.Second
)

// Where the list of terminals comes from.
const (
	SourceEnvironment = "environment" // HOTPAIR_TERMINALS of each host, while the table was never used
	SourceTable       = "table"       // the replicated table
)

// TerminalTable is the part of a main that keeps the table of terminals.
type TerminalTable interface {
	// Terminals gives a page of the list, with what both hosts have with each.
	Terminals(ctx context.Context, caller Caller, q TerminalsRequest) (TerminalsPage, error)
	// AddTerminals and RemoveTerminals change the table, all of it or nothing; a standby forwards them. The first change
	// makes the list of the environment the beginning of the table. Errors: ErrRefused, ErrForward, ErrUnavailable.
	AddTerminals(ctx context.Context, caller Caller, add []TerminalAddress) (TerminalsChanged, error)
	RemoveTerminals(ctx context.Context, caller Caller, ids []string) (TerminalsChanged, error)
	// ProbeTerminals dials terminals now, from both hosts, on connections of their own. ErrUsage: an id is not known.
	ProbeTerminals(ctx context.Context, caller Caller, q ProbeRequest) (ProbePage, error)
}

// TerminalAddress is a terminal to add.
type TerminalAddress struct {
	ID      string `json:"id"`
	Address string `json:"address"` // nats://host:port
}

// TerminalsRequest asks for a page behind an id, in the order of ids.
type TerminalsRequest struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// TerminalsPage answers it.
type TerminalsPage struct {
	Source    string          `json:"source"`             // environment or table
	Revision  uint64          `json:"revision,omitempty"` // of the table: rises with each change
	Total     int             `json:"total"`
	More      bool            `json:"more"`
	Hosts     []TerminalsHost `json:"hosts"` // who was asked
	Terminals []TerminalRow   `json:"terminals"`
}

// TerminalsHost is a host that was asked about terminals.
type TerminalsHost struct {
	Host    string `json:"host"`
	Problem string `json:"problem,omitempty"` // why it says nothing
}

// TerminalRow is one terminal.
type TerminalRow struct {
	ID      string                  `json:"id"`
	Address string                  `json:"address"`
	Added   time.Time               `json:"added,omitzero"`
	By      string                  `json:"by,omitempty"`
	Hosts   map[string]TerminalSeen `json:"hosts"` // by host; one that does not have it yet is missing
}

// TerminalSeen is a terminal as one host sees it.
type TerminalSeen struct {
	State       string    `json:"state"` // attached, warm, unreachable, refused
	Reason      string    `json:"reason,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Active      string    `json:"active,omitempty"` // whom the agent says it is attached to
	Fresh       bool      `json:"fresh"`            // and that this connection is open
	Epoch       uint64    `json:"epoch,omitempty"`  // highest that the agent has accepted
	RTTMS       float64   `json:"rtt_ms,omitempty"` // of the last greeting
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// SeenOf makes it from what terminal-if says.
func SeenOf(d bus.TerminalDetail) TerminalSeen {
	return TerminalSeen{
		State: d.State, Reason: d.Reason, Since: d.Since, Active: d.Active, Fresh: d.Fresh, Epoch: d.Epoch,
		RTTMS: float64(d.RTT.Microseconds()) / 1000, LastError: d.LastError, LastErrorAt: d.LastErrorAt,
	}
}

// TerminalsChanged is what a change of the table did.
type TerminalsChanged struct {
	ID       string            `json:"id"` // of the call
	Revision uint64            `json:"revision"`
	Position position.Position `json:"position"`
	Began    bool              `json:"began"` // it was the first change: the environment no longer counts
	Total    int               `json:"total"`
}

// ProbeRequest names terminals, or asks for a page of all behind an id.
type ProbeRequest struct {
	IDs   []string `json:"ids,omitempty"`
	After string   `json:"after,omitempty"`
	Limit int      `json:"limit,omitempty"`
}

// ProbePage answers it.
type ProbePage struct {
	Total     int              `json:"total"`
	More      bool             `json:"more"`
	Hosts     []TerminalsHost  `json:"hosts"`
	Terminals []ProbedTerminal `json:"terminals"`
}

// ProbedTerminal is one terminal as it was found from each host.
type ProbedTerminal struct {
	ID      string                  `json:"id"`
	Address string                  `json:"address"`
	Hosts   map[string]ProbeOutcome `json:"hosts"`
}

// ProbeOutcome is what one host found. Outcome is one of bus.Probe….
type ProbeOutcome struct {
	Outcome string  `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
	Remedy  string  `json:"remedy,omitempty"`
	RTTMS   float64 `json:"rtt_ms,omitempty"`
	Epoch   uint64  `json:"epoch,omitempty"`
	Active  string  `json:"active,omitempty"`
	Fresh   bool    `json:"fresh"`
}

// OutcomeOf makes it from what terminal-if found, with what to do about it.
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
		return "start the agent there (hotpair terminal), or mend the address: it listens at HOTPAIR_TERMINAL_LISTEN"
	case bus.ProbeUnreachable:
		return "check the address, name resolution and the route from this host"
	case bus.ProbeTimeout:
		return "check that the machine is up and that no firewall drops the port"
	case bus.ProbeWrongKey:
		return "give the agent the key of this id: hotpair terminals key " + p.ID + ", set as HOTPAIR_TERMINAL_KEY"
	case bus.ProbeNoAgent:
		return "something else uses this port: give the agent another one, or mend the address"
	case bus.ProbeOtherAgent:
		return "swap the addresses, or set HOTPAIR_TERMINAL_ID=" + p.ID + " there, with the key of that id"
	case bus.ProbeOtherPair:
		return "if it shall move here, its operator sets HOTPAIR_PAIR_ID to this pair's id (hotpair status --json | jq -r .pair_id)"
	case bus.ProbeVersion:
		return "run the same version of hotpair on the terminal and on the hosts"
	case bus.ProbeHigherEpoch:
		return "it was served by a pair that is ahead of this one: old data, or two pairs; do not promote, see hotpair status of both hosts"
	}
	return ""
}

// Terminals asks for a page of terminals.
func (c *Client) Terminals(ctx context.Context, q TerminalsRequest) (TerminalsPage, error) {
	values := url.Values{}
	if q.After != "" {
		values.Set("after", q.After)
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	var page TerminalsPage
	return page, c.call(ctx, http.MethodGet, PathTerminals+"?"+values.Encode(), &page)
}

// AddTerminals adds terminals, at most 500 at once, all or none.
func (c *Client) AddTerminals(ctx context.Context, add []TerminalAddress) (TerminalsChanged, error) {
	var done TerminalsChanged
	return done, c.post(ctx, PathTerminalsAdd, map[string]any{"terminals": add}, &done)
}

// RemoveTerminals removes terminals, at most 500 at once, all or none.
func (c *Client) RemoveTerminals(ctx context.Context, ids []string) (TerminalsChanged, error) {
	var done TerminalsChanged
	return done, c.post(ctx, PathTerminalsRemove, map[string]any{"ids": ids}, &done)
}

// ProbeTerminals has terminals dialled from both hosts, at most 100 at once.
func (c *Client) ProbeTerminals(ctx context.Context, q ProbeRequest) (ProbePage, error) {
	var page ProbePage
	return page, c.post(ctx, PathTerminalsProbe, q, &page)
}
