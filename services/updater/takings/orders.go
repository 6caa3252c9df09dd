package takings

import (
	"bytes"
	"fmt"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Moved is a command whose state has changed.
type Moved struct {
	Terminal, Service, Topic string
	Number                   position.Number
	State                    commands.State
	Void                     bool // because a history was taken back
}

// Order has one command taken, or settled by who took it. What was judged stands in it when it was answered: once in an update, or with
// leaving.ErrGone when nothing had to change.
type Order struct {
	Terminal string
	Number   position.Number
	By       commands.Taker
	Done     bool

	Verdict commands.Verdict
	Body    []byte // with the first taking
	Moved   *Moved // nil: nothing has changed
}

// Size implements leaving.Orders.
//
// The body is written again with the taking, in case the answer is lost.
func (o *Order) Size() int { return 4*overhead + outbox.MaxBody }

// Change implements leaving.Orders.
func (o *Order) Change(s *leaving.Set) error {
	w := changing{s}
	o.Verdict, o.Body, o.Moved = 0, nil, nil
	f, err := w.facts()
	if err != nil {
		return err
	}
	it, err := w.find(o.Terminal, o.Number)
	if err != nil {
		return err
	}
	var is *commands.Command
	if it != nil {
		is = it.command(o.Number)
	}
	judge := commands.Take
	if o.Done {
		judge = commands.Finish
	}
	next, v := judge(is, o.By, f)
	o.Verdict = v
	if v == commands.First {
		o.Body = it.Body
	}
	if is == nil || next == *is {
		return fmt.Errorf("the command %w", leaving.ErrGone)
	}
	moved := it.moved(o.Terminal, next)
	o.Moved = &moved
	return w.become(o.Terminal, it, next)
}

// Answer is what the terminal is told.
func (o *Order) Answer() notice.Taken { return notice.Taken{Verdict: o.Verdict.String(), Body: o.Body} }

// Pass has the time that has passed change commands, which are named by their places in its order.
type Pass struct {
	Keys [][]byte

	Moved []Moved
}

// Size implements leaving.Orders.
func (p *Pass) Size() int { return 3 * overhead * len(p.Keys) }

// Change implements leaving.Orders.
func (p *Pass) Change(s *leaving.Set) error {
	w := changing{s}
	p.Moved = nil
	f, err := w.facts()
	if err != nil {
		return err
	}
	for _, key := range p.Keys {
		if err := p.pass(w, f, key); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pass) pass(w changing, f commands.Facts, key []byte) error {
	_, id, n, err := ordered(key)
	var it *stored
	if err == nil {
		it, err = w.find(id, n)
	}
	if err != nil || it == nil { // a place of nothing, or of what can't be read: it goes, so that it stands in nobody's way
		w.Drop(key)
		return nil
	}
	is := it.command(n)
	switch next, keep := commands.Pass(is, f); {
	case !keep:
		return w.forget(id, is, it.Size)
	case next != *is:
		p.Moved = append(p.Moved, it.moved(id, next))
		return w.become(id, it, next)
	}
	return nil
}

// Due gives the places of commands that time changes at a pair time, in the order in which it does.
func Due(r leaving.Reader, now int64) (keys [][]byte) {
	walked := 0
	for it := range r.Each(history.OutboxSpace, []byte(order), nil) {
		if walked++; len(keys) == MostPassed || walked > leaving.MostWalked {
			break
		}
		if it.Revision == 0 {
			continue
		}
		if at, _, _, err := ordered(it.Key); err == nil && at >= now {
			break
		}
		keys = append(keys, bytes.Clone(it.Key))
	}
	return keys
}
