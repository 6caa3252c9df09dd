// Package drafttest makes commits for tests.
package drafttest

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/draft"
)

// Request is a commit of the service kv with what the ticket of its request says.
type Request struct {
	ID         bus.RequestID
	Oldest     uint64
	Body       string
	Epoch      uint64
	Conditions []bus.Condition
	Ranges     []keyrange.Range
	Operations []bus.Operation
	Outbox     outbox.Changes
	Answer     bus.Answer
	Record     bool
}

// Asked is what terminal-if says of the request, zero without an id.
func (q Request) Asked() ticket.Ticket {
	if q.ID == (bus.RequestID{}) {
		return ticket.Ticket{}
	}
	return ticket.Ticket{Epoch: q.Epoch, Service: "kv", ID: q.ID, Floor: q.Oldest, Digest: Digest(q.Body)}
}

// Digest is that of a request with a body.
func Digest(body string) ticket.Digest { return ticket.DigestOf("kv", "put", []byte(body)) }

// Commit is what the service sends, with a ticket under a key.
func (q Request) Commit(key bus.TicketKey) *bus.Commit {
	c := &bus.Commit{Epoch: q.Epoch, Conditions: q.Conditions, Ranges: q.Ranges, Operations: q.Operations, Outbox: q.Outbox, Answer: q.Answer, Record: q.Record}
	if asked := q.Asked(); asked.Service != "" {
		c.Ticket = ticket.NewDesk(key).Issue(asked)
	}
	return c
}

// Admitted is the commit as it comes into a frame, or what refuses it.
func (q Request) Admitted() (*draft.Commit, *bus.DatabaseReply) {
	made, refused := draft.NewCommit("kv", q.Asked(), q.Commit(ticket.NewKey()))
	return &made, refused
}

// Put writes a key.
func Put(key, value string) bus.Operation {
	return bus.Operation{Key: []byte(key), Value: []byte(value)}
}

// Del removes a key.
func Del(key string) bus.Operation { return bus.Operation{Key: []byte(key), Delete: true} }

// Has demands that a key has a revision.
func Has(key string, revision uint64) bus.Condition {
	return bus.Condition{Key: []byte(key), Revision: revision}
}

// Present demands that a key is there.
func Present(key string) bus.Condition { return bus.Condition{Key: []byte(key), Present: true} }

// Counter is an id of terminal t1.
func Counter(n uint64) bus.RequestID { return bus.RequestID{Terminal: "t1", Counter: n} }
