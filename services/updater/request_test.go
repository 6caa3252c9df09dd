package updater

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/ticket"
)

// request is a commit with what the ticket of its request says.
type request struct {
	ID         bus.RequestID
	Oldest     uint64
	Body       string
	Epoch      uint64
	Conditions []bus.Condition
	Ranges     []keyrange.Range
	Operations []bus.Operation
	Answer     bus.Answer
	Record     bool
}

// testKey is what main gives to terminal-if and updater.
var testKey = ticket.NewKey()

// asked is what terminal-if says of the request, zero without an id.
func (q request) asked() ticket.Ticket {
	if q.ID == (bus.RequestID{}) {
		return ticket.Ticket{}
	}
	return ticket.Ticket{Epoch: q.Epoch, Service: "kv", ID: q.ID, Floor: q.Oldest, Digest: digestOf(q.Body)}
}

func digestOf(body string) ticket.Digest { return ticket.DigestOf("kv", "put", []byte(body)) }

// bytesOf is the digest as an entry holds it.
func bytesOf(d ticket.Digest) []byte { return d[:] }

func (q request) commit() *bus.Commit {
	c := &bus.Commit{Epoch: q.Epoch, Conditions: q.Conditions, Ranges: q.Ranges, Operations: q.Operations, Answer: q.Answer, Record: q.Record}
	if asked := q.asked(); asked.Service != "" {
		c.Ticket = ticket.NewDesk(testKey).Issue(asked)
	}
	return c
}

// call is the commit as it comes into a frame.
func (q request) call() (*commitCall, *bus.DatabaseReply) {
	return newCommitCall("kv", q.asked(), q.commit(), nil)
}
