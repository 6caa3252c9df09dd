package agenda

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/timers"
)

// What terminal-if asks the updater of its host.
var (
	CallDue   = bus.Question[Question, Due](bus.ProcessUpdater, bus.OfTerminalInterface+"timers-due")
	CallOrder = bus.Question[Orders, bus.Done](bus.ProcessUpdater, bus.OfTerminalInterface+"timers-order")
)

// Calls is an Updater that calls the updater over the bus.
type Calls struct{ Conn bus.Asker }

// Due implements Updater.
func (c Calls) Due(ctx context.Context, q Question) (Due, error) { return CallDue.Ask(ctx, c.Conn, q) }

// Order implements Updater.
func (c Calls) Order(ctx context.Context, o Orders) error {
	_, err := CallOrder.Ask(ctx, c.Conn, o)
	return err
}

// What main asks the updater, for operators.
var (
	CallList   = bus.Question[List, Listed](bus.ProcessUpdater, "timers-list")
	CallChange = bus.Question[Change, Changed](bus.ProcessUpdater, "timers-change")
)

// MostListed bounds the timers of one List.
const MostListed = 1000

// List asks for a list of timers.
type List struct {
	Service string `json:"service,omitempty"` // empty: all
	// After is the name of the last timer known already: service, slash, key.
	After  string `json:"after,omitempty"`
	Parked bool   `json:"parked,omitempty"` // only those
	Limit  int    `json:"limit,omitempty"`  // 1 to MostListed
}

// Listed are timers in the order of their names.
type Listed struct {
	Timers []Shown `json:"timers"`
	Next   string  `json:"next,omitempty"` // the next After; empty: there are no more
	Kept   int     `json:"kept"`           // of all services
	Parked int     `json:"parked"`
}

// Shown is a timer for operators.
type Shown struct {
	Service   string `json:"service"`
	Key       string `json:"key"`
	Operation string `json:"operation"`
	// Due is when it is due; for a timer with a delay, as expected when it was set.
	Due      time.Time `json:"due"`
	Wall     bool      `json:"wall,omitempty"` // it is due at a time of day
	Parked   bool      `json:"parked,omitempty"`
	Why      string    `json:"why,omitempty"` // why it is parked or unreadable
	Revision uint64    `json:"revision"`
	Bytes    int       `json:"bytes"` // of its body
}

// Change releases a parked timer, or drops one.
type Change struct {
	Service string `json:"service"`
	Key     string `json:"key"`
	Drop    bool   `json:"drop,omitempty"`
}

// Changed is the timer before the change.
type Changed struct {
	ID    string `json:"id,omitempty"` // of the call
	Timer Shown  `json:"timer"`
}

// Question asks which timers are due in a term.
type Question struct {
	Epoch uint64 `json:"epoch"`
	// From is the place to continue at; nil is the beginning.
	From *Place `json:"from,omitempty"`
	// Most bounds the timers of each clock; 0 asks for none.
	Most int `json:"most,omitempty"`
	// Seen and Wait delay the answer until timers have changed since the version Seen, at most by Wait.
	Seen uint64        `json:"seen,omitempty"`
	Wait time.Duration `json:"wait_ns,omitempty"`
}

// Place is the position of a look in the order of each clock.
type Place struct {
	Counted []byte `json:"counted,omitempty"`
	Wall    []byte `json:"wall,omitempty"`
}

// Due lists the due timers.
type Due struct {
	Timers []Timer `json:"timers,omitempty"`
	// Next is when the first later timer is due; 0 if unknown or none.
	Next time.Duration `json:"next_ns,omitempty"`
	// Rest is the place to continue at; nil: there are no more.
	Rest *Place `json:"rest,omitempty"`
	// Version rises whenever timers change.
	Version uint64 `json:"version"`
	// Deferred says why timers that may be due are not run; "" if none is deferred.
	Deferred string `json:"held,omitempty"`
	// Kept and Parked count all timers and the parked ones.
	Kept   int `json:"kept,omitempty"`
	Parked int `json:"parked,omitempty"`
}

// Timer is a timer to run, or to drop because it is late.
type Timer struct {
	Service   string        `json:"service"`
	Key       string        `json:"key"`
	Revision  uint64        `json:"revision"`
	Operation string        `json:"operation"`
	Body      []byte        `json:"body,omitempty"` // JSON
	At        int64         `json:"at_ns"`
	Late      time.Duration `json:"late_ns"`
	Skip      bool          `json:"skip,omitempty"`
}

// Orders are changes that the pair itself makes, in one update. Without changes the update records the time.
type Orders struct {
	Epoch  uint64  `json:"epoch"`
	Orders []Order `json:"orders,omitempty"`
}

// Order is one such change.
type Order struct {
	Service  string      `json:"service"`
	Key      string      `json:"key"`
	Kind     timers.Kind `json:"kind"` // Drop, Park or Release
	Revision uint64      `json:"revision"`
	Why      string      `json:"why,omitempty"`
}
