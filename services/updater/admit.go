package updater

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/ranges"
	"github.com/hotpair/hotpair/storage/history"
)

// commitOperations bounds operations and conditions of one commit, each: a handler that needs more is better served
// by several requests, and a frame must be evaluated within milliseconds.
const commitOperations = 4096

// commitCall is one commit of a business process on its way into a frame.
type commitCall struct {
	entry      history.Entry // without position and time, which the frame gives
	conditions []bus.Condition
	ranges     []keyrange.Range
	record     bool // record the answer even if nothing is changed
	epoch      uint64
	size       int // estimate of the stored bytes
	answer     func(bus.DatabaseReply)
}

// callSize is what a call takes in the queue.
func callSize(c *commitCall) int { return c.size }

// entryOverhead is what an entry takes beside keys, values and bodies, in bytes, amply.
const entryOverhead = 512

// newCommitCall makes a call of a commit, or the reply that refuses it. What is refused here never meets a frame, so
// it can't fail its neighbours. asked is the request that it belongs to as terminal-if says, zero for none.
func newCommitCall(service string, asked ticket.Ticket, c *bus.Commit, answer func(bus.DatabaseReply)) (*commitCall, *bus.DatabaseReply) {
	if len(c.Operations) > commitOperations || len(c.Conditions) > commitOperations {
		return nil, &bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf(
			"%d operations and %d conditions in one commit, at most %d each", len(c.Operations), len(c.Conditions), commitOperations)}
	}
	call := &commitCall{
		conditions: c.Conditions, ranges: c.Ranges, record: c.Record, epoch: c.Epoch, answer: answer,
		entry: history.Entry{Kind: history.KindUpdate, Request: requestID(asked.ID), Oldest: asked.Floor},
		size:  entryOverhead + len(c.Answer.Body) + len(c.Answer.Message),
	}
	e := &call.entry
	for _, o := range c.Operations {
		e.Effects = append(e.Effects, history.Effect{Key: o.Key, Value: o.Value, Delete: o.Delete})
		call.size += len(o.Key) + len(o.Value) + 16
	}
	if !e.Request.IsZero() {
		e.HasAnswer = true
		e.Answer = history.Answer{Code: c.Answer.Code, Message: c.Answer.Message, Body: c.Answer.Body, Revision: c.Answer.Revision, Request: asked.Digest[:]}
	} else if c.Record {
		return nil, &bus.DatabaseReply{Code: bus.CodeMalformed, Message: "an answer can't be recorded without the ticket of a request"}
	}
	// The space is set even without effects, so that the history shows which service recorded the answer.
	e.Space = service
	if err := e.Validate(); err != nil {
		reply := refusal(err)
		return nil, &reply
	}
	for _, want := range c.Conditions {
		if n := len(want.Key); n == 0 || n > history.MaxKey {
			return nil, &bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf("condition on a key of %d bytes", n)}
		}
	}
	if refused := ranges.Refuse(c.Ranges); refused != nil {
		return nil, refused
	}
	if call.size-entryOverhead > history.MaxEntry {
		return nil, &bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf("update of %d bytes, at most %d", call.size, history.MaxEntry)}
	}
	return call, nil
}

// requestID turns the bus's form into the storage's.
func requestID(id bus.RequestID) history.RequestID {
	return history.RequestID{Terminal: id.Terminal, Counter: id.Counter, App: id.App}
}
