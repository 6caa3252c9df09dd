// Package waybill has the messages about emissions between a courier, the updater and main: what to send next, its
// outcome, the settings of targets. It decides nothing.
package waybill

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/storage/position"
)

// OfCourier is the prefix of the courier's subjects to the updater.
const OfCourier = bus.ProcessCourier + "."

// What the courier asks the updater of its host.
var (
	CallPending = bus.Question[Question, Pending](bus.ProcessUpdater, OfCourier+"pending")
	CallTarget  = bus.Question[TargetQuestion, Setting](bus.ProcessUpdater, OfCourier+"target")
	CallLanes   = bus.Question[Lanes, Listing](bus.ProcessUpdater, OfCourier+"lanes")
	CallHead    = bus.Question[HeadQuestion, Head](bus.ProcessUpdater, OfCourier+"head")
	CallRecord  = bus.Question[Outcome, bus.Done](bus.ProcessUpdater, OfCourier+"record")
)

// What main asks the updater, for operators.
var (
	CallList    = bus.Question[ListEmissions, ListedEmissions](bus.ProcessUpdater, "emissions-list")
	CallChange  = bus.Question[ChangeEmissions, EmissionsChanged](bus.ProcessUpdater, "emissions-change")
	CallRelease = bus.Question[bus.Done, bus.Done](bus.ProcessUpdater, "emissions-release")
	CallTargets = bus.Question[bus.Done, TargetList](bus.ProcessUpdater, "targets-list")
	CallSet     = bus.Question[SetTarget, TargetChanged](bus.ProcessUpdater, "targets-set")
	CallRemove  = bus.Question[RemoveTarget, TargetChanged](bus.ProcessUpdater, "targets-remove")
)

// ErrGone says that the outcome of an emission was already recorded, or that the emission was removed.
var ErrGone = fault.New("emission-gone", "the emission no longer exists")

// Bounds of questions.
const (
	// MostLanes bounds the lanes of one Lanes.
	MostLanes = 64
	// MostListed bounds the emissions of one ListEmissions.
	MostListed = 1000
)

// Question asks what to do in a term. Seen and Wait delay the answer until emissions have changed since the version
// Seen, at most by Wait.
type Question struct {
	Epoch uint64        `json:"epoch"`
	Seen  uint64        `json:"seen,omitempty"`
	Wait  time.Duration `json:"wait_ns,omitempty"`
}

// Pending lists the targets with something to do.
type Pending struct {
	// Version rises whenever emissions or targets change.
	Version uint64 `json:"version"`
	Pair    string `json:"pair"`
	// Deferred: nothing may leave. Released is the epoch from which on emissions of earlier histories are ordered.
	Deferred bool     `json:"held,omitempty"`
	Released uint64   `json:"released,omitempty"`
	Targets  []Target `json:"targets,omitempty"`
}

// Target is a target with its counts.
type Target struct {
	Name    string        `json:"name"`
	Skip    bool          `json:"skip,omitempty"`
	Age     time.Duration `json:"age_ns,omitempty"`
	Closing bool          `json:"closing,omitempty"`
	Set     uint64        `json:"set"` // changes whenever the target is set
	Waiting int           `json:"waiting,omitempty"`
	Parked  int           `json:"parked,omitempty"`
	// Unreadable says why only the name is known: nothing is sent to it.
	Unreadable string `json:"unreadable,omitempty"`
}

// TargetQuestion asks for the settings of a target.
type TargetQuestion struct {
	Epoch uint64 `json:"epoch"`
	Name  string `json:"name"`
}

// Setting has the settings of a target. Its secret must not appear in a log.
type Setting struct {
	Set    uint64 `json:"set"`
	URL    string `json:"url"`
	Secret []byte `json:"secret,omitempty"`
	Roots  []byte `json:"roots,omitempty"` // PEM; empty: the system's
}

// String omits secrets.
func (s Setting) String() string { return s.URL }

// Lanes asks for lanes of a target that have something to send, after a lane.
type Lanes struct {
	Epoch  uint64 `json:"epoch"`
	Target string `json:"target"`
	After  string `json:"after,omitempty"`
	// Blocked asks for blocked lanes instead.
	Blocked bool `json:"blocked,omitempty"`
}

// Listing is the answer, with MostLanes at most.
type Listing struct {
	Lanes []string `json:"lanes,omitempty"`
	Next  string   `json:"next,omitempty"` // the lane to continue after; empty: there are no more
}

// HeadQuestion asks for the emission at the head of a lane.
type HeadQuestion struct {
	Epoch  uint64 `json:"epoch"`
	Target string `json:"target"`
	Lane   string `json:"lane"`
}

// Head is the answer; without Load the lane is empty.
type Head struct {
	Load *Load `json:"load,omitempty"`
	// Unreadable says why the head can't be read; "" if it can.
	Unreadable string `json:"unreadable,omitempty"`
}

// Load is the first emission of a lane, or the parked one that blocks it.
type Load struct {
	Number  position.Number `json:"number"`
	First   position.Number `json:"first"` // under which it was emitted: its identity
	Service string          `json:"service"`
	Body    []byte          `json:"body,omitempty"`
	Blocks  bool            `json:"blocks,omitempty"` // it is parked, and blocks the lane
	// Age is how long it has waited, in counted time; 0 while that is in doubt.
	Age time.Duration `json:"age_ns,omitempty"`
}

// What comes of a load.
const (
	Done = "done"
	Park = "park"
	Pass = "pass"
)

// Outcome records the outcome of a load: Done, Park or Pass.
type Outcome struct {
	Epoch  uint64          `json:"epoch"`
	Target string          `json:"target"`
	Lane   string          `json:"lane"`
	Number position.Number `json:"number"`
	What   string          `json:"what"`
	Pass   bool            `json:"pass,omitempty"` // with Park
	Why    string          `json:"why,omitempty"`  // with Park
}

// ListEmissions asks for parked or waiting emissions.
type ListEmissions struct {
	Target string `json:"target,omitempty"`
	Lane   string `json:"lane,omitempty"` // with Target
	// Waiting asks for waiting ones instead.
	Waiting bool   `json:"waiting,omitempty"`
	After   string `json:"after,omitempty"` // the last one already known, from Next
	Limit   int    `json:"limit,omitempty"` // 1 to MostListed
}

// ListedEmissions are emissions in the order of targets, lanes and numbers.
type ListedEmissions struct {
	Emissions []ShownEmission `json:"emissions"`
	Next      string          `json:"next,omitempty"`
	Waiting   int             `json:"waiting"` // of all targets
	Parked    int             `json:"parked"`
	Deferred  bool            `json:"held"`
}

// ShownEmission is an emission for operators.
type ShownEmission struct {
	Target  string    `json:"target"`
	Lane    string    `json:"lane"`
	Number  string    `json:"number"` // its place in the lane
	First   string    `json:"first"`  // under which it was emitted: its identity
	Service string    `json:"service"`
	Emitted time.Time `json:"emitted"`
	Bytes   int       `json:"bytes"`
	Parked  bool      `json:"parked,omitempty"`
	Blocks  bool      `json:"blocks,omitempty"` // its lane waits for it
	Why     string    `json:"why,omitempty"`
}

// ChangeEmissions releases or drops parked emissions: one, or without a number all of the lane.
type ChangeEmissions struct {
	Target string `json:"target"`
	Lane   string `json:"lane"`
	Number string `json:"number,omitempty"`
	Drop   bool   `json:"drop,omitempty"`
}

// EmissionsChanged is the number of emissions changed.
type EmissionsChanged struct {
	ID    string `json:"id,omitempty"` // of the call
	Count int    `json:"count"`
	// Skipped counts those that stay parked because they are unreadable, and so can't be released. They can be
	// dropped.
	Skipped int `json:"skipped,omitempty"`
}

// TargetList has all targets, in the order of their names.
type TargetList struct {
	Targets []ShownTarget `json:"targets"`
}

// ShownTarget is a target for operators.
type ShownTarget struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Signed  bool   `json:"signed"`            // it has a secret
	OwnCA   bool   `json:"own_ca,omitempty"`  // it has its own root certificates
	Skip    bool   `json:"skip,omitempty"`    // a lane continues past parked emissions
	AgeMS   int64  `json:"age_ms,omitempty"`  // emissions that have waited longer are parked; 0: none
	Closing bool   `json:"closing,omitempty"` // it is being removed
	Waiting int    `json:"waiting"`           // emissions
	Parked  int    `json:"parked"`            // emissions
	Bytes   int64  `json:"bytes,omitempty"`   // of them
	// Unreadable says why only the name is known: nothing is sent to it.
	Unreadable string `json:"unreadable,omitempty"`
}

// SetTarget creates or changes a target.
type SetTarget struct {
	Name string `json:"name"`
	// New: the name must be new; otherwise it must exist, and empty fields keep their values.
	New    bool   `json:"new,omitempty"`
	URL    string `json:"url,omitempty"`
	Secret string `json:"secret,omitempty"` // never shown again
	Roots  string `json:"roots,omitempty"`  // PEM
	Skip   *bool  `json:"skip,omitempty"`
	AgeMS  *int64 `json:"age_ms,omitempty"`
}

// String omits secrets.
func (t SetTarget) String() string { return t.Name + "=" + t.URL }

// RemoveTarget removes a target. Without Drop no emission may wait or be parked for it.
type RemoveTarget struct {
	Name string `json:"name"`
	Drop bool   `json:"drop,omitempty"`
}

// TargetChanged is a target after the change, or before its removal.
type TargetChanged struct {
	ID      string      `json:"id,omitempty"` // of the call
	Target  ShownTarget `json:"target"`
	Dropped int         `json:"dropped,omitempty"` // emissions
}

// Text formats a number as epoch/sequence/index.
func Text(n position.Number) string {
	return fmt.Sprintf("%d/%d/%d", n.Epoch, n.Sequence, n.Index)
}

// Parse reads the format of Text. The error is position.ErrMalformed.
func Parse(text string) (n position.Number, err error) {
	at := strings.LastIndexByte(text, '/')
	if at < 0 {
		return n, fmt.Errorf("%w: %.100q is not the number of an emission, like 7/123/0", position.ErrMalformed, text)
	}
	p, err := position.Parse(text[:at])
	if err != nil {
		return n, fmt.Errorf("number of an emission, like 7/123/0: %w", err)
	}
	index, err := strconv.ParseUint(text[at+1:], 10, 32)
	if err != nil {
		return n, fmt.Errorf("%w: index of %.100q", position.ErrMalformed, text)
	}
	return position.Number{Epoch: p.Epoch, Sequence: p.Sequence, Index: uint32(index)}, nil
}
