package draft

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/ranges"
	"github.com/hotpair/hotpair/storage/history"
)

// MostOperations bounds operations and conditions of one commit, each: a handler that needs more is better served
// by several requests, and a frame must be evaluated within milliseconds.
const MostOperations = 4096

// Commit is one commit on its way into a frame.
type Commit struct {
	Entry      history.Entry // without position and time, which the frame gives
	Conditions []bus.Condition
	Ranges     []keyrange.Range
	Record     bool // record the answer even if nothing is changed
	Outbox     outbox.Changes
	Orders     leaving.Orders // of the pair itself, in place of Outbox; may be nil
	Size       int            // estimate of the stored bytes
}

// Leaves reports whether it changes the outbox.
func (c *Commit) Leaves() bool { return !c.Outbox.IsZero() || c.Orders != nil }

// Overhead is an upper bound of an entry's size without keys, values and bodies, in bytes.
const Overhead = 512

// NewCommit checks a service's commit, or returns the reply that refuses it. A commit refused here never enters a
// frame, so it can't fail its neighbours. asked is the request that it belongs to, from terminal-if; zero for none.
func NewCommit(service string, asked ticket.Ticket, c *bus.Commit) (Commit, *bus.DatabaseReply) {
	if len(c.Operations) > MostOperations || len(c.Conditions) > MostOperations {
		return Commit{}, &bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf(
			"%d operations and %d conditions in one commit, at most %d each", len(c.Operations), len(c.Conditions), MostOperations)}
	}
	made := Commit{
		Conditions: c.Conditions, Ranges: c.Ranges, Record: c.Record, Outbox: c.Outbox,
		Entry: history.Entry{Kind: history.KindUpdate, Request: RequestID(asked.ID), Oldest: asked.Floor},
		Size:  Overhead + len(c.Answer.Body) + len(c.Answer.Message) + c.Outbox.Size(),
	}
	e := &made.Entry
	for _, o := range c.Operations {
		e.Effects = append(e.Effects, history.Effect{Key: o.Key, Value: o.Value, Delete: o.Delete})
		made.Size += len(o.Key) + len(o.Value) + 16
	}
	if bus.IsQueueSeries(e.Request.Terminal) && bus.IsAgain(c.Answer.Code) {
		made.Record = false // it is asked again under its number, until another moment brings another answer
	}
	if !e.Request.IsZero() {
		e.HasAnswer = true
		e.Answer = history.Answer{Code: c.Answer.Code, Message: c.Answer.Message, Body: c.Answer.Body, Revision: c.Answer.Revision, Request: asked.Digest[:]}
	} else if c.Record {
		return Commit{}, &bus.DatabaseReply{Code: bus.CodeMalformed, Message: "an answer can't be recorded without the ticket of a request"}
	}
	// The space is set even without effects, so that the history shows which service recorded the answer.
	e.Space = service
	if err := e.Validate(); err != nil {
		reply := Refusal(err)
		return Commit{}, &reply
	}
	for _, want := range c.Conditions {
		if n := len(want.Key); n == 0 || n > history.MaxKey {
			return Commit{}, &bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf("condition on a key of %d bytes", n)}
		}
	}
	if service == notice.System && len(c.Outbox.Notices) > 0 {
		return Commit{}, &bus.DatabaseReply{Code: bus.CodeMalformed, Message: "a service named " + service + " can't send notices: the pair itself uses that name"}
	}
	if err := c.Outbox.Validate(bus.ValidName); err != nil {
		return Commit{}, &bus.DatabaseReply{Code: bus.CodeMalformed, Message: err.Error()}
	}
	if refused := ranges.Refuse(c.Ranges); refused != nil {
		return Commit{}, refused
	}
	if made.Size-Overhead > history.MaxEntry {
		return Commit{}, &bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf("update of %d bytes, at most %d", made.Size, history.MaxEntry)}
	}
	return made, nil
}

// RequestID turns the bus's form into the storage's.
func RequestID(id bus.RequestID) history.RequestID {
	return history.RequestID{Terminal: id.Terminal, Counter: id.Counter, App: id.App}
}
