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

// LevelOf reads a level's word; what is not known counts as bad.
func LevelOf(word string) Level {
	for _, l := range []Level{Good, Warning} {
		if l.String() == word {
			return l
		}
	}
	return Bad
}

// ProgressWord says a bus.Peer… value for people.
func ProgressWord(progress string) string {
	switch progress {
	case bus.PeerAbsent:
		return "not replicated to"
	case bus.PeerProbe:
		return "looking for the last common update"
	case bus.PeerCatchingUp:
		return "catching up"
	case bus.PeerReceiving:
		return "taking a copy of the database"
	case bus.PeerClose:
		return "about to be in sync"
	case bus.PeerAwaited:
		return "in sync"
	case bus.PeerRefused:
		return "can't join"
	}
	return progress
}

// Status is one host as it sees itself and the pair. The JSON names are stable; fields are only ever added.
type Status struct {
	Host        string     `json:"host"`
	Identity    string     `json:"identity,omitempty"`    // made with the data directory
	Incarnation uint64     `json:"incarnation,string"`    // random number of this run of main
	Version     string     `json:"version,omitempty"`     // of the binary
	Time        time.Time  `json:"time"`                  // when this was true, on the host's wall clock
	Started     time.Time  `json:"started,omitzero"`      // of this run of main
	Role        string     `json:"role"`                  // starting, standby, takeover, active, handover, stopped
	Since       time.Time  `json:"since,omitzero"`        // when Role was entered
	Mode        string     `json:"mode"`                  // paired, solo, waiting, catching-up, copying
	ModeSince   time.Time  `json:"mode_since,omitzero"`   // when Mode was entered, as far as this run of main knows
	Pause       *Pause     `json:"pause,omitempty"`       // automatic takeover is held back
	Scheduled   *Scheduled `json:"scheduled,omitempty"`   // a switchover at a later time
	WaitingFor  string     `json:"waiting_for,omitempty"` // a sentence: why this host may not serve, and for whom it waits
	Fit         bool       `json:"fit"`                   // could serve, as far as this host itself goes
	Unfit       string     `json:"unfit,omitempty"`       // why not
	// Restored is there while the host does nothing outward, because nobody has said what its restored data are to be.
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
	Behind    uint64            `json:"behind"`    // updates of the active that the other host does not hold
	CatchUp   *CatchUp          `json:"catch_up,omitempty"`
	Divergent int               `json:"aside,omitempty"`      // divergent updates in files (R10)
	PairTime  time.Time         `json:"pair_time,omitzero"`   // by which ages of requests are counted; none before the first update
	PairLevel level.Level       `json:"pair_level,omitempty"` // that the pair is at; hotpair upgrade says what it can rise to
	Forgotten time.Time         `json:"forgotten,omitzero"`   // ids of applications issued before it are forgotten, and refused

	Peer      Peer               `json:"peer"`
	Witness   Witness            `json:"witness"`
	Wires     wires.Seen         `json:"wires"` // between the machines: TLS or plain text, certificates, who was refused
	Processes map[string]Process `json:"processes"`
	Terminals Terminals          `json:"terminals"`
	Timers    outbox.TimerState  `json:"timers,omitzero"`  // of services, as the host that serves has them
	Notices   outbox.NoticeState `json:"notices,omitzero"` // likewise
	// Emissions are those of services, as the host that serves has them.
	Emissions outbox.EmissionState `json:"emissions,omitzero"`
	Backups   *backups.Upkeep      `json:"backups,omitempty"`     // that the pair makes by itself, if it does
	Trail     *trail.Standing      `json:"audit_trail,omitempty"` // where all that happens is written, if it is
	Audit     *Audit               `json:"audit,omitempty"`       // of the last attach; one that missed something stays
	Alarms    []Alarm              `json:"alarms"`                // the worst first
	ServedBy  string               `json:"served_by"`             // the host that serves, as far as this one knows; empty: nobody is known to
	Level     string               `json:"level,omitempty"`       // good, warning, bad: what it all means
	Sentence  string               `json:"summary,omitempty"`     // the same as a sentence
	Events    []Event              `json:"events,omitempty"`
}

// CatchUp is how far a host has got with what it lacks.
type CatchUp struct {
	Done    float64 `json:"done"`              // 0 … 1
	Missing uint64  `json:"missing,omitempty"` // updates still to come; 0 when not known, as for a copy
}

// Peer is the other host as this one sees it.
type Peer struct {
	Host        string            `json:"host"`
	HTTP        string            `json:"http,omitempty"` // where its operator interface is, as it says
	Link        evidence.State    `json:"link"`           // connected, silent, ended, refused
	Replication evidence.State    `json:"replication"`    // the same
	HeardMS     int64             `json:"heard_ms"`       // since its last heartbeat; -1 is never
	Role        string            `json:"role,omitempty"`
	Serves      bool              `json:"serves"`           // it says so, and was heard lately
	Unable      string            `json:"unable,omitempty"` // why it could not take over, as it says
	Down        []string          `json:"down,omitempty"`   // services that are not ready there
	Epoch       uint64            `json:"epoch,omitempty"`
	Position    position.Position `json:"position"`
	// Progress is where the active's updater has it: absent, probe, catching-up, copying, close, held, refused.
	Progress string `json:"progress,omitempty"`
	Reason   string `json:"reason,omitempty"` // why it is refused or unfit
	// Clock is how far its wall clock is ahead of this host's; none while it is not known.
	Clock   *ClockSkew `json:"clock,omitempty"`
	CatchUp *CatchUp   `json:"catch_up,omitempty"`
}

// ClockSkew is how far a wall clock is ahead of another one.
type ClockSkew struct {
	AheadMS  int64 `json:"ahead_ms"`  // negative: behind
	WithinMS int64 `json:"within_ms"` // by how much that may be wrong
}

// Witness is the keeper of the pair record.
type Witness struct {
	None      bool   `json:"none,omitempty"` // the pair has none: terminals are asked instead
	Address   string `json:"address,omitempty"`
	ID        string `json:"id,omitempty"`
	Reachable bool   `json:"reachable"`
	HeardMS   int64  `json:"heard_ms"` // since the pair record was read last; -1 is never
	Problem   string `json:"problem,omitempty"`
	// Keys are those that it lets in, as this host saw them last; none without certificates. KeysProblem is what only people can put
	// right about them: a host that comes with a key that was replaced.
	Keys        *keyring.Ring `json:"keys,omitempty"`
	KeysProblem string        `json:"keys_problem,omitempty"`
}

// Process is one process of the host.
type Process struct {
	PID      int    `json:"pid"`
	State    string `json:"state"` // ready, starting, restarting, failed, stopped
	Restarts int    `json:"restarts"`
	HeardMS  int64  `json:"heard_ms"`         // since its last heartbeat; -1 where there is none to hear
	Reason   string `json:"reason,omitempty"` // how it ended last
}

// Terminals counts terminals by what this host has with them.
type Terminals struct {
	Attached    int `json:"attached"`
	Warm        int `json:"warm"`
	Unreachable int `json:"unreachable"`
}

// TimeOf reads Unix nanoseconds; 0 is no time.
func TimeOf(unixNano int64) time.Time {
	if unixNano == 0 {
		return time.Time{}
	}
	return time.Unix(0, unixNano).UTC()
}

// ProgressOf gives how far a host has got that began at a sequence and has to reach another.
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

// Level says how well a pair is.
type Level int

// Levels, best first.
const (
	Good    Level = iota // either host may fail
	Warning              // one serves, but without redundancy, or without a service
	Bad                  // nobody serves, or this host can't do its part
)

// String gives the level's word.
func (l Level) String() string { return [...]string{"good", "warning", "bad"}[min(max(l, Good), Bad)] }

// Serves reports whether the host could answer terminals when the status was taken.
func (s Status) Serves() bool { return s.Role == "active" && s.RightUntilMS > 0 }

// Suffix says how far, as the end of a sentence behind a separator; "" when nothing is known.
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
