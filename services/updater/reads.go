package updater

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/ranges"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// readKeys bounds the keys of one read.
	readKeys = 1024
	// readBytes bounds the items of one read: a reply must fit into one message with room for its batch.
	readBytes = 4 << 20
	// scanItems and scanBytes bound one page of a scan; what is beyond is told with More.
	scanItems = 1000
	scanBytes = 1 << 20
)

// read answers bus.Read: all keys at one committed position (R12), or the recorded answer of the request (R7).
func read(s *storage.Store, service string, asked ticket.Ticket, q *bus.Read) bus.DatabaseReply {
	if err := draft.RequestID(asked.ID).Validate(); err != nil {
		return draft.Refusal(err)
	}
	if len(q.Keys) > readKeys {
		return bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf("%d keys in one read, at most %d", len(q.Keys), readKeys)}
	}
	var reply bus.DatabaseReply
	err := s.View(func(r *storage.Reader) error {
		var known bool
		if reply, known = draft.Executed(r, draft.RequestID(asked.ID), asked.Digest[:]); known {
			return nil
		}
		if moved := ranges.Unmoved(draft.Committed{Reader: r}, r.Position().Sequence, service, nil, q.Ranges); moved != nil {
			reply = *moved
			return nil
		}
		bytes := 0
		reply = bus.DatabaseReply{Position: r.Position(), Items: make([]bus.Item, 0, len(q.Keys))}
		for _, key := range q.Keys {
			value, revision, _ := r.Get(service, key)
			if bytes += len(value); bytes > readBytes {
				reply = bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf("more than %d bytes in one read", readBytes)}
				return nil
			}
			reply.Items = append(reply.Items, bus.Item{Key: key, Value: value, Revision: revision})
		}
		return nil
	})
	if err != nil {
		return bus.DatabaseReply{Code: bus.CodeFault, Message: err.Error()}
	}
	return reply
}

// scan answers bus.Scan: one page in key order at one committed position.
func scan(s *storage.Store, service string, asked ticket.Ticket, q *bus.Scan) bus.DatabaseReply {
	if err := draft.RequestID(asked.ID).Validate(); err != nil {
		return draft.Refusal(err)
	}
	limit := q.Limit
	if limit <= 0 || limit > scanItems {
		limit = scanItems
	}
	var reply bus.DatabaseReply
	err := s.View(func(r *storage.Reader) error {
		var known bool
		if reply, known = draft.Executed(r, draft.RequestID(asked.ID), asked.Digest[:]); known {
			return nil
		}
		at := r.Position()
		if q.At != (position.Position{}) && q.At != at {
			reply = bus.DatabaseReply{Code: bus.CodeConflict, Position: at,
				Message: fmt.Sprintf("the state has moved from %v to %v since the first page", q.At, at)}
			return nil
		}
		if moved := ranges.Unmoved(draft.Committed{Reader: r}, at.Sequence, service, q.Conditions, q.Ranges); moved != nil {
			reply = *moved
			return nil
		}
		items, more := r.Scan(service, q.Prefix, q.After, limit, scanBytes)
		reply = bus.DatabaseReply{Position: at, More: more, Items: make([]bus.Item, len(items))}
		for i, item := range items {
			reply.Items[i] = bus.Item{Key: item.Key, Value: item.Value, Revision: item.Revision}
		}
		return nil
	})
	if err != nil {
		return bus.DatabaseReply{Code: bus.CodeFault, Message: err.Error()}
	}
	return reply
}
