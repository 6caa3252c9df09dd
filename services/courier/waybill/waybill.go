// Package waybill is what is said of emissions between a courier, the updater and main: what is sent next, what came of it, how targets are
// set. It decides nothing.
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

// OfCourier begins the names of questions to the updater that the courier asks.
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

// ErrGone says that what is to be recorded of an emission was recorded already, or that somebody took it away.
var ErrGone = fault.New("emission-gone", "the emission no longer exists")

// Bounds of questions.
const (
	// MostLanes bounds the lanes of one Lanes.
	MostLanes = 64
	// MostListed bounds the emissions of one ListEmissions.
	MostListed = 1000
)

// Question asks what is to be done in a term. Seen and Wait let the answer wait until emissions have changed since an answer, at most so
// long.
type Question struct {
	Epoch uint64        `json:"epoch"`
	Seen  uint64        `json:"seen,omitempty"`
	Wait  time.Duration `json:"wait_ns,omitempty"`
}

// Pending is what there is.
type Pending struct {
	// Version rises whenever emissions or targets change.
	Version uint64 `json:"version"`
	Pair    string `json:"pair"`
	// Deferred: nothing may leave. Released is the epoch as of which what was there before is ordered.
	Deferred bool     `json:"held,omitempty"`
	Released uint64   `json:"released,omitempty"`
	Targets  []Target `json:"targets,omitempty"`
}

// Target is one with what there is for it.
type Target struct {
	Name    string        `json:"name"`
	Skip    bool          `json:"skip,omitempty"`
	Age     time.Duration `json:"age_ns,omitempty"`
	Closing bool          `json:"closing,omitempty"`
	Set     uint64        `json:"set"` // another number whenever it is set anew
	Waiting int           `json:"waiting,omitempty"`
	Parked  int           `json:"parked,omitempty"`
	// Unreadable says why nothing but the name is known: nothing is sent to it.
	Unreadable string `json:"unreadable,omitempty"`
}

// TargetQuestion asks how a target is set.
type TargetQuestion struct {
	Epoch uint64 `json:"epoch"`
	Name  string `json:"name"`
}

// Setting is how to reach a target. Its secret never stands in a log.
type Setting struct {
	Set    uint64 `json:"set"`
	URL    string `json:"url"`
	Secret []byte `json:"secret,omitempty"`
	Roots  []byte `json:"roots,omitempty"` // PEM; empty: the system's
}

// String leaves out what must not be shown.
func (s Setting) String() string { return s.URL }

// Lanes asks for lanes of a target that have something to send, behind one.
type Lanes struct {
	Epoch  uint64 `json:"epoch"`
	Target string `json:"target"`
	After  string `json:"after,omitempty"`
	// Blocked asks for those that are blocked instead.
	Blocked bool `json:"blocked,omitempty"`
}

// Listing answers it, with MostLanes at most.
type Listing struct {
	Lanes []string `json:"lanes,omitempty"`
	Next  string   `json:"next,omitempty"` // the lane to go on behind; empty: that was all
}

// HeadQuestion asks what stands at the head of a lane.
type HeadQuestion struct {
	Epoch  uint64 `json:"epoch"`
	Target string `json:"target"`
	Lane   string `json:"lane"`
}

// Head answers it; no Load: nothing is there.
type Head struct {
	Load *Load `json:"load,omitempty"`
	// Unreadable says why what stands there can't be read; "" when it can.
	Unreadable string `json:"unreadable,omitempty"`
}

// Load is the first emission of a lane, or what blocks it.
type Load struct {
	Number  position.Number `json:"number"`
	First   position.Number `json:"first"` // under which it was emitted: who it is
	Service string          `json:"service"`
	Body    []byte          `json:"body,omitempty"`
	Blocks  bool            `json:"blocks,omitempty"` // it is parked, and blocks the lane
	// Age is for how long it has waited, in time that passed; 0 while that is in doubt.
	Age time.Duration `json:"age_ns,omitempty"`
}

// What comes of a load.
const (
	Done = "done"
	Park = "park"
	Pass = "pass"
)

// Outcome has recorded what came of a load: Done, Park or Pass.
type Outcome struct {
	Epoch  uint64          `json:"epoch"`
	Target string          `json:"target"`
	Lane   string          `json:"lane"`
	Number position.Number `json:"number"`
	What   string          `json:"what"`
	Pass   bool            `json:"pass,omitempty"` // with Park
	Why    string          `json:"why,omitempty"`  // with Park
}

// ListEmissions asks which emissions are parked, or which wait.
type ListEmissions struct {
	Target string `json:"target,omitempty"`
	Lane   string `json:"lane,omitempty"` // with Target
	// Waiting asks for those that wait instead.
	Waiting bool   `json:"waiting,omitempty"`
	After   string `json:"after,omitempty"` // the last one known already, as Next says
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

// ShownEmission is an emission as operators see it.
type ShownEmission struct {
	Target  string    `json:"target"`
	Lane    string    `json:"lane"`
	Number  string    `json:"number"` // its place in the lane
	First   string    `json:"first"`  // under which it was emitted: who it is
	Service string    `json:"service"`
	Emitted time.Time `json:"emitted"`
	Bytes   int       `json:"bytes"`
	Parked  bool      `json:"parked,omitempty"`
	Blocks  bool      `json:"blocks,omitempty"` // its lane waits for it
	Why     string    `json:"why,omitempty"`
}

// ChangeEmissions releases what is parked, or drops it: one emission, or without a number all that are parked in the lane.
type ChangeEmissions struct {
	Target string `json:"target"`
	Lane   string `json:"lane"`
	Number string `json:"number,omitempty"`
	Drop   bool   `json:"drop,omitempty"`
}

// EmissionsChanged says how many it were.
type EmissionsChanged struct {
	ID    string `json:"id,omitempty"` // of the call
	Count int    `json:"count"`
	// Skipped are those that stay parked because they can't be read, and so can't be released. They can be dropped.
	Skipped int `json:"skipped,omitempty"`
}

// TargetList are all targets, in the order of their names.
type TargetList struct {
	Targets []ShownTarget `json:"targets"`
}

// ShownTarget is a target as operators see it.
type ShownTarget struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Signed  bool   `json:"signed"`            // it has a secret
	OwnCA   bool   `json:"own_ca,omitempty"`  // it has certificates of its own to believe
	Skip    bool   `json:"skip,omitempty"`    // a lane goes on past what is parked
	AgeMS   int64  `json:"age_ms,omitempty"`  // what has waited for longer is parked; 0: nothing is
	Closing bool   `json:"closing,omitempty"` // it is being removed
	Waiting int    `json:"waiting"`           // emissions
	Parked  int    `json:"parked"`            // emissions
	Bytes   int64  `json:"bytes,omitempty"`   // of them
	// Unreadable says why nothing but the name is known: nothing is sent to it.
	Unreadable string `json:"unreadable,omitempty"`
}

// SetTarget makes a target, or changes one.
type SetTarget struct {
	Name string `json:"name"`
	// New: there must be none of the name; else there must be one, and what is empty here stays as it is.
	New    bool   `json:"new,omitempty"`
	URL    string `json:"url,omitempty"`
	Secret string `json:"secret,omitempty"` // never shown again
	Roots  string `json:"roots,omitempty"`  // PEM
	Skip   *bool  `json:"skip,omitempty"`
	AgeMS  *int64 `json:"age_ms,omitempty"`
}

// String leaves out what must not be shown.
func (t SetTarget) String() string { return t.Name + "=" + t.URL }

// RemoveTarget takes a target away. Without Drop nothing may wait or be parked for it.
type RemoveTarget struct {
	Name string `json:"name"`
	Drop bool   `json:"drop,omitempty"`
}

// TargetChanged is a target as it is now, or as it was.
type TargetChanged struct {
	ID      string      `json:"id,omitempty"` // of the call
	Target  ShownTarget `json:"target"`
	Dropped int         `json:"dropped,omitempty"` // emissions
}

// Text writes a number as epoch/sequence/index.
func Text(n position.Number) string {
	return fmt.Sprintf("%d/%d/%d", n.Epoch, n.Sequence, n.Index)
}

// Parse reads what Text wrote. The error is position.ErrMalformed.
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
