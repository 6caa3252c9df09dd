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

// Calls is an Updater that is asked over the bus.
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

// List asks which timers there are.
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
	Next   string  `json:"next,omitempty"` // what to give as After for more; empty: this is all
	Kept   int     `json:"kept"`           // of all services
	Parked int     `json:"parked"`
}

// Shown is a timer as operators see it.
type Shown struct {
	Service   string `json:"service"`
	Key       string `json:"key"`
	Operation string `json:"operation"`
	// Due is when it is due; of one that was set to run after a while as it was expected when it was set.
	Due      time.Time `json:"due"`
	Wall     bool      `json:"wall,omitempty"` // it is due at an hour
	Parked   bool      `json:"parked,omitempty"`
	Why      string    `json:"why,omitempty"` // it is parked, or can't be read
	Revision uint64    `json:"revision"`
	Bytes    int       `json:"bytes"` // of its body
}

// Change releases a parked timer, or drops one.
type Change struct {
	Service string `json:"service"`
	Key     string `json:"key"`
	Drop    bool   `json:"drop,omitempty"`
}

// Changed is the timer as it was.
type Changed struct {
	ID    string `json:"id,omitempty"` // of the call
	Timer Shown  `json:"timer"`
}

// Question asks what is due in a term.
type Question struct {
	Epoch uint64 `json:"epoch"`
	// From is where to go on; nil is the beginning.
	From *Place `json:"from,omitempty"`
	// Most bounds the timers of each clock; 0 asks for none.
	Most int `json:"most,omitempty"`
	// Seen and Wait let the answer wait until timers have changed since an answer, at most so long.
	Seen uint64        `json:"seen,omitempty"`
	Wait time.Duration `json:"wait_ns,omitempty"`
}

// Place is how far a look has come in the order of each clock.
type Place struct {
	Counted []byte `json:"counted,omitempty"`
	Wall    []byte `json:"wall,omitempty"`
}

// Due is what is due.
type Due struct {
	Timers []Timer `json:"timers,omitempty"`
	// Next is when the first of the others is due; 0: that is not known, or there is none.
	Next time.Duration `json:"next_ns,omitempty"`
	// Rest is where to go on; nil: this is all.
	Rest *Place `json:"rest,omitempty"`
	// Version rises whenever timers change.
	Version uint64 `json:"version"`
	// Deferred says why timers that may be due are not run; "" when none is held.
	Deferred string `json:"held,omitempty"`
	// Kept and Parked are how many there are.
	Kept   int `json:"kept,omitempty"`
	Parked int `json:"parked,omitempty"`
}

// Timer is one that is to be run, or dropped because it is late.
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

// Orders are changes that the pair makes by itself, in one update. Without any it notes the time.
type Orders struct {
	Epoch  uint64  `json:"epoch"`
	Orders []Order `json:"orders,omitempty"`
}

// Order is one of them.
type Order struct {
	Service  string      `json:"service"`
	Key      string      `json:"key"`
	Kind     timers.Kind `json:"kind"` // Drop, Park or Release
	Revision uint64      `json:"revision"`
	Why      string      `json:"why,omitempty"`
}
