package delivery

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
)

// What terminal-if asks the updater of its host.
var (
	CallWatch  = bus.Question[Watch, Changed](bus.ProcessUpdater, bus.OfTerminalInterface+"notices-watch")
	CallBegin  = bus.Question[Begin, Begun](bus.ProcessUpdater, bus.OfTerminalInterface+"notices-begin")
	CallRead   = bus.Question[Read, View](bus.ProcessUpdater, bus.OfTerminalInterface+"notices-read")
	CallHad    = bus.Question[Report, bus.Done](bus.ProcessUpdater, bus.OfTerminalInterface+"notices-had")
	CallRoster = bus.Question[Roster, bus.Done](bus.ProcessUpdater, bus.OfTerminalInterface+"notices-roster")
)

// Calls is an Updater that calls the updater over the bus.
type Calls struct{ Conn bus.Asker }

// Watch implements Updater.
func (c Calls) Watch(ctx context.Context, q Watch) (Changed, error) {
	return CallWatch.Ask(ctx, c.Conn, q)
}

// Begin implements Updater.
func (c Calls) Begin(ctx context.Context, q Begin) (Begun, error) {
	return CallBegin.Ask(ctx, c.Conn, q)
}

// Read implements Updater.
func (c Calls) Read(ctx context.Context, q Read) (View, error) { return CallRead.Ask(ctx, c.Conn, q) }

// Had implements Updater.
func (c Calls) Had(ctx context.Context, q Report) error {
	_, err := CallHad.Ask(ctx, c.Conn, q)
	return err
}

// Roster implements Updater.
func (c Calls) Roster(ctx context.Context, q Roster) error {
	_, err := CallRoster.Ask(ctx, c.Conn, q)
	return err
}

// CallList is what main asks the updater, for operators.
var CallList = bus.Question[WaitingQuestion, WaitingNotices](bus.ProcessUpdater, "notices-list")

// Watch asks which terminals have got new notices in a term since an answer, and delays the answer until there are
// some, at most so long.
type Watch struct {
	Epoch uint64        `json:"epoch"`
	Seen  uint64        `json:"seen,omitempty"`
	Wait  time.Duration `json:"wait_ns,omitempty"`
}

// Changed lists the terminals with new notices.
type Changed struct {
	Version uint64 `json:"version"`
	// All: any terminal may have new notices, because there is one to all, or the list would be too long.
	All       bool     `json:"all,omitempty"`
	Terminals []string `json:"terminals,omitempty"`
	// Lost counts the notices that were discarded before terminals had them, since the updater started.
	Lost uint64 `json:"lost,omitempty"`
}

// MostBegun bounds the terminals of one Begin, MostRead those of one Read.
const (
	MostBegun = 512
	MostRead  = 256
)

// Begin asks where the notices of terminals continue.
type Begin struct {
	Epoch uint64   `json:"epoch"`
	IDs   []string `json:"ids"`
}

// Begun is the answer, with the history at the position of the read.
type Begun struct {
	History   notices.History `json:"history"`
	Terminals []Known         `json:"terminals"` // in the order in which they were asked for
}

// Known is the state of a terminal at the pair.
type Known struct {
	Known bool              `json:"known"` // false: not yet a terminal that may get notices
	Begin notices.Marks     `json:"begin"`
	Had   [2]notices.Number `json:"had"` // roughly
	// Unreadable says why the state is unreadable; "" if it is not.
	Unreadable string `json:"unreadable,omitempty"`
}

// Read asks for the streams of terminals with the same position in the common one.
type Read struct {
	Epoch     uint64         `json:"epoch"`
	Common    notices.Number `json:"common"`
	Terminals []Place        `json:"terminals"`
}

// Place is the position of a terminal in its own stream.
type Place struct {
	ID  string         `json:"id"`
	Own notices.Number `json:"own"`
}

// View is a read at one committed position. Own has as many streams as fit, in the order of the terminals.
type View struct {
	Common Page   `json:"common"`
	Own    []Page `json:"own"`
}

// Page is a part of a stream with the contents of its notices.
type Page struct {
	notices.Page

	Contents []notice.Content `json:"contents,omitempty"` // of Kept
}

// Report sends the positions of terminals.
type Report struct {
	Epoch uint64 `json:"epoch"`
	Had   []Had  `json:"had"`
}

// Had is the position of a terminal in each stream.
type Had struct {
	ID  string            `json:"id"`
	Had [2]notices.Number `json:"had"`
}

// Roster lists the terminals of the pair. Revision is that of its table; 0: the list is of the environment. A list of
// the committed table is complete, so the state of other terminals is removed; a list of another revision is refused,
// because it may lack a terminal that was added since.
type Roster struct {
	Epoch    uint64   `json:"epoch"`
	IDs      []string `json:"ids"`
	Revision uint64   `json:"revision,omitempty"`
}

// MostListed bounds the terminals of one answer.
const MostListed = 1000

// WaitingQuestion asks for the notices that wait for terminals. After is the last terminal already known.
type WaitingQuestion struct {
	After   string `json:"after,omitempty"`
	Waiting bool   `json:"waiting,omitempty"` // only terminals with waiting notices
	Limit   int    `json:"limit,omitempty"`   // 1 to MostListed
}

// WaitingNotices answers it, in the order of ids.
type WaitingNotices struct {
	Terminals []Recipient `json:"terminals"`
	Next      string      `json:"next,omitempty"` // what to give as After for more; empty: this is all
	Common    KeptNotices `json:"common"`
}

// KeptNotices is what is kept of a stream.
type KeptNotices struct {
	Total uint64 `json:"total,string"` // that it has had
	Kept  int    `json:"kept"`
	Bytes int    `json:"bytes"`
}

// Recipient is a terminal as operators see it.
type Recipient struct {
	ID  string      `json:"id"`
	Own KeptNotices `json:"own"`
	// Waiting is how many of its own it has not confirmed, and WaitingCommon of those to all, as far as was noted: that is done every
	// half a minute.
	Waiting       int  `json:"waiting"`
	WaitingCommon int  `json:"waiting_common"`
	Leaving       bool `json:"leaving,omitempty"` // it was removed from the pair
	// Oldest is pair time of the oldest of its own that waits.
	Oldest time.Time `json:"oldest,omitzero"`
	// Unreadable says which of its notices are unreadable, and are not sent.
	Unreadable string `json:"unreadable,omitempty"`
}
