// Package boards reads the notices of service tickets at terminals, for loads: a board reads continuously, counts the
// notices of each seat, and reports those that contradict earlier ones.
package boards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/business/tickets"
)

// ErrWrong says that a notice contradicts earlier ones.
var ErrWrong = errors.New("impossible notice")

const (
	pageOf = 1000
	// mostRecent bounds the notices remembered one by one, of which some may be void: more than a terminal stores.
	mostRecent = 1 << 14
)

// Board is the state by a terminal's notices.
type Board struct {
	Sold, Released map[string]int // seats, with how often
	Notices        int
	Gap            bool // it misses some, as a gap has reported
	Trimmed        bool // some were trimmed before they were read, so counts are too low

	prefix string
	after  uint64
	last   notice.Number
	recent []entry
	forgot bool // there were more than are remembered
}

// entry is a notice that may yet turn out to be void.
type entry struct {
	number notice.Number
	count  map[string]int // where it counts; nil: nowhere
	seat   string
}

// New returns a board of seats whose names have a prefix, with all stored notices of the terminal.
func New(prefix string) *Board {
	return &Board{Sold: map[string]int{}, Released: map[string]int{}, prefix: prefix}
}

// Told reads all stored notices of a terminal.
func Told(ctx context.Context, conn *nats.Conn) (all []notice.Told, err error) {
	for after := uint64(0); ; after = all[len(all)-1].Number {
		page, err := read(ctx, conn, after)
		if err != nil {
			return nil, err
		}
		if all = append(all, page.Notices...); !page.More {
			return all, nil
		}
	}
}

// read asks for a page.
func read(ctx context.Context, conn *nats.Conn, after uint64) (page notice.Kept, err error) {
	body, err := json.Marshal(notice.After{Number: after, Limit: pageOf})
	if err != nil {
		return page, err
	}
	reply, err := conn.RequestWithContext(ctx, notice.SubjectAfter, body)
	if err != nil {
		return page, err
	}
	if why := reply.Header.Get(bus.HeaderErrorCode); why != "" {
		return page, fmt.Errorf("%s: %s", why, reply.Header.Get(bus.HeaderError))
	}
	if err := json.Unmarshal(reply.Data, &page); err != nil {
		return page, err
	}
	if len(page.Notices) == 0 && page.More {
		return page, errors.New("an empty page that says more follows")
	}
	return page, nil
}

// FromNow skips the notices so far.
func (b *Board) FromNow(ctx context.Context, conn *nats.Conn) error {
	page, err := read(ctx, conn, 0)
	if err == nil {
		b.after = page.Last
	}
	return err
}

// Read reads new notices. The error is ErrWrong, or that of the terminal.
func (b *Board) Read(ctx context.Context, conn *nats.Conn) error {
	for {
		page, err := read(ctx, conn, b.after)
		if err != nil {
			return err
		}
		b.Trimmed = b.Trimmed || page.First > b.after+1
		if page.First > b.after+1 {
			b.after = page.First - 1
		}
		if err := b.take(page.Notices); err != nil {
			return err
		}
		if !page.More {
			return nil
		}
	}
}

// take counts notices, in order, without void ones.
func (b *Board) take(list []notice.Told) error {
	for _, told := range list {
		if told.Number != b.after+1 {
			return fmt.Errorf("%w: number %d follows number %d", ErrWrong, told.Number, b.after)
		}
		b.after = told.Number
		b.Notices++
		switch {
		case told.Service == notice.System && told.Topic == notice.TopicGap:
			b.Gap = true
		case told.Service == notice.System:
			if err := b.void(told); err != nil {
				return err
			}
		default:
			_, n, err := notice.ParseID(told.ID)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrWrong, err)
			}
			if !n.After(b.last) {
				return fmt.Errorf("%w: %s follows %+v", ErrWrong, told.ID, b.last)
			}
			b.last = n
			b.count(n, told)
		}
	}
	return nil
}

// void takes back what came after a notice.
func (b *Board) void(told notice.Told) error {
	_, from, err := notice.ParseID(told.From)
	if err != nil && told.From != "" {
		return fmt.Errorf("%w: %w", ErrWrong, err)
	}
	for len(b.recent) > 0 {
		e := b.recent[len(b.recent)-1]
		if !e.number.After(from) {
			break
		}
		if e.count != nil {
			e.count[e.seat]--
		}
		b.recent = b.recent[:len(b.recent)-1]
	}
	b.Trimmed = b.Trimmed || b.forgot && len(b.recent) == 0 // it is unknown how many more are void
	b.last = from
	return nil
}

// count counts a notice.
func (b *Board) count(n notice.Number, told notice.Told) {
	e := entry{number: n}
	var s tickets.Seat
	if told.Service == tickets.Name && json.Unmarshal(told.Body, &s) == nil && strings.HasPrefix(s.Seat, b.prefix) {
		switch e.seat = s.Seat; told.Topic {
		case tickets.TopicSold:
			e.count = b.Sold
		case tickets.TopicReleased:
			e.count = b.Released
		}
	}
	if e.count != nil {
		e.count[e.seat]++
	}
	if len(b.recent) >= mostRecent {
		b.recent = append(b.recent[:0], b.recent[mostRecent/2:]...)
		b.forgot = true
	}
	b.recent = append(b.recent, e)
}
