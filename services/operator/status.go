package operator

import (
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/storage/position"
)

// LevelOf parses a level; an unknown word counts as bad.
func LevelOf(word string) Level {
	for _, l := range []Level{Good, Warning} {
		if l.String() == word {
			return l
		}
	}
	return Bad
}

// ProgressWord describes a bus.Peer… value.
func ProgressWord(progress string) string {
	switch progress {
	case bus.PeerAbsent:
		return "not replicated to"
	case bus.PeerProbe:
		return "searching for the last common update"
	case bus.PeerCatchingUp:
		return "catching up"
	case bus.PeerReceiving:
		return "receiving a snapshot of the database"
	case bus.PeerClose:
		return "about to be in sync"
	case bus.PeerAwaited:
		return "in sync"
	case bus.PeerRefused:
		return "can't join"
	}
	return progress
}

// Status is the state of one host and its view of the pair. The JSON names are stable; fields are only ever added.
type Status struct {
	Host        string     `json:"host"`
	Identity    string     `json:"identity,omitempty"`    // made with the data directory
	Incarnation uint64     `json:"incarnation,string"`    // random number of this run of main
	Version     string     `json:"version,omitempty"`     // of the binary
	Time        time.Time  `json:"time"`                  // when the status was taken, on the host's wall clock
	Started     time.Time  `json:"started,omitzero"`      // of this run of main
	Role        string     `json:"role"`                  // starting, standby, takeover, active, handover, stopped
	Since       time.Time  `json:"since,omitzero"`        // when Role was entered
	Mode        string     `json:"mode"`                  // paired, solo, waiting, catching-up, copying
	ModeSince   time.Time  `json:"mode_since,omitzero"`   // when Mode was entered, as far as this run of main knows
	Pause       *Pause     `json:"pause,omitempty"`       // set while automatic takeover is paused
	Scheduled   *Scheduled `json:"scheduled,omitempty"`   // a switchover at a later time
	WaitingFor  string     `json:"waiting_for,omitempty"` // a sentence: why this host may not serve, and what it waits for
	Fit         bool       `json:"fit"`                   // this host itself is able to serve
	Unfit       string     `json:"unfit,omitempty"`       // why not
	// Restored is set while the host does nothing outward, because its restore is not finished.
	Restored *bus.Restored `json:"restored,omitempty"`

	Epoch         uint64   `json:"epoch"` // highest known
	RecordVersion uint64   `json:"record_version"`
	PairID        string   `json:"pair_id,omitempty"`
	Active        string   `json:"active"`  // by the pair record; "" is nobody
	InSync        []string `json:"in_sync"` // hosts that hold every acknowledged update
	// RightUntilMS is how long this host may still answer terminals, in milliseconds from Time; 0 is not at all.
	RightUntilMS int64 `json:"right_until_ms"`

	Position  position.Position `json:"position"`  // end of the own journal
	Committed position.Position `json:"committed"` // acknowledged, as far as this host knows
	Applied   position.Position `json:"applied"`   // in the database
	Notified  position.Position `json:"notified"`  // durable in the other host's journal
	Lag       uint64            `json:"lag"`       // updates that are committed and not yet applied
	Behind    uint64            `json:"behind"`    // updates of the active that the other host lacks
	CatchUp   *CatchUp          `json:"catch_up,omitempty"`
	Divergent int               `json:"aside,omitempty"`      // divergent updates in files (R10)
	PairTime  time.Time         `json:"pair_time,omitzero"`   // clock for the ages of requests; none before the first update
	PairLevel level.Level       `json:"pair_level,omitempty"` // of the formats that the pair uses; hotpair upgrade shows the next one
	Forgotten time.Time         `json:"forgotten,omitzero"`   // request ids that applications issued before are forgotten, and refused

	Peer      Peer               `json:"peer"`
	Witness   Witness            `json:"witness"`
	Wires     wires.Seen         `json:"wires"` // between the machines: TLS or plain text, certificates, refused connections
	Processes map[string]Process `json:"processes"`
	Terminals Terminals          `json:"terminals"`
	Timers    outbox.TimerState  `json:"timers,omitzero"`  // of services, at the host that serves
	Notices   outbox.NoticeState `json:"notices,omitzero"` // likewise
	// Emissions is the state of emissions of services, at the host that serves.
	Emissions outbox.EmissionState `json:"emissions,omitzero"`
	Backups   *backups.Upkeep      `json:"backups,omitempty"`     // automatic backups, if configured
	Trail     *trail.Standing      `json:"audit_trail,omitempty"` // the audit trail, if configured
	Audit     *Audit               `json:"audit,omitempty"`       // of the last attach; one with missing updates stays
	Alarms    []Alarm              `json:"alarms"`                // the worst first
	ServedBy  string               `json:"served_by"`             // the host that serves, as far as this one knows; empty: none is known
	Level     string               `json:"level,omitempty"`       // good, warning, bad: the verdict on the pair
	Sentence  string               `json:"summary,omitempty"`     // the verdict as a sentence
	Events    []Event              `json:"events,omitempty"`
}

// CatchUp is the progress of a host that catches up.
type CatchUp struct {
	Done    float64 `json:"done"`              // 0 … 1
	Missing uint64  `json:"missing,omitempty"` // updates still to come; 0 when not known, as for a snapshot
}

// Peer is the other host as this one sees it.
type Peer struct {
	Host        string            `json:"host"`
	HTTP        string            `json:"http,omitempty"` // address of its operator interface, as it reports
	Link        evidence.State    `json:"link"`           // connected, silent, ended, refused
	Replication evidence.State    `json:"replication"`    // likewise
	HeardMS     int64             `json:"heard_ms"`       // since its last heartbeat; -1 is never
	Role        string            `json:"role,omitempty"`
	Serves      bool              `json:"serves"`           // it reports so, and was heard recently
	Unable      string            `json:"unable,omitempty"` // why it could not take over, as it reports
	Down        []string          `json:"down,omitempty"`   // services that are not ready there
	Epoch       uint64            `json:"epoch,omitempty"`
	Position    position.Position `json:"position"`
	// Progress is its state at the active's updater: absent, probe, catching-up, copying, close, held, refused.
	Progress string `json:"progress,omitempty"`
	Reason   string `json:"reason,omitempty"` // why it is refused or unfit
	// Clock is how far its wall clock is ahead of this host's; none while not known.
	Clock   *ClockSkew `json:"clock,omitempty"`
	CatchUp *CatchUp   `json:"catch_up,omitempty"`
}

// ClockSkew is how far a wall clock is ahead of another one.
type ClockSkew struct {
	AheadMS  int64 `json:"ahead_ms"`  // negative: behind
	WithinMS int64 `json:"within_ms"` // the error of AheadMS
}

// Witness is the witness, which keeps the pair record.
type Witness struct {
	None      bool   `json:"none,omitempty"` // the pair has none: terminals are asked instead
	Address   string `json:"address,omitempty"`
	ID        string `json:"id,omitempty"`
	Reachable bool   `json:"reachable"`
	HeardMS   int64  `json:"heard_ms"` // since the pair record was read last; -1 is never
	Problem   string `json:"problem,omitempty"`
	// Keys are the keys that it admits, as this host last saw them; none without certificates. KeysProblem needs an
	// operator: a host uses a key that was replaced.
	Keys        *keyring.Ring `json:"keys,omitempty"`
	KeysProblem string        `json:"keys_problem,omitempty"`
}

// Process is one process of the host.
type Process struct {
	PID      int    `json:"pid"`
	State    string `json:"state"` // ready, starting, restarting, failed, stopped
	Restarts int    `json:"restarts"`
	HeardMS  int64  `json:"heard_ms"`         // since its last heartbeat; -1 for a process without heartbeats
	Reason   string `json:"reason,omitempty"` // how it ended last
}

// Terminals counts terminals by their state at this host.
type Terminals struct {
	Attached    int `json:"attached"`
	Warm        int `json:"warm"`
	Unreachable int `json:"unreachable"`
}

// TimeOf converts Unix nanoseconds; 0 is the zero time.
func TimeOf(unixNano int64) time.Time {
	if unixNano == 0 {
		return time.Time{}
	}
	return time.Unix(0, unixNano).UTC()
}

// ProgressOf returns the progress of a host at a sequence, from the one where it began to the one to reach.
func ProgressOf(began, at, end uint64) *CatchUp {
	if at >= end {
		return &CatchUp{Done: 1}
	}
	c := &CatchUp{Missing: end - at}
	if at > began && end > began {
		c.Done = float64(at-began) / float64(end-began)
	}
	return c
}

// Level is the verdict on a pair.
type Level int

// Levels, best first.
const (
	Good    Level = iota // either host may fail
	Warning              // one serves, but without redundancy, or without a service
	Bad                  // nobody serves, or this host can't do its part
)

// String returns the level's word.
func (l Level) String() string { return [...]string{"good", "warning", "bad"}[min(max(l, Good), Bad)] }

// Serves reports whether the host could answer terminals when the status was taken.
func (s Status) Serves() bool { return s.Role == "active" && s.RightUntilMS > 0 }

// Suffix returns the progress as the end of a sentence, after a separator; "" when not known.
func (c *CatchUp) Suffix(separator string) string {
	if c == nil {
		return ""
	}
	// Rounded down: "100 %" must mean that nothing is missing.
	text := separator + strconv.Itoa(int(c.Done*100)) + " %"
	if c.Missing > 0 {
		text += ", " + wording.Count(c.Missing, "update") + " to go"
	}
	return text
}
